import { rmSync, statSync } from "node:fs";
import { advanceState, type Event, initialState, type KernelState, replayEvents } from "@pagetrail/core";
import { packLog } from "@pagetrail/store";
import { MILLION, Million, millionLog } from "./million.ts";
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

/** Bytes an event that a packed log may take. */
const PACKED_BYTES = 15;

function* packedRows(): Iterable<Row> {
  const text = millionLog();
  const packed = `${text}.gz`;
  const result = packLog(text, packed, { overwrite: true });
  if (!result.ok) throw new Error(result.error.what);
  rmSync(packed);
  const value = result.value.bytes / MILLION;
  yield {
    name: "million-packed",
    value,
    unit: "bytes/event",
    baseline: { name: "as text", value: statSync(text).size / MILLION },
    ratio: value / PACKED_BYTES,
    bar: { atMost: 1 },
    note: `the ratio is of the value to ${PACKED_BYTES} bytes/event; header and seals included`,
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
  { name: "million-packed", about: "bytes an event of the same log, packed", run: packedRows },
];
