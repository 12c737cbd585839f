import type { KernelState, Violation } from "@pagetrail/core";
import { expect, test, vi } from "vitest";
import { Machine } from "./machine.ts";
import { toSatisfyLaws } from "./matchers.ts";
import { anonymous } from "./region.ts";
import { stateAt } from "./run.ts";

// No run of the model breaks a law; here one seems to, behind its second event.
vi.mock("@pagetrail/core", async (original) => ({
  ...(await original<typeof import("@pagetrail/core")>()),
  violations: ({ seq }: KernelState): readonly Violation[] =>
    seq === 2 ? [{ law: "order", where: "mm 2", what: "out of order" }] : [],
}));

test("a run that breaks a law on its way is told of, with the first event behind which it does", () => {
  const machine = new Machine();
  for (const pages of [1, 2, 3]) machine.ask(anonymous(pages * 4096));
  const { pass, message } = toSatisfyLaws(machine);
  expect(pass).toBe(false);
  expect(message().split("\n")).toEqual([
    "expected every law to hold, but there is 1 violation behind event 2:",
    "  order, mm 2: out of order",
    "",
    expect.stringMatching(/^ {7}1 {6}1 adopt/),
    expect.stringMatching(/^> {6}2 {6}1 mmap\(addr 0, length 0x1000/),
  ]);
  expect(toSatisfyLaws(stateAt(machine, 3)).pass).toBe(true);
  expect(toSatisfyLaws({ state: stateAt(machine, 2) }).pass).toBe(false);
});
