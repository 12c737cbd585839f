import { gunzipSync, gzipSync } from "node:zlib";
import { type Event, initialState, pageOf, pageRange, Timeline } from "@pagetrail/core";
import {
  anyChangeAt,
  buildIndex,
  type Expression,
  indexOfTexts,
  indexTexts,
  type SearchIndex,
  search,
} from "@pagetrail/core/search";
import { Million } from "./million.ts";
import type { Measure, Row } from "./row.ts";
import { median, time } from "./timing.ts";

const ROUNDS = 3;
/** Milliseconds that an indexed watch may take. */
const WANTED = 100;

/** The first page that the first process maps is watched, so that a search backward goes through the whole log. */
function watched(events: readonly Event[]): Expression {
  for (const { tid, request, outcome } of events) {
    if (request.call !== "mmap" || !("ret" in outcome)) continue;
    const page = pageOf(Number(outcome.ret));
    return anyChangeAt({ kind: "pid", pid: tid }, pageRange(page, page + 1));
  }
  throw new Error("nothing is mapped");
}

function built(timeline: Timeline): SearchIndex {
  const building = buildIndex(timeline);
  for (;;) {
    const step = building.next();
    if (step.done) return step.value;
  }
}

/** The index as a file beside the log has it. */
const packed = (index: SearchIndex): readonly Uint8Array[] => indexTexts(index).map((text) => gzipSync(text));

const unpacked = (parts: readonly Uint8Array[]): SearchIndex =>
  indexOfTexts((n) => gunzipSync(parts[n] as Uint8Array).toString());

/** Milliseconds of the processor that each of two things takes, in turns: the two differ by less than a busy machine does. */
function ofProcessor(first: () => void, second: () => void): readonly [number, number] {
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round <= ROUNDS; round++)
    for (const [i, run] of [first, second].entries()) {
      const start = process.cpuUsage();
      run();
      const { user, system } = process.cpuUsage(start);
      if (round > 0) times[i]?.push((user + system) / 1000);
    }
  return [median(times[0]), median(times[1])];
}

function* searchRows(): Iterable<Row> {
  const million = new Million();
  const events = [...million.events()];
  const timeline = new Timeline(initialState(million.profile), events);
  // Who searches backward stands at the end.
  timeline.stateAt(timeline.last);
  const expression = watched(events);
  const whole = { expression, from: timeline.first, to: timeline.last };
  const went = (direction: "forward" | "backward") => () => {
    let found = 0;
    for (const one of search(timeline, { ...whole, direction })) if (one.kind === "found") found += 1;
    if (found === 0) throw new Error("nothing was found");
  };
  const [forward, backward] = ofProcessor(went("forward"), went("backward"));
  const building = process.cpuUsage();
  const index = built(timeline);
  const { user, system } = process.cpuUsage(building);
  const parts = packed(index);
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const indexed = time(
    () => () => {
      const asked = { ...whole, direction: "backward", index: unpacked(parts) } as const;
      for (const one of search(timeline, asked)) if (one.kind === "found") return;
      throw new Error("nothing was found");
    },
    ROUNDS,
  );
  yield {
    name: "reverse-watch",
    value: backward,
    unit: "ms",
    baseline: { name: "forward", value: forward },
    ratio: backward / forward,
    bar: { atMost: 1.2 },
    note: `an address watched over ${events.length.toLocaleString("en")} events, each of them executed; time of the processor`,
  };
  yield {
    name: "reverse-watch-indexed",
    value: indexed,
    unit: "ms",
    baseline: { name: "without the index", value: backward },
    ratio: indexed / WANTED,
    bar: { atMost: 1 },
    note: `the ratio is to ${WANTED} ms; unpacking what is needed of the index, ${Math.ceil(bytes / 1024)} KB, is included`,
  };
  yield {
    name: "search-index",
    value: (user + system) / events.length,
    unit: "µs/event",
    baseline: { name: "forward search", value: (forward / events.length) * 1000 },
    ratio: (user + system) / 1000 / forward,
  };
}

export const SEARCH: Measure = {
  name: "search",
  about: "a watch over a million events, backward, with an index and without",
  run: searchRows,
};
