import {
  decodeEvent,
  type Event,
  encodeEvent,
  initialState,
  maps,
  mmOf,
  REFERENCE_PROFILE,
  replayEvents,
  violations,
} from "@pagetrail/core";
import { describe, expect, test } from "vitest";
import { importBoth, importPerf, recording } from "./recordings.ts";
import { TOUCHES, touchesIn } from "./touch-pages.ts";

const count = (events: readonly Event[], call: string): number =>
  events.filter(({ request }) => request.call === call).length;

/** A log keeps the events as text and executes them again. */
function replayed(events: readonly Event[]): string {
  const read = events.map((event) => {
    const decoded = decodeEvent(JSON.parse(JSON.stringify(encodeEvent(event))));
    if (!decoded.ok) throw new Error(decoded.error);
    return decoded.value;
  });
  expect(read).toEqual(events);
  const { state, differs } = replayEvents(initialState(REFERENCE_PROFILE), read);
  expect(differs).toBeUndefined();
  return [...state.tasks.keys()].map((pid) => maps(state, mmOf(state, pid))).join("\n");
}

describe("the text of perf script: a shell pipeline", () => {
  const broken: string[] = [];
  const done = importPerf(recording("perf-script.txt.gz"), {
    watch: (state) => broken.push(...[...violations(state)].map(({ law, what }) => `${law}: ${what}`)),
  });

  test("is read whole, and every decided call is predicted right", () => {
    expect(done.summary).toMatchObject({
      lines: 966,
      unreadable: { count: 0 },
      disordered: { count: 0 },
      processes: 4,
      faults: 533,
      decided: 182,
      predicted: 182,
    });
  });

  test("has an event for each call, exec, fork and fault that perf shows", () => {
    const counts = ["access", "mmap", "mprotect", "munmap", "brk", "execve", "clone", "exit_group"];
    expect(counts.map((call) => count(done.events, call))).toEqual([533, 123, 21, 9, 19, 7, 3, 4]);
  });

  test("supposes nothing of what was written to, since it shows the faults", () => {
    expect(done.events.filter(({ ran, wrote }) => ran !== undefined || wrote !== undefined)).toEqual([]);
  });

  test("breaks no law, and its log replays", () => {
    expect(broken).toEqual([]);
    expect(replayed(done.events)).toBe(
      [...done.state.tasks.keys()].map((pid) => maps(done.state, mmOf(done.state, pid))).join("\n"),
    );
  });

  test("finds the places that exec chose: each fault lies in a mapping", () => {
    let state = initialState(REFERENCE_PROFILE);
    const outside: string[] = [];
    for (const event of done.events) {
      const { request, tid } = event;
      const next = replayEvents(state, [event]).state;
      const page = request.call === "access" ? Math.floor(request.addr / 4096) : undefined;
      const vma = page === undefined ? undefined : mmOf(next, tid)?.vmas.findFrom(page);
      if (page !== undefined && (vma === undefined || vma.start > page))
        outside.push(`${event.line}: ${page.toString(16)}`);
      state = next;
    }
    expect(outside).toEqual([]);
  });
});

describe("a program that touches known pages, by strace and perf at once", () => {
  test("with tracepoints: the log's accesses are those pages in that order, each between the right calls", () => {
    const { events, summary, refusal } = importBoth(
      recording("touch-pages.strace.txt"),
      recording("touch-pages.perf.txt.gz"),
    );
    expect(refusal).toBeUndefined();
    expect(touchesIn(events)).toEqual(TOUCHES);
    expect(summary.predicted).toBe(summary.decided);
    expect(summary.clock?.matched).toBeGreaterThan(5);
    expect(summary.clock?.residual).toBeLessThan(0.001);
    replayed(events);
  });

  test("with software events on strace's clock: the same pages, and the clocks agree", () => {
    const { events, summary } = importBoth(
      recording("touch-pages-realtime.strace.txt"),
      recording("touch-pages-realtime.perf.txt.gz"),
    );
    // Such events do not tell reads from writes: private memory is taken for written to.
    expect(touchesIn(events)).toEqual(TOUCHES.map((touch) => touch.replace("read", "write")));
    expect(Math.abs(summary.clock?.offset ?? 1)).toBeLessThan(0.001);
  });

  test("without any call in perf's text: the same as with them", () => {
    const strace = recording("touch-pages.strace.txt");
    const perf = recording("touch-pages.perf.txt.gz");
    const faults = perf.replaceAll(/^.* raw_syscalls:.*\n/gm, "");
    expect(faults.length).toBeLessThan(perf.length / 2);
    expect(touchesIn(importBoth(strace, faults).events)).toEqual(TOUCHES);
  });

  test("perf's text alone tells the same", () => {
    const { events } = importPerf(recording("touch-pages.perf.txt.gz"));
    expect(touchesIn(events)).toEqual(TOUCHES);
  });
});
