import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { type Event, initialState, type KernelState, replayEvents } from "@pagetrail/core";
import { importRefcounts, type RefcountSummary } from "@pagetrail/import";
import { describe, expect, test } from "vitest";
import "@pagetrail/testing/setup";

const here = dirname(fileURLToPath(import.meta.url));

const capture = (name: string): string =>
  gunzipSync(readFileSync(join(here, `${name}.gz`))).toString("latin1");

interface Imported {
  readonly summary: RefcountSummary;
  readonly events: readonly Event[];
  readonly states: readonly KernelState[];
}

function imported(text: string): Imported {
  const events: Event[] = [];
  const states: KernelState[] = [];
  const summary = importRefcounts(text, {
    start: (profile) => void states.push(initialState(profile)),
    event: (event, state) => {
      events.push(event);
      states.push(state);
    },
  });
  return { summary, events, states };
}

/** What each capture comes to: switches, values compared, and what was on its way. */
const EXPECTED: Readonly<Record<string, readonly [number, number, Partial<RefcountSummary["transients"]>]>> =
  {
    "bash-pipeline.txt": [87, 466, { "exit/exec": 9 }],
    "threads4.txt": [349, 1878, { "exit/exec": 2, put: 2 }],
    "vfork-exec.txt": [159, 852, { "exit/exec": 8 }],
    "bash-pipeline.bt.txt": [562, 3081, { "in flight": 2, "exit/exec": 1 }],
    "idle.bt.txt": [6089, 33457, { "in flight": 3, hidden: 1 }],
    "storm.bt.txt": [9424, 55259, { "in flight": 25, "exit/exec": 4, put: 5, hidden: 7 }],
  };

describe.each(Object.entries(EXPECTED))("at every switch of %s", (name, [switches, values, transients]) => {
  const { summary, events, states } = imported(capture(name));

  test("the kernel's mm, active_mm, mm_users and mm_count are the model's, but for what was on its way", () => {
    expect(summary.differences).toEqual({ count: 0, first: [] });
    expect(summary).toMatchObject({ lost: 0, strange: { count: 0 }, values });
    expect(summary.switches).toMatchObject({ total: switches, different: 0 });
    const none = { "in flight": 0, "exit/exec": 0, put: 0, grab: 0, hidden: 0 };
    expect(summary.transients).toEqual({ ...none, ...transients });
  });

  test("the model refuses nothing, all laws hold, and the events replay to the same state", () => {
    expect(events.filter(({ divergence }) => divergence)).toEqual([]);
    const every = Math.ceil(states.length / 400);
    for (const state of states.filter((_, i) => i % every === 0)) expect(state).toSatisfyLaws();
    const [first] = states;
    const replayed = first && replayEvents(first, events);
    expect(replayed?.differs).toBeUndefined();
    expect([...(replayed?.state.refs.values() ?? [])]).toEqual([...(states.at(-1)?.refs.values() ?? [])]);
  });
});

describe("a capture that is not true", () => {
  const text = capture("vfork-exec.txt");
  const differences = (changed: string): readonly string[] =>
    imported(changed).summary.differences.first.map(({ line, what }) => `${line}: ${what}`);

  test("in one count that nobody can have given back is found, with its line", () => {
    const lines = text.split("\n");
    const at = lines.findIndex((line) => line.includes(" switch 0/0:") && line.includes(":1:2 state"));
    const false1 = lines.with(at, (lines[at] ?? "").replace(":1:2 state", ":1:1 state")).join("\n");
    expect(differences(false1)[0]).toMatch(new RegExp(`^${at + 1}: counts of `));
  });

  test("in what a CPU borrows is found", () => {
    const lines = text.split("\n");
    const at = lines.findLastIndex((line) => / switch 0\/0:\S+ mm=0:0:0 am=ffff/.test(line));
    const other = (lines[at] ?? "").replace(/am=ffff\w+:\d+:\d+/, "am=ffff888146c5a580:1:2");
    expect(differences(lines.with(at, other).join("\n"))).toContain(`${at + 1}: active_mm of 0`);
  });

  test("because a switch is missing shows as one that was hidden, not as one that was told", () => {
    const lines = text.split("\n");
    const at = lines.findIndex((line) => line.includes(" switch 9283/9283:"));
    const { summary } = imported(lines.toSpliced(at, 1).join("\n"));
    expect(summary.transients.hidden).toBeGreaterThan(0);
  });
});
