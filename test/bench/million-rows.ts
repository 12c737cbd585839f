import { advanceState, type Event, initialState, type KernelState, replayEvents } from "@pagetrail/core";
import { MILLION, Million } from "./million.ts";
import type { Measure, Row } from "./row.ts";
import { alternate } from "./timing.ts";

const ROUNDS = 3;
const SINGLE_EVENTS = 20_000;
/** Events a second that bulk replay is to reach. */
const WANTED = 500_000;

function* replayRows(): Iterable<Row> {
  const million = new Million();
  const events = [...million.events()];
  const origin = initialState(million.profile);
  const { bulk, single } = alternate(
    {
      bulk: () => () => replayed(origin, events),
      single: () => () => replayedSingly(origin, events.slice(0, SINGLE_EVENTS)),
    },
    ROUNDS,
  );
  const rate = (count: number, ms: number): number => (count / ms) * 1000;
  const value = rate(MILLION, bulk);
  yield {
    name: "million-replay",
    value,
    unit: "events/s",
    baseline: { name: "a transaction for each event", value: rate(SINGLE_EVENTS, single) },
    ratio: WANTED / value,
    bar: { atMost: 1 },
    note: `the ratio is of ${WANTED.toLocaleString("en")} events/s to the value; real events of tiled recordings`,
  };
}

function replayed(origin: KernelState, events: readonly Event[]): void {
  const { differs } = replayEvents(origin, events);
  if (differs) throw new Error(`event ${differs.event.seq} replays otherwise`);
}

function replayedSingly(origin: KernelState, events: readonly Event[]): void {
  let state = origin;
  for (const event of events) state = advanceState(state, event).state;
}

export const MILLION_EVENTS: readonly Measure[] = [
  {
    name: "million-replay",
    about: "bulk replay of a million real events, tiled from recordings",
    run: replayRows,
  },
];
