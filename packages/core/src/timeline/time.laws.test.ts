import { everyRequest, history, LAW_MACHINES } from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Step } from "../base/index.ts";
import {
  advanceState,
  decodeEvent,
  encodeEvent,
  FirstDigest,
  initialState,
  type KernelState,
  type KernelStep,
  replayEvents,
  StateDigest,
  undoSteps,
} from "../kernel/index.ts";
import { testHash } from "../testing/hash.ts";
import { decodeState, encodeState } from "./state-codec.ts";
import { Timeline } from "./timeline.ts";

const RUNS = { numRuns: 1000 };
const LENGTH = 24;

/** All of a state, to tell whether two are the same. */
const textOf = (state: KernelState): string =>
  `${new FirstDigest((text) => text).of(state)}\n${new StateDigest(testHash).of(state)}`;

const cut = fc.array(fc.nat(3 * LENGTH), { maxLength: 4 });

describe.each(LAW_MACHINES)(
  "the laws of time, over requests of every kind, where %s are modelled",
  (_, machine) => {
    const asked = everyRequest(LENGTH, machine.scheduling.cpus);
    const law = (
      name: string,
      check: (told: ReturnType<typeof history>, places: readonly number[]) => void,
    ) =>
      test(name, { timeout: 600_000 }, () => {
        fc.assert(
          fc.property(asked, cut, (requests, places) => check(history(requests, machine), places)),
          RUNS,
        );
      });

    law("undo: the steps of each event, undone, give back the state before it", (told) => {
      for (const { event, before } of told) {
        const steps: Step[] = [];
        const { state } = advanceState(before, event, { note: (step) => steps.push(step) });
        expect(textOf(undoSteps(state, steps as KernelStep[]))).toBe(textOf(before));
      }
    });

    law(
      "replay and batching: in transactions cut anywhere, the same outcomes and the same state",
      (told, places) => {
        const events = told.map(({ event }) => event);
        const stops = [...places.map((place) => place % (events.length + 1)), events.length].sort(
          (a, b) => a - b,
        );
        let state = initialState(machine);
        for (const stop of stops) {
          const replayed = replayEvents(state, events.slice(state.seq, stop));
          expect(replayed.differs).toBeUndefined();
          state = replayed.state;
        }
        expect(textOf(state)).toBe(textOf(told.at(-1)?.after as KernelState));
      },
    );

    law("path independence: a timeline has the same states, wherever one comes from", (told, places) => {
      const states = [told[0]?.before as KernelState, ...told.map(({ after }) => after)];
      const events = told.map(({ event }) => event);
      const timeline = new Timeline(initialState(machine), events, { stride: 5, budget: 20_000 });
      for (const place of [...places, ...places]) {
        const seq = place % states.length;
        expect(textOf(timeline.stateAt(seq))).toBe(textOf(states[seq] as KernelState));
      }
    });

    law("isolation: going on from a past in another way changes nothing of it", (told, places) => {
      const [at, of] = [0, 1].map((n) => (places[n] ?? 0) % told.length) as [number, number];
      const texts = told.map(({ after }) => textOf(after));
      let state = told[at]?.after as KernelState;
      for (const { event } of told.slice(of)) {
        // Of another past, so that it may well end otherwise here.
        const { request, tid } = event;
        if (!told.slice(0, at + 1).some(({ after }) => after.tasks.has(tid))) continue;
        state = advanceState(state, { ...encodedAgain(event), request, seq: state.seq + 1 }).state;
      }
      expect(told.map(({ after }) => textOf(after))).toEqual(texts);
    });

    law("round trip: events and states come back from what is written of them", (told, places) => {
      for (const { event } of told) {
        const json = JSON.parse(JSON.stringify(encodeEvent(event)));
        expect(encodedAgain(event)).toMatchObject({ seq: event.seq, tid: event.tid, request: event.request });
        expect(encodeEvent(encodedAgain(event))).toEqual(json);
      }
      const { after } = told[(places[0] ?? 0) % told.length] as { after: KernelState };
      const back = decodeState(encodeState(after), machine);
      expect(back && textOf(back)).toBe(textOf(after));
    });
  },
);

function encodedAgain(event: Parameters<typeof encodeEvent>[0]) {
  const decoded = decodeEvent(JSON.parse(JSON.stringify(encodeEvent(event))));
  if (!decoded.ok) throw new Error(decoded.error);
  return decoded.value;
}
