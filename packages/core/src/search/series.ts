import type { Word } from "../base/index.ts";
import type { Event } from "../kernel/index.ts";
import { valueAt } from "./evaluate.ts";
import { countedProcesses, type Sum, termsIn } from "./expression.ts";
import { mightChange } from "./might.ts";
import { blocksOf, type Search } from "./search.ts";
import { BLOCK_EVENTS } from "./search-index.ts";
import { type Recorded, ScannedSpaces, Walk } from "./walk.ts";

/** A number over time. Its value is undefined where there is none, as before its process begins. */
export type SeriesItem =
  | {
      readonly kind: "point";
      readonly seq: number;
      readonly event: Event | undefined;
      readonly value: Word | undefined;
    }
  | { readonly kind: "looked"; readonly seq: number };

/**
 * The values of a number: the first, and each that is another than the one before. A number of events has a point
 * at each event that has it.
 */
export function* series(
  log: Recorded,
  sum: Sum,
  { index, blockEvents = BLOCK_EVENTS }: Pick<Search, "index" | "blockEvents"> = {},
): Generator<SeriesItem> {
  const ofEvents = [...termsIn(sum)].some(({ term }) => term.of === "event");
  const walk = new Walk(log, index ?? new ScannedSpaces(log), countedProcesses({ kind: "changed", of: sum }));
  const whole = { from: log.first, to: log.last, direction: "forward" } as const;
  let last: Word | undefined;
  let isFirst = true;
  for (const { number, from, to } of blocksOf(log, { ...whole, index, blockEvents })) {
    if (isFirst || index === undefined || mightChange(index, number, sum))
      for (const moment of walk.from(from, to)) {
        const value = valueAt(sum, moment) as Word | undefined;
        const isPoint = ofEvents ? value !== undefined : isFirst || value !== last;
        if (isPoint) yield { kind: "point", seq: moment.event?.seq ?? from, event: moment.event, value };
        last = value;
        isFirst = false;
      }
    yield { kind: "looked", seq: to };
  }
}
