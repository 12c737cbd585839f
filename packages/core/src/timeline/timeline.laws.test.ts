import {
  type Asking,
  askings,
  cpuProfile,
  history,
  MACHINES,
  PAGE_MACHINE,
  schedulings,
} from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FirstDigest, type KernelState, type Profile } from "../kernel/index.ts";
import { Timeline } from "./timeline.ts";

const TLBS: Profile = {
  ...PAGE_MACHINE,
  scheduling: { cpus: 2, lazyTlb: "refcount" },
  tlb: { entries: 16, ways: 4, replacement: "lru", seed: 0, pcid: true },
};

const RUNS = { numRuns: 1000 };
const textOf = (state: KernelState): string => new FirstDigest((text) => text).of(state);

const runs: readonly (readonly [string, Profile, fc.Arbitrary<readonly Asking[]>])[] = [
  ...MACHINES.map(([name, machine]) => [name, machine, askings(30)] as const),
  ["CPUs", cpuProfile(2, "shootdown"), schedulings(50)],
  ["TLBs", TLBS, schedulings(40)],
];

describe.each(runs)("a timeline of %s", (_, machine, asked) => {
  test("has the state of single events at every moment, whatever the order, the strides and the budget", {
    timeout: 600_000,
  }, () => {
    const seeks = fc.array(fc.nat(10_000), { minLength: 1, maxLength: 12 });
    const stride = fc.constantFrom(1, 2, 5, 16);
    const budget = fc.constantFrom(0, 5_000, 50_000, 10 ** 9);
    fc.assert(
      fc.property(asked, seeks, stride, budget, (requests, places, every, bytes) => {
        const told = history(requests, machine);
        const states = [told[0]?.before as KernelState, ...told.map(({ after }) => after)];
        const events = told.map(({ event }) => event);
        const timeline = new Timeline(states[0] as KernelState, events, { stride: every, budget: bytes });
        for (const place of places) {
          const seq = place % states.length;
          expect(textOf(timeline.stateAt(seq))).toBe(textOf(states[seq] as KernelState));
          expect(timeline.checkpoints.bytes).toBeLessThanOrEqual(bytes);
        }
      }),
      RUNS,
    );
  });
});
