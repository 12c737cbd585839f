import { simplerRequests } from "@pagetrail/core/search";
import { smallest } from "../shrink.ts";
import { comparePageSequences, type MakeFamily, type PageDifference } from "./compare.ts";
import type { LivePages } from "./live-pages.ts";
import type { PageOperation } from "./operation.ts";

/** The smallest sequence found that still makes model and kernel differ. */
export const shrinkPages = (
  live: LivePages,
  difference: PageDifference,
  makeFamily?: MakeFamily,
): PageDifference =>
  smallest<PageOperation, PageDifference>(
    { judge: (sequences) => comparePageSequences(live, sequences, makeFamily), simpler },
    difference,
  );

/** Fewer pages or flags, the first member instead of another, a file of whole pages. */
function simpler(operation: PageOperation): readonly PageOperation[] {
  const { member } = operation;
  const earlier = member === 0 ? [] : [{ ...operation, member: 0 }];
  if (!("request" in operation)) return earlier;
  return [...earlier, ...simplerRequests(operation.request).map((request) => ({ ...operation, request }))];
}
