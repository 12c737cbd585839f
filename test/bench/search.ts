import { gunzipSync, gzipSync } from "node:zlib";
import { type PageRange, type Pid, pageRange, Timeline } from "@pagetrail/core";
import { anyChangeAt, type IndexJson, SearchIndex, search } from "@pagetrail/core/search";
import type { Measure, Row } from "./row.ts";
import { tiledLog } from "./tiled-log.ts";
import { alternate, time } from "./timing.ts";

const EVENTS = 1_000_000;
const ROUNDS = 5;
/** What is watched: a mapping of the first process, so that a search backward goes through the whole log. */
const WATCHED: PageRange = pageRange(0x7ffff7aeb, 0x7ffff7aec);

function built(timeline: Timeline): SearchIndex {
  const building = SearchIndex.build(timeline);
  for (;;) {
    const step = building.next();
    if (step.done) return step.value;
  }
}

function* searchRows(): Iterable<Row> {
  const { origin, events } = tiledLog(EVENTS);
  const timeline = new Timeline(origin, events);
  // Who searches backward stands at the end.
  timeline.stateAt(timeline.last);
  const expression = anyChangeAt({ kind: "pid", pid: events[0]?.tid as Pid }, WATCHED);
  const whole = { expression, from: timeline.first, to: timeline.last };
  const went = (direction: "forward" | "backward") => () => {
    let found = 0;
    for (const one of search(timeline, { ...whole, direction })) if (one.kind === "found") found += 1;
    if (found === 0) throw new Error("nothing was found");
  };
  const { forward, backward } = alternate(
    { forward: () => went("forward"), backward: () => went("backward") },
    ROUNDS,
  );
  const index = built(timeline);
  const file = gzipSync(JSON.stringify(index.json));
  const indexed = time(
    () => () => {
      const json = JSON.parse(gunzipSync(file).toString()) as IndexJson;
      const from = { ...whole, direction: "backward", index: SearchIndex.fromJson(json) } as const;
      for (const one of search(timeline, from)) if (one.kind === "found") return;
      throw new Error("nothing was found");
    },
    ROUNDS,
  );
  const building = time(() => () => built(timeline), 1);
  yield {
    name: "reverse-watch",
    value: backward,
    unit: "ms",
    baseline: { name: "forward", value: forward },
    ratio: backward / forward,
    bar: { atMost: 1.2 },
    note: `an address watched over ${events.length.toLocaleString("en")} events, each of them executed`,
  };
  yield {
    name: "reverse-watch-indexed",
    value: indexed,
    unit: "ms",
    baseline: { name: "without the index", value: backward },
    ratio: indexed / backward,
    bar: { valueAtMost: 100 },
    note: `the index of ${Math.ceil(file.length / 1024)} KB read included`,
  };
  yield {
    name: "search-index",
    value: (building / events.length) * 1000,
    unit: "µs/event",
    baseline: { name: "forward search", value: (forward / events.length) * 1000 },
    ratio: building / forward,
  };
}

export const SEARCH: Measure = {
  name: "search",
  about: "a watch over a million events, backward, with an index and without",
  run: searchRows,
};
