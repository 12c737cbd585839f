import { FIRST, flagged, MACHINE } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { BrokenInvariant } from "../base/index.ts";
import { type Event, execute, initialState, type Request, Transaction } from "../kernel/index.ts";
import { Timeline } from "./timeline.ts";

/** A log of `count` mappings of a page each, kept apart by their flags. */
function log(count: number): readonly Event[] {
  const requests: Request[] = [{ call: "adopt", comm: "t", tgid: FIRST }];
  for (let i = 1; i < count; i++) requests.push(flagged(4096, 0, 0x100000 + i * 0x10000));
  let state = initialState(MACHINE);
  return requests.map((request) => {
    const tx = new Transaction(state);
    const outcome = execute(tx, { tid: FIRST, request, outcome: { ret: 0 } });
    state = tx.commit(state.seq + 1);
    return { seq: state.seq, tid: FIRST, request, outcome };
  });
}

const EVENTS = log(700);
const sizeAt = (timeline: Timeline, seq: number): number =>
  [...timeline.stateAt(seq).mms.values()].reduce((n, mm) => n + mm.totalVm, 0);

describe("a timeline", () => {
  test("gives the state of any moment, in any order of asking", () => {
    const timeline = new Timeline(initialState(MACHINE), EVENTS);
    for (const seq of [700, 1, 256, 257, 255, 512, 3, 700])
      expect([timeline.stateAt(seq).seq, sizeAt(timeline, seq)]).toEqual([seq, seq - 1]);
  });

  test("begins with its origin and ends with its last event", () => {
    const timeline = new Timeline(initialState(MACHINE), EVENTS);
    expect([timeline.first, timeline.last]).toEqual([0, 700]);
    expect(timeline.stateAt(0)).toBe(timeline.origin);
    expect(timeline.eventAt(1)?.request.call).toBe("adopt");
    expect(timeline.eventAt(0)).toBeUndefined();
  });

  test("refuses a moment that it does not have", () => {
    const timeline = new Timeline(initialState(MACHINE), EVENTS);
    expect(() => timeline.stateAt(701)).toThrow(BrokenInvariant);
    expect(() => timeline.stateAt(-1)).toThrow(BrokenInvariant);
  });

  test("can begin in the middle of a log", () => {
    const whole = new Timeline(initialState(MACHINE), EVENTS);
    const rest = new Timeline(whole.stateAt(300), EVENTS.slice(300));
    expect([rest.first, rest.last, sizeAt(rest, 600)]).toEqual([300, 700, 599]);
    expect(rest.eventAt(301)?.seq).toBe(301);
  });
});
