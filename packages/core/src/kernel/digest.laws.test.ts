import { type Asking, askings, cpuProfile, history, MACHINES, schedulings } from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { testHash } from "../testing/hash.ts";
import { replayEvents } from "./advance.ts";
import { undoSteps } from "./apply-steps.ts";
import { diffStates } from "./diff-states.ts";
import { StateDigest } from "./digest.ts";
import { FirstDigest } from "./first-digest.ts";
import type { Profile } from "./profile.ts";
import { initialState, type KernelState } from "./state.ts";

const textOf = (state: KernelState): string => new FirstDigest((text) => text).of(state);
const fresh = (state: KernelState): string => new StateDigest(testHash).of(state);

const runs: readonly (readonly [string, Profile, fc.Arbitrary<readonly Asking[]>])[] = [
  ...MACHINES.map(([name, machine]) => [name, machine, askings(30)] as const),
  ["CPUs", cpuProfile(2, "refcount"), schedulings(40)],
];

describe.each(runs)("the digest of states of %s", (_, machine, asked) => {
  test("remembering what it saw is that of one who sees the state for the first time, and tells states apart", {
    timeout: 600_000,
  }, () => {
    fc.assert(
      fc.property(asked, (requests) => {
        const digest = new StateDigest(testHash);
        const seen = new Map<string, string>();
        for (const { after } of history(requests, machine)) {
          const found = digest.of(after);
          expect(found).toBe(fresh(after));
          const text = textOf(after);
          expect(seen.get(found) ?? text).toBe(text);
          seen.set(found, text);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("does not depend on how a state came about", { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(asked, (requests) => {
        const told = history(requests, machine);
        const last = told.at(-1)?.after as KernelState;
        const origin = initialState(machine);
        const { state } = replayEvents(
          origin,
          told.map(({ event }) => event),
        );
        expect(fresh(state)).toBe(fresh(last));
        expect(fresh(undoSteps(last, diffStates(origin, last)))).toBe(fresh(origin));
      }),
      { numRuns: 1000 },
    );
  });
});

test("a digest is made by the definition of the one that it is to be compared with", () => {
  const state = initialState(cpuProfile(2));
  const digest = new StateDigest(testHash);
  expect(digest.like("2:0", state)).toBe(digest.of(state));
  expect(digest.like("1c0ffee", state)).toBe(new FirstDigest(testHash).of(state));
  expect(digest.of(state)).not.toBe(digest.like("1c0ffee", state));
});
