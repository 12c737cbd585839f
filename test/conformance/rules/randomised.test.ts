import { type Child, LiveKernel, type LiveRun, whyNoLiveKernel } from "@pagetrail/conformance";
import { IA32, type Layout, mmapBase, PAGE_SIZE, X86_64 } from "@pagetrail/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NARROW, PLAIN } from "./processes.ts";

const STARTS = 12;
const reason = whyNoLiveKernel();

/** Where the parts of one start lie, in bytes. */
interface Places {
  /** End of the vdso, which ends where the mapping area does. */
  readonly base: number;
  readonly stackTop: number;
  /** How far the heap begins above the program's end. */
  readonly heap: number;
}

function placesOf({ brk, moments: [first] }: LiveRun): Places {
  const named = (name: string) => first?.vmas.find((v) => v.name === name)?.end ?? 0;
  const program = first?.vmas.filter((v) => v.end <= brk).at(-1)?.end ?? 0;
  return { base: named("[vdso]"), stackTop: named("[stack]"), heap: brk - program };
}

describe.skipIf(reason !== undefined)(`random bases${reason ? ` (left out: ${reason})` : ""}`, () => {
  const live = reason === undefined ? new LiveKernel() : undefined;
  afterAll(() => live?.close());

  const kinds: readonly (readonly [string, Child, Layout])[] = [
    ["a 64-bit program", PLAIN, X86_64],
    ["a 32-bit program", NARROW, IA32],
  ];
  describe.each(kinds)("of %s", (_, child, layout) => {
    const why = live && !live.abis.has(child.abi) ? "gcc -m32 does not work here" : undefined;
    let places: readonly Places[] = [];
    beforeAll(() => {
      if (!live || why !== undefined) return;
      const randomised = { ...child, personality: 0 };
      places = Array.from({ length: STARTS }, () => live.execute([[]], randomised)).flatMap((runs) =>
        runs.map(placesOf),
      );
    });
    const proves = test.skipIf(why !== undefined);
    const note = why === undefined ? "" : ` (left out: ${why})`;

    proves(`the mapping area ends in the range that the layout says${note}`, () => {
      const bound = (pages: number) => mmapBase(layout, child.stackLimit, { on: true, pages }) * PAGE_SIZE;
      expect(places).toHaveLength(STARTS);
      for (const { base } of places) {
        expect(base).toBeLessThanOrEqual(bound(0));
        expect(base).toBeGreaterThan(bound(layout.random.mmapPages));
      }
      expect(new Set(places.map(({ base }) => base)).size).toBeGreaterThan(1);
    });

    proves(`the stack's top lies no deeper than its random pages and bytes${note}`, () => {
      const { stackPages, stackBytes } = layout.random;
      for (const { stackTop } of places) {
        expect(stackTop).toBeLessThanOrEqual(layout.stackTop);
        expect(layout.stackTop - stackTop).toBeLessThanOrEqual(stackPages * PAGE_SIZE + stackBytes);
      }
      expect(new Set(places.map(({ stackTop }) => stackTop)).size).toBeGreaterThan(1);
    });

    proves(`the heap begins above the program, and not further than its random bytes${note}`, () => {
      for (const { heap } of places) {
        expect(heap).toBeGreaterThanOrEqual(0);
        expect(heap).toBeLessThanOrEqual(layout.random.brkBytes + PAGE_SIZE);
      }
      expect(new Set(places.map(({ heap }) => heap)).size).toBeGreaterThan(1);
    });
  });
});
