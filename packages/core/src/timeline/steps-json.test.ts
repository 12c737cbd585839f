import {
  type Asking,
  askings,
  cpuProfile,
  history,
  MACHINE,
  PAGE_MACHINE,
  schedulings,
} from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applySteps, diffStates, FirstDigest, type KernelState, type Profile } from "../kernel/index.ts";
import { decodeSteps, encodeSteps, SHOWN_STEPS } from "./steps-json.ts";

const digest = (state: KernelState): string => new FirstDigest((text) => text).of(state);
const moments = fc.tuple(fc.nat(1000), fc.nat(1000));

const runs: readonly (readonly [string, Profile, fc.Arbitrary<readonly Asking[]>])[] = [
  ["of processes", MACHINE, askings(40)],
  ["of CPUs", cpuProfile(2, "shootdown"), schedulings(60)],
];

describe.each(runs)("steps as JSON, from runs %s", (_, machine, asked) => {
  test("come back and lead from one state to the other", { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(asked, moments, (requests, [m, n]) => {
        const states = history(requests, machine).map(({ after }) => after);
        const [a, b] = [states[m % states.length], states[n % states.length]] as [KernelState, KernelState];
        const json = JSON.parse(JSON.stringify(encodeSteps(diffStates(a, b))));
        const steps = decodeSteps(json);
        if (!steps.ok) throw new Error(steps.error);
        expect(digest(applySteps(a, steps.value))).toBe(digest(b));
      }),
      { numRuns: 1000 },
    );
  });
});

test("steps of pages and frames are shown, and refused by name when they are to be applied", () => {
  const asked = [{ call: "mmap", addr: 0x20000000, length: 0x4000, prot: 3, flags: 0x22 } as const];
  const requests = asked.map((r) => ({ tid: 1 as never, request: { ...r, offset: 0, file: 0 as never } }));
  const touch = { tid: 1 as never, request: { call: "access", addr: 0x20000000, kind: "write" } as const };
  const fixed = requests.map((r) => ({ ...r, request: { ...r.request, flags: 0x32 } }));
  const states = history([...fixed, touch], PAGE_MACHINE).map(({ after }) => after);
  const [a, b] = [states.at(-2), states.at(-1)] as [KernelState, KernelState];
  const json = encodeSteps(diffStates(a, b));
  expect(json.find(({ kind }) => kind === "pte")).toEqual({
    kind: "pte",
    mm: 1,
    pages: [{ kind: "populated", start: "0x20000000", end: "0x20001000" }],
  });
  const frame = json.find(({ kind }) => kind === "frame") as { before: { freePages: number } };
  expect(frame.before.freePages).toBeGreaterThan(0);
  expect(SHOWN_STEPS).toEqual(new Set(["pte", "frame", "tlb"]));
  expect(decodeSteps(json)).toMatchObject({ ok: false, error: expect.stringContaining("only shown") });
});

test.each([
  [7, "not an object"],
  [{ kind: "nothing" }, "unknown kind"],
  [{ kind: "vma", mm: 1, before: [], after: [{ start: "0x1000" }] }, "no list of VMAs"],
  [{ kind: "mm", mm: 1, field: "vmas", before: 1, after: 2 }, "no mm or field"],
  [{ kind: "space", mm: 1, after: { layout: "z80", vmas: [] } }, "no address space"],
  [{ kind: "task", before: {} }, "no key"],
  [{ kind: "kspace", before: {}, after: {} }, "no kernel half"],
  [{ kind: "counters", before: {} }, "two sides"],
])("%j is refused, and it says which step it was", (json, why) => {
  const decoded = decodeSteps([{ kind: "task", key: 1 }, json]);
  expect(decoded).toMatchObject({ ok: false, error: expect.stringContaining(why) });
  expect(decoded).toMatchObject({ error: expect.stringMatching(/^step 2: /) });
});
