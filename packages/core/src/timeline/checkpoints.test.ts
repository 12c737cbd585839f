import { flagged, MACHINE, Machine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { initialState, type KernelState } from "../kernel/index.ts";
import { Checkpoints } from "./checkpoints.ts";
import { rootBytes } from "./root-bytes.ts";

/** States of a machine that maps one page after the other. */
function states(count: number): readonly KernelState[] {
  const machine = new Machine();
  return Array.from({ length: count }, (_, i) => {
    machine.ask(flagged(4096, 0, 0x100000 + i * 0x10000));
    return { ...machine.state, seq: i + 1 };
  });
}

const STATES = states(600);

describe("kept states", () => {
  test("are all kept while there is room", () => {
    const checkpoints = new Checkpoints(initialState(MACHINE));
    for (const state of STATES) checkpoints.keep(state);
    expect(checkpoints.size).toBe(601);
    expect(checkpoints.before(77)).toBe(STATES[76]);
    expect(checkpoints.before(0).seq).toBe(0);
  });

  test("stay within their budget, and dense around the cursor", () => {
    const all = new Checkpoints(initialState(MACHINE));
    for (const state of STATES) all.keep(state);
    const budget = all.bytes / 4;
    const checkpoints = new Checkpoints(initialState(MACHINE), budget);
    checkpoints.moveTo(600 * 64);
    for (const state of STATES) checkpoints.keep({ ...state, seq: state.seq * 64 });
    expect(checkpoints.bytes).toBeLessThanOrEqual(budget);
    const seqs = checkpoints.seqs();
    const near = seqs.filter((seq) => seq > 500 * 64).length;
    const far = seqs.filter((seq) => seq < 100 * 64).length;
    expect(near).toBeGreaterThan(3 * far);
    expect(far).toBeGreaterThan(0);
  });

  test("cost what they do not share with the one before", () => {
    const [a, b] = [STATES.at(-2), STATES.at(-1)] as [KernelState, KernelState];
    const [whole, step, none] = [rootBytes(b), rootBytes(b, a), rootBytes(b, b)];
    expect(none).toBeLessThan(1000);
    expect(step).toBeGreaterThan(none);
    expect(step).toBeLessThan(whole / 8);
    // Of 600 mappings each has at least its own record.
    expect(whole).toBeGreaterThan(600 * 100);
  });

  test("do not count what a state that went had shared with the next", () => {
    const checkpoints = new Checkpoints(initialState(MACHINE), rootBytes(STATES[599] as KernelState));
    for (const state of STATES) checkpoints.keep(state);
    const kept = checkpoints.seqs().slice(1);
    const weighed = kept.map((seq, i) =>
      rootBytes(checkpoints.before(seq), checkpoints.before(i === 0 ? 0 : (kept[i - 1] as number))),
    );
    expect(checkpoints.bytes).toBe(weighed.reduce((sum, bytes) => sum + bytes, 0));
  });
});
