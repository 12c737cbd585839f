import { importStrace } from "@pagetrail/testing";
import { expect, test } from "vitest";
import { firstInKernel, type ThreadCall } from "./thread-order.ts";

const ANON = "PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0";

/** A process whose next mappings go to 0x7f0000003000, 0x7f0000002000, 0x7f0000001000 … in this order. */
const { state } = importStrace(`7 mmap(NULL, 4096, ${ANON}) = 0x7f0000004000\n`);

const mapped = (at: number, startLine: number, line: number): ThreadCall => ({
  tid: 7,
  request: { call: "mmap", addr: 0, length: 4096, prot: 3, flags: 0x22, offset: 0, file: 0 },
  outcome: { ret: at },
  startLine,
  line,
});

const [FIRST, SECOND, THIRD] = [0x7f0000003000, 0x7f0000002000, 0x7f0000001000];

test("calls are taken as they returned where their results fit", () => {
  expect(firstInKernel(state, [mapped(FIRST, 1, 3), mapped(SECOND, 2, 5), mapped(THIRD, 2, 6)])).toBe(0);
});

test("else in the order in which they do", () => {
  expect(firstInKernel(state, [mapped(THIRD, 1, 3), mapped(FIRST, 2, 5), mapped(SECOND, 2, 6)])).toBe(1);
});

test("but none before a call that had returned when it was made", () => {
  expect(firstInKernel(state, [mapped(THIRD, 1, 3), mapped(FIRST, 4, 5), mapped(SECOND, 2, 6)])).toBe(0);
});
