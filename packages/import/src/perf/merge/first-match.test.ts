import { expect, test } from "vitest";
import type { StraceCall } from "../../strace/text/index.ts";
import { FirstMatch, isTelling } from "./first-match.ts";

function call(name: string, value: number, time: number, tid = 42): StraceCall {
  const hex = `0x${value.toString(16)}`;
  const result = { kind: "value", text: hex, value, hex } as const;
  return { kind: "call", tid, name, args: [], startLine: 1, line: 1, time, result };
}

test("calls are the same by a result that each recording has once", () => {
  const first = new FirstMatch();
  first.call(call("mmap", 0x7000, 10));
  first.call(call("mmap", 0x8000, 11));
  first.call(call("clone3", 43, 12));
  first.faultCall(call("mmap2", 0x7000, 4));
  first.faultCall(call("fork", 43, 5.5));
  expect(first.distances()).toEqual([6, 6.5]);
});

test("a result that comes twice says nothing, nor one of another task", () => {
  const first = new FirstMatch();
  for (const time of [10, 11]) first.call(call("mmap", 0x7000, time));
  first.faultCall(call("mmap", 0x7000, 5));
  first.call(call("mmap", 0x8000, 12));
  for (const time of [6, 7]) first.faultCall(call("mmap", 0x8000, time));
  first.call(call("mmap", 0x9000, 13));
  first.faultCall(call("mmap", 0x9000, 8, 43));
  expect(first.distances()).toEqual([]);
});

test("only addresses and pids tell one call from all others", () => {
  expect(isTelling(call("mmap", 0x7000, 1))).toBe(true);
  expect(isTelling(call("munmap", 0, 1))).toBe(false);
  expect(isTelling(call("read", 832, 1))).toBe(false);
});

test("clocks are one when both count from 1970 and nearly the same", () => {
  const both = (one: number, other: number): boolean => {
    const first = new FirstMatch();
    first.call(call("read", 1, one));
    first.fault(other);
    return first.isSameClock;
  };
  expect(both(1_700_000_000, 1_700_000_002)).toBe(true);
  expect(both(1_700_000_000, 1_700_009_000)).toBe(false);
  expect(both(12, 13)).toBe(false);
});
