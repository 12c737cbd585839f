import { type IndexBase, type IndexGroup, SearchIndex } from "./search-index.ts";

/** A search index as texts of JSON: what every search asks for, and then group by group. */
export function indexTexts(index: SearchIndex): readonly string[] {
  const groups = Array.from({ length: index.base.groups }, (_, n) => index.group(n));
  return [index.base, ...groups].map((part) => JSON.stringify(part));
}

/**
 * The index of such texts.
 *
 * @param text gives one of them, by its place: the first at once, that of a group when a search asks for it first
 */
export function indexOfTexts(text: (n: number) => string): SearchIndex {
  const parsed = (n: number): unknown => JSON.parse(text(n));
  return new SearchIndex(parsed(0) as IndexBase, (n) => parsed(n + 1) as IndexGroup);
}
