import { childNumber } from "./child.ts";
import { replayAll, replayPlain, replaySingly } from "./contenders.ts";
import { plainMm } from "./plain-mm.ts";
import type { Measure, Row } from "./row.ts";
import { checkSameMaps } from "./same-maps.ts";
import { alternate } from "./timing.ts";
import { makeWorkload, PROCESS } from "./workload.ts";

const EVENTS = 100_000;
const ROUNDS = 15;
/** Immer's arrays are so slow that a part has to do. */
const NAIVE_EVENTS = 2_000;
const SINGLE_EVENTS = 20_000;
const SINGLE_ROUNDS = 5;

/**
 * Naive immer runs in a process of its own: drafts passing through the plain functions would leave them slow
 * for good, and the comparison with plain data flattering.
 */
function* replayRows(vmas: number): Iterable<Row> {
  const { origin, events } = makeWorkload(vmas, EVENTS);
  const final = plainMm(origin, PROCESS);
  replayPlain(final, events);
  checkSameMaps(replayAll(origin, events), final);
  const { bulk, plain } = alternate(
    {
      bulk: () => () => replayAll(origin, events),
      plain: () => {
        const mm = plainMm(origin, PROCESS);
        return () => replayPlain(mm, events);
      },
    },
    ROUNDS,
  );
  const perEvent = (ms: number, count: number): number => (ms / count) * 1000;
  const value = perEvent(bulk, EVENTS);
  yield {
    name: `replay-${vmas}`,
    value,
    unit: "µs/event",
    baseline: { name: "plain", value: perEvent(plain, EVENTS) },
    ratio: bulk / plain,
    bar: { atMost: 4 },
  };
  const naive = childNumber("naive-child.ts", [String(vmas), String(NAIVE_EVENTS)]);
  const baseline = { name: "naive immer", value: perEvent(naive, NAIVE_EVENTS) };
  yield {
    name: `replay-${vmas}-immer`,
    value,
    unit: "µs/event",
    baseline,
    ratio: baseline.value / value,
    bar: { atLeast: 20 },
    note: `naive immer: one produce an event on an array of VMAs, over the first ${NAIVE_EVENTS} events`,
  };
}

function* singleRows(): Iterable<Row> {
  for (const vmas of [20, 1000]) {
    const { origin, events } = makeWorkload(vmas, SINGLE_EVENTS);
    const { single, bulk } = alternate(
      { single: () => () => replaySingly(origin, events), bulk: () => () => replayAll(origin, events) },
      SINGLE_ROUNDS,
    );
    yield {
      name: `replay-one-by-one-${vmas}`,
      value: (single / SINGLE_EVENTS) * 1000,
      unit: "µs/event",
      baseline: { name: "in one transaction", value: (bulk / SINGLE_EVENTS) * 1000 },
      ratio: single / bulk,
    };
  }
}

const inBulk = (vmas: number): Measure => ({
  name: `replay-${vmas}`,
  about: `bulk replay on about ${vmas} VMAs, against plain data and naive immer`,
  run: () => replayRows(vmas),
});

export const REPLAY: readonly Measure[] = [
  inBulk(20),
  inBulk(1000),
  { name: "replay-one-by-one", about: "the same with a transaction for every event", run: singleRows },
];
