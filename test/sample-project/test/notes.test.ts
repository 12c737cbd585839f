import { join } from "node:path";
import { mapsOf, momentsOf, processesOf, readRun, stateBefore } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";

/** A recording of a program that keeps notes, and has a worker. */
const run = readRun(join(import.meta.dirname, "../recordings/notes.ptlog"));
const NOTES = 18198;

describe("the recording of notes", () => {
  test("replays as it was recorded, and breaks no law of memory", () => {
    expect(run).toReplay();
    expect(run).toSatisfyLaws();
    expect(run).not.toDivergeAt(1);
  });

  test("never has more than 20 mappings, or 2 MB", () => {
    for (const { event, after } of momentsOf(run))
      for (const { pid } of processesOf(after)) {
        const maps = mapsOf(after, pid);
        expect(maps.mappings.length, `behind event ${event.seq}`).toBeLessThanOrEqual(20);
        expect(maps.bytes, `behind event ${event.seq}`).toBeLessThanOrEqual(2 * 2 ** 20);
      }
  });

  test("never has memory that can be written and executed", () => {
    for (const { after } of momentsOf(run))
      for (const { pid } of processesOf(after))
        expect({ state: after, process: pid }).not.toHaveMapping({ permissions: "?wx?" });
  });
});

describe("before notes exits", () => {
  const state = stateBefore(run, ({ tid, request }) => tid === NOTES && request.call === "exit_group");

  test("it has a heap, a shared index and a guard page", () => {
    expect(state).toHaveMapping({ name: "[heap]", permissions: "rw-p" });
    expect(state).toHaveMapping({ size: 16 * 4096, permissions: "rw-s" });
    expect(state).toHaveMapping({ size: 4096, permissions: "---p", name: "" });
  });

  test("its mappings are these", () => {
    expect(mapsOf(state)).toMatchSnapshot();
  });
});
