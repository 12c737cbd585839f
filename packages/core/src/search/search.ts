import type { Pid } from "../base/index.ts";
import type { Event } from "../kernel/index.ts";
import { holds } from "./evaluate.ts";
import { countedProcesses, type Expression, isMomentary, needsStates } from "./expression.ts";
import { mightMatch } from "./might.ts";
import type { Moment } from "./moment.ts";
import { BLOCK_EVENTS, type SearchIndex } from "./search-index.ts";
import { type Recorded, ScannedSpaces, Walk } from "./walk.ts";

/**
 * What a search looks for. An expression that speaks of events is found at each event at which it holds; one of
 * states where it becomes true, or with `changes` wherever it becomes another.
 */
export interface Search {
  readonly expression: Expression;
  /** Events behind `from`, up to and with `to`, are looked at. */
  readonly from: number;
  readonly to: number;
  readonly direction: "forward" | "backward";
  readonly edge?: "becomes" | "changes";
  /** Tells which blocks of events need not be looked at. */
  readonly index?: SearchIndex | undefined;
  /** How many events are walked through at once; with an index, as many as its blocks have. */
  readonly blockEvents?: number;
}

/** A place that was found, in the order of the search; or how far the search has come, once a block. */
export type Found =
  /** The event; absent for what is so from the log's start on. */
  | { readonly kind: "found"; readonly seq: number; readonly event: Event | undefined; readonly now: boolean }
  | { readonly kind: "looked"; readonly seq: number; readonly skipped: boolean };

interface Block {
  readonly number: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Looks through a log, block by block. A caller that has seen enough stops asking.
 *
 * Backward, each block is walked forward from the state before it and its findings are given in reverse, so that
 * a search in either direction executes the same events.
 */
export function* search(log: Recorded, asked: Search): Generator<Found> {
  const looker = new Looker(log, asked);
  const { direction, index, expression, edge = "becomes" } = asked;
  for (const block of blocksOf(log, asked)) {
    const skipped =
      index !== undefined && block.to > block.from && !mightMatch(index, block.number, expression, edge);
    const found = skipped ? [] : looker.look(block);
    yield* direction === "forward" ? found : found.reverse();
    yield { kind: "looked", seq: direction === "forward" ? block.to : block.from, skipped };
  }
}

/** The blocks of events that a search goes through, in its order. */
export function* blocksOf(
  { first }: Recorded,
  asked: Pick<Search, "from" | "to" | "direction" | "index" | "blockEvents">,
): Iterable<Block> {
  const { from, to, direction, index, blockEvents = BLOCK_EVENTS } = asked;
  const size = index?.base.blockEvents ?? blockEvents;
  if (from === to && from !== first) return;
  const lowest = Math.floor((from - first) / size);
  const highest = Math.max(lowest, Math.ceil((to - first) / size) - 1);
  const block = (number: number): Block => ({
    number,
    from: Math.max(from, first + number * size),
    to: Math.min(to, first + (number + 1) * size),
  });
  if (direction === "forward") for (let n = lowest; n <= highest; n++) yield block(n);
  else for (let n = highest; n >= lowest; n--) yield block(n);
}

class Looker {
  readonly #walk: Walk;
  readonly #counted: readonly Pid[];
  readonly #momentary: boolean;
  readonly #states: boolean;

  constructor(
    private readonly log: Recorded,
    private readonly asked: Search,
  ) {
    const { expression, index } = asked;
    this.#counted = countedProcesses(expression);
    this.#walk = new Walk(log, index ?? new ScannedSpaces(log), this.#counted);
    this.#momentary = isMomentary(expression);
    this.#states = needsStates(expression);
  }

  look(block: Block): Found[] {
    const { expression, edge } = this.asked;
    const found: Found[] = [];
    let before: boolean | undefined;
    for (const moment of this.#moments(block)) {
      const now = before === undefined && this.#momentary ? false : holds(expression, moment);
      if (before === undefined) {
        if (now && block.from === this.log.first && edge !== "changes")
          found.push(place(this.log.first, moment, now));
      } else if (this.#momentary ? now : now !== before && (now || edge === "changes"))
        found.push(place(moment.event?.seq ?? block.from, moment, now));
      before = now;
    }
    return found;
  }

  /** The moment before a block, then those of its events. */
  *#moments({ from, to }: Block): Iterable<Moment> {
    if (!this.#states) {
      yield* this.#walk.events(from, to);
      return;
    }
    const { index } = this.asked;
    const start = index && this.#counted.length > 0 ? index.boundary(from) : from;
    for (const moment of this.#walk.from(start, to)) if (moment.after.seq >= from) yield moment;
  }
}

const place = (seq: number, { event }: Moment, now: boolean): Found => ({ kind: "found", seq, event, now });
