import {
  type Asking,
  askings,
  cpuProfile,
  FIRST,
  history,
  MACHINE,
  MACHINES,
  PAGE_MACHINE,
  schedulings,
} from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PAGE_SIZE, type Pid, type Step } from "../base/index.ts";
import { MAP, MREMAP } from "../mm/index.ts";
import { advanceState } from "./advance.ts";
import { applySteps, invertSteps } from "./apply-steps.ts";
import { composeSteps } from "./compose-steps.ts";
import { diffStates } from "./diff-states.ts";
import { FirstDigest } from "./first-digest.ts";
import type { Profile } from "./profile.ts";
import type { Request } from "./request.ts";
import { type KernelState, mmOf } from "./state.ts";
import type { KernelStep } from "./step.ts";
import "@pagetrail/testing/setup";

const digest = (state: KernelState): string => new FirstDigest((text) => text).of(state);

/** Everything that the journals of a run of events heard, one behind the other. */
function journalOf(told: ReturnType<typeof history>): readonly KernelStep[] {
  const steps: Step[] = [];
  for (const { event, before } of told) advanceState(before, event, { note: (step) => steps.push(step) });
  return steps as KernelStep[];
}

/** Two moments of a run. */
const moments = fc.tuple(fc.nat(1000), fc.nat(1000));

/** Its TLBs are so small that what is used soon takes another's place. */
const SMALL_TLBS: Profile = {
  ...PAGE_MACHINE,
  sysctl: { ...PAGE_MACHINE.sysctl, swapPages: 64 },
  scheduling: { cpus: 2, lazyTlb: "refcount" },
  tlb: { entries: 4, ways: 2, replacement: "random", seed: 3, pcid: true },
};

const TOUCHED = { addr: 0x30000000, length: 16 * PAGE_SIZE };
const touching: fc.Arbitrary<readonly Asking[]> = fc.array(
  fc
    .tuple(fc.nat(11), fc.constantFrom("read", "write", "write"))
    .map(([page, kind]) => ({ call: "access", addr: TOUCHED.addr + page * PAGE_SIZE, kind }) as const)
    .map((request) => ({ tid: FIRST, request })),
  { maxLength: 6, size: "max" },
);
const onCpu0: Asking = { tid: 0 as Pid, request: { call: "switch", cpu: 0, next: FIRST, state: "R" } };
const mapped: Asking = {
  tid: FIRST,
  request: {
    ...{ call: "mmap", ...TOUCHED, prot: 3, offset: 0, file: 0 },
    flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED,
  },
};

/** The first process runs whenever CPU 0 idles, and touches its memory between all else that is asked. */
const running: fc.Arbitrary<readonly Asking[]> = fc
  .array(fc.tuple(touching, schedulings(1), askings(1)), { maxLength: 15, size: "max" })
  .map((parts) => [
    onCpu0,
    mapped,
    ...parts.flatMap(([touches, ...others]) => [onCpu0, ...touches, ...others.flat()]),
  ]);

const sortsOfRun: readonly (readonly [string, Profile, fc.Arbitrary<readonly Asking[]>])[] = [
  ...MACHINES.map(([name, machine]) => [name, machine, askings(40)] as const),
  ["CPUs", cpuProfile(2, "refcount"), schedulings(60)],
  ["small TLBs", SMALL_TLBS, running],
];

test("the runs of a machine with small TLBs fill them, and push translations out of them", () => {
  const sum = { hits: 0, misses: 0, evictions: 0 };
  for (const asked of fc.sample(running, { numRuns: 300, seed: 1 }))
    for (const { counts } of history(asked, SMALL_TLBS).at(-1)?.after.tlb?.cpus.values() ?? []) {
      sum.hits += counts.hits;
      sum.misses += counts.misses;
      sum.evictions += counts.evictions;
    }
  expect(sum.hits).toBeGreaterThan(300);
  expect(sum.misses).toBeGreaterThan(300);
  expect(sum.evictions).toBeGreaterThan(300);
});

// mremap with MREMAP_DONTUNMAP leaves pages in locked_vm that no mapping has: only a step of its own tells of them.
test("locked_vm is as it was, also where it does not follow from the mappings", () => {
  const [at, to, length] = [0x20000000, 0x20010000, 3 * PAGE_SIZE];
  const flags = MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED;
  const requests: readonly Request[] = [
    { call: "mmap", addr: at, length, prot: 3, flags, offset: 0, file: 0 },
    { call: "mlock", addr: at, length, flags: 0 },
    {
      call: "mremap",
      addr: at,
      oldLength: length,
      newLength: length,
      flags: MREMAP.MAYMOVE | MREMAP.DONTUNMAP | MREMAP.FIXED,
      newAddr: to,
    },
    { call: "munmap", addr: at, length },
    { call: "munmap", addr: to, length },
  ];
  const told = history(
    requests.map((request) => ({ tid: FIRST, request })),
    MACHINE,
  );
  const [first, last] = [told[0]?.before, told.at(-1)?.after] as [KernelState, KernelState];
  expect(mmOf(last, FIRST)).toMatchObject({ totalVm: 0, lockedVm: 3 });
  for (const { after } of told) {
    const steps = diffStates(after, last);
    expect(digest(applySteps(after, steps))).toBe(digest(last));
    expect(digest(applySteps(last, invertSteps(steps)))).toBe(digest(after));
  }
  const composed = composeSteps(journalOf(told));
  expect(digest(applySteps(first, composed))).toBe(digest(last));
  expect(digest(applySteps(last, invertSteps(composed)))).toBe(digest(first));
});

describe.each(sortsOfRun)("of a machine with %s", (_, machine, asked) => {
  test("apply(diff(a, b), a) is b, and the diff turned round leads back", { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(asked, moments, (requests, [m, n]) => {
        const states = history(requests, machine).map(({ after }) => after);
        const [a, b] = [states[m % states.length], states[n % states.length]] as [KernelState, KernelState];
        const steps = diffStates(a, b);
        const there = applySteps(a, steps);
        expect(digest(there)).toBe(digest(b));
        expect(there).toSatisfyLaws();
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
