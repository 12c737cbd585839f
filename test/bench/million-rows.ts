import { rmSync, statSync } from "node:fs";
import { advanceState, type Event, initialState, type KernelState, replayEvents } from "@pagetrail/core";
import { packLog } from "@pagetrail/store";
import { childNumber } from "./child.ts";
import { MILLION, Million, millionLog } from "./million.ts";
import { recordedRows } from "./recorded-calls.ts";
import type { Measure, Row } from "./row.ts";
import { alternate, median } from "./timing.ts";

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
  yield* recordedRows();
}

/** Bytes an event that a packed log may take. */
const PACKED_BYTES = 15;

function* packedRows(): Iterable<Row> {
  const text = millionLog();
  const packed = packedLog(text);
  const value = statSync(packed).size / MILLION;
  rmSync(packed);
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

/** Seconds after which a log that is opened for the first time is to stand at its end. */
const OPEN_SECONDS = 3;
const OPENINGS = 3;

/** Each time in a process of its own, where nothing is compiled yet. */
function* openRows(): Iterable<Row> {
  const text = millionLog();
  const packed = packedLog(text);
  const times = { text: [] as number[], packed: [] as number[], parse: [] as number[] };
  for (let i = 0; i < OPENINGS; i++) {
    times.parse.push(childNumber("million-child.ts", ["parse", text]));
    times.text.push(childNumber("million-child.ts", ["stand", text]));
    times.packed.push(childNumber("million-child.ts", ["stand", packed]));
  }
  rmSync(packed);
  const baseline = { name: "hash and JSON.parse alone", value: median(times.parse) / 1000 };
  const note = `the ratio is of the value to ${OPEN_SECONDS} s: read, check the seals' chain, decode, replay, with roots kept`;
  for (const [name, all] of [
    ["million-open", times.text],
    ["million-open-packed", times.packed],
  ] as const) {
    const value = median(all) / 1000;
    yield { name, value, unit: "s", baseline, ratio: value / OPEN_SECONDS, bar: { atMost: 1 }, note };
  }
}

function* heapRows(): Iterable<Row> {
  const text = millionLog();
  const value = childNumber("million-child.ts", ["heap", text], ["--expose-gc"]) / MILLION;
  const baseline = { name: "as text", value: statSync(text).size / MILLION };
  const note = "what the decoded events of the log take in memory";
  yield { name: "million-heap", value, unit: "bytes/event", baseline, ratio: value / baseline.value, note };
}

function packedLog(text: string): string {
  const packed = `${text}.${process.pid}.gz`;
  const result = packLog(text, packed, { overwrite: true });
  if (!result.ok) throw new Error(result.error.what);
  return packed;
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
    about:
      "bulk replay of a million real events, tiled from recordings, and real calls beside the live kernel",
    run: replayRows,
  },
  {
    name: "million-open",
    about: "opening that log for the first time and standing at its end, as text and packed",
    run: openRows,
  },
  { name: "million-heap", about: "bytes in memory an event of it", run: heapRows },
  { name: "million-packed", about: "bytes an event of the same log, packed", run: packedRows },
];
