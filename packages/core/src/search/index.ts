/**
 * Expressions over a log: where they hold, and what is needed for it.
 *
 * @module @pagetrail/core/search
 */

export * from "./delta-debug.ts";
export { holds, numberAt, valueAt } from "./evaluate.ts";
export * from "./expression.ts";
export { GRAMMAR } from "./grammar.ts";
export { buildIndex } from "./index-builder.ts";
export { indexOfTexts, indexTexts } from "./index-texts.ts";
export { mightChange, mightMatch } from "./might.ts";
export type { Moment } from "./moment.ts";
export { type ExpressionContext, type ExpressionProblem, parseExpression, parseSum } from "./parse.ts";
export { type Found, type Search, search } from "./search.ts";
export { BLOCK_EVENTS, type IndexBase, type IndexGroup, SearchIndex } from "./search-index.ts";
export * from "./series.ts";
export { reached, type Shrunk, shrinkLog } from "./shrink.ts";
export * from "./vocabulary.ts";
export * from "./walk.ts";
export * from "./watch.ts";
