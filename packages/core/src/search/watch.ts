import type { PageRange } from "../base/index.ts";
import type { Expression, Subject } from "./expression.ts";
import { isMomentary } from "./expression.ts";
import { type Found, search } from "./search.ts";
import type { SearchIndex } from "./search-index.ts";
import type { Recorded } from "./walk.ts";

/** Whatever becomes of the mappings and page-table entries of a range: what `watch ADDR` stops at. */
export const anyChangeAt = (subject: Subject, range: PageRange): Expression => ({
  kind: "or",
  left: { kind: "vma", subject, range, became: "changed" },
  right: { kind: "pte changed", subject, range },
});

/** Where one stands in a log, and which way one goes on. */
export interface Watching {
  readonly expression: Expression;
  /** Behind this event. */
  readonly at: number;
  readonly direction: "forward" | "backward";
  readonly index?: SearchIndex | undefined;
}

/**
 * The next stop of a watchpoint, forward or in reverse: the nearest event, other than the one that one stands
 * behind, at which an expression of events holds, or one of states becomes another. Yields how far the search is.
 */
export function* watch(log: Recorded, watching: Watching): Generator<number, Found | undefined> {
  const { expression, at, direction, index } = watching;
  const range =
    direction === "forward"
      ? { from: at, to: log.last }
      : { from: log.first, to: Math.max(log.first, at - 1) };
  const edge = isMomentary(expression) ? "becomes" : "changes";
  for (const found of search(log, { expression, direction, edge, index, ...range })) {
    if (found.kind === "found") return found;
    yield found.seq;
  }
  return undefined;
}
