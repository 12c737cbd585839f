import {
  type Asking,
  askings,
  cpuProfile,
  history,
  kernelRequests,
  MACHINES,
  PAGE_MACHINE,
  schedulings,
} from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { advanceState, FirstDigest, type KernelState, type Profile, StateDigest } from "../kernel/index.ts";
import { testHash } from "../testing/hash.ts";
import { rootBytes } from "./root-bytes.ts";
import { decodeState, encodeState } from "./state-codec.ts";
import "@pagetrail/testing/setup";

const textOf = (state: KernelState): string =>
  `${new FirstDigest((text) => text).of(state)}\n${new StateDigest(testHash).of(state)}`;

const TLBS: Profile = {
  ...PAGE_MACHINE,
  scheduling: { cpus: 2, lazyTlb: "refcount" },
  tlb: { entries: 16, ways: 4, replacement: "random", seed: 7, pcid: true },
};

const inKernel = kernelRequests(40).map((requests) =>
  requests.map((request) => ({ tid: 1 as never, request })),
);

const runs: readonly (readonly [string, Profile, fc.Arbitrary<readonly Asking[]>])[] = [
  ...MACHINES.map(([name, machine]) => [name, machine, askings(30)] as const),
  ["CPUs", cpuProfile(2, "shootdown"), schedulings(40)],
  ["TLBs", TLBS, schedulings(40)],
  ["a 32-bit kernel half", { ...PAGE_MACHINE, layout: "i386" }, inKernel],
];

describe.each(runs)("a state of %s", (_, machine, asked) => {
  test("comes back from its text, and goes on as it would have", { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(asked, fc.nat(1000), (requests, place) => {
        const told = history(requests, machine);
        const at = place % told.length;
        const { after } = told[at] as { after: KernelState };
        const back = decodeState(encodeState(after), machine);
        if (!back) throw new Error("it was not read back");
        expect(textOf(back)).toBe(textOf(after));
        expect(back).toSatisfyLaws();
        expect(rootBytes(back)).toBeGreaterThan(0);
        let state = back;
        for (const { event } of told.slice(at + 1)) {
          const { state: next, predicted } = advanceState(state, event);
          expect(predicted).toEqual(event.outcome);
          state = next;
        }
        expect(textOf(state)).toBe(textOf(told.at(-1)?.after as KernelState));
        // What was decoded is as frozen as any state: its going on has not changed it.
        expect(textOf(back)).toBe(textOf(after));
      }),
      { numRuns: 1000 },
    );
  });
});

test("what is no state is not read", () => {
  for (const text of ["", "{", "null", "7", "{}", '{"counters":{}}', "[]"])
    expect(decodeState(text, PAGE_MACHINE)).toBeUndefined();
});
