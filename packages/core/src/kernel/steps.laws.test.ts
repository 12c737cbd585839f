import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Step } from "../base/index.ts";
import { cpuProfile } from "../testing/cpus.ts";
import { history, MACHINES } from "../testing/history.ts";
import { type Asking, askings, schedulings } from "../testing/requests.ts";
import { advanceState } from "./advance.ts";
import { applySteps, invertSteps } from "./apply-steps.ts";
import { composeSteps } from "./compose-steps.ts";
import { diffStates } from "./diff-states.ts";
import { StateDigest } from "./digest.ts";
import { violations } from "./laws.ts";
import type { Profile } from "./profile.ts";
import type { KernelState } from "./state.ts";
import type { KernelStep } from "./step.ts";

const digest = (state: KernelState): string => new StateDigest((text) => text).of(state);

/** Everything that the journals of a run of events heard, one behind the other. */
function journalOf(told: ReturnType<typeof history>): readonly KernelStep[] {
  const steps: Step[] = [];
  for (const { event, before } of told) advanceState(before, event, { note: (step) => steps.push(step) });
  return steps as KernelStep[];
}

/** Two moments of a run. */
const moments = fc.tuple(fc.nat(1000), fc.nat(1000));

const sortsOfRun: readonly (readonly [string, Profile, fc.Arbitrary<readonly Asking[]>])[] = [
  ...MACHINES.map(([name, machine]) => [name, machine, askings(40)] as const),
  ["CPUs", cpuProfile(2, "refcount"), schedulings(60)],
];

describe.each(sortsOfRun)("of a machine with %s", (_, machine, asked) => {
  test("apply(diff(a, b), a) is b, and the diff turned round leads back", { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(asked, moments, (requests, [m, n]) => {
        const states = history(requests, machine).map(({ after }) => after);
        const [a, b] = [states[m % states.length], states[n % states.length]] as [KernelState, KernelState];
        const steps = diffStates(a, b);
        const there = applySteps(a, steps);
        expect(digest(there)).toBe(digest(b));
        expect([...violations(there)]).toEqual([]);
        expect(digest(applySteps(b, invertSteps(steps)))).toBe(digest(a));
        expect(diffStates(there, b).filter(({ kind }) => kind !== "pte" && kind !== "frame")).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  test("the journals of consecutive events compose to the diff of the states around them", () => {
    fc.assert(
      fc.property(asked, moments, (requests, [m, n]) => {
        const told = history(requests, machine);
        const [from, to] = [m % told.length, n % told.length].sort((x, y) => x - y) as [number, number];
        const run = told.slice(from, to + 1);
        const [a, b] = [run[0]?.before, run.at(-1)?.after] as [KernelState, KernelState];
        const steps = journalOf(run);
        const one = composeSteps(steps);
        expect(digest(applySteps(a, steps))).toBe(digest(b));
        expect(digest(applySteps(a, one))).toBe(digest(b));
        expect(digest(applySteps(b, invertSteps(one)))).toBe(digest(a));
        const size = (all: readonly KernelStep[]): number => all.length;
        expect(size(one)).toBe(size(diffStates(a, b)));
      }),
      { numRuns: 1000 },
    );
  });
});
