import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { importCase, replayLines } from "./import-case.ts";
import { add, type Group, groupOf, heading, NOTHING, percent, row, type Sums } from "./score-table.ts";
import { caseDirs, loadCase, recordedDir, score } from "./truth.ts";

/** Too long for every run of the tests; `pnpm scores` has it. */
const LONG = "stressng-madvise";
/** Laws are checked behind every event of recordings with at most this many system calls. */
const LAWS_UP_TO = 1_500;

const names = caseDirs()
  .map((dir) => basename(dir))
  .filter((name) => name !== LONG);
const groups = new Map<Group, Sums>();
const table: string[] = [heading];

describe("recordings of real programs", () => {
  test.each(names)("%s: every law holds, and the score is taken", (name) => {
    const recorded = loadCase(join(recordedDir, name));
    const imported = importCase(recorded, { laws: recorded.calls.length <= LAWS_UP_TO });
    expect(imported.broken.slice(0, 3)).toEqual([]);
    expect(imported.summary.unreadable.count).toBe(0);
    const result = score(recorded, replayLines(imported));
    table.push(row(name, result));
    const group = groupOf(name);
    groups.set(group, add(groups.get(group) ?? NOTHING, result));
  });

  test("agree with the kernel as often as they must", () => {
    for (const [group, sums] of groups) table.push(row(group, sums));
    console.log(table.join("\n"));
    const plain = groups.get("not randomised") ?? NOTHING;
    expect(plain.mapsCalls).toBeGreaterThan(8_000);
    expect(percent(plain.maps, plain.mapsCalls)).toBeGreaterThanOrEqual(99.9);
    expect(percent(plain.predicted, plain.calls)).toBeGreaterThanOrEqual(99.9);
    const threads = groups.get("threads") ?? NOTHING;
    expect(threads.mapsCalls).toBeGreaterThan(10_000);
    expect(percent(threads.maps, threads.mapsCalls)).toBeGreaterThanOrEqual(99.9);
    // Where randomisation put the top of the stack no trace shows (docs/KERNEL-NOTES.md).
    const random = groups.get("randomised") ?? NOTHING;
    expect(random.mapsCalls).toBeGreaterThan(1_000);
    expect(percent(random.mapsStackAside, random.mapsCalls)).toBeGreaterThanOrEqual(98);
    expect(percent(random.predicted, random.calls)).toBeGreaterThanOrEqual(99.9);
  });
});
