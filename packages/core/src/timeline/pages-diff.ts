import { isDirty, isGuard, isPresent, isSpecialEntry, isWritable, pfnOf, swapOffset } from "../arch/index.ts";
import { type PageRange, pageRange } from "../base/index.ts";
import type { MmPages } from "../mm/index.ts";
import type { PageTable } from "../paging/index.ts";

/**
 * What became of a page: it came in or went, another frame took its place (as copy-on-write does), it went to
 * swap or came back, a guard region's marker was put there or taken away, its entry grants something else, or
 * the huge page that it is part of is mapped in small ones.
 */
export type PageChangeKind =
  | "populated"
  | "dropped"
  | "replaced"
  | "swapped out"
  | "swapped in"
  | "guarded"
  | "unguarded"
  | "writable"
  | "write-protected"
  | "dirtied"
  | "split"
  | "changed";

/** Neighbouring pages of which the same became. */
export interface PageChange extends PageRange {
  readonly kind: PageChangeKind;
}

/** What one page's entry says. */
interface Entry {
  readonly lo: number;
  readonly hi: number;
  /** The frame, its place in a huge page included; undefined where none is mapped. */
  readonly pfn: number | undefined;
  /** The entry maps more than this page. */
  readonly large: boolean;
}

const EMPTY: Entry = { lo: 0, hi: 0, pfn: undefined, large: false };

/**
 * What it takes to come from the pages of one address space to those of another, or of a later moment, in order
 * of address. Tables that both share are skipped.
 */
export function diffPages(before: MmPages | undefined, after: MmPages | undefined): readonly PageChange[] {
  const [a, b] = [before?.table, after?.table];
  const changes: PageChange[] = [];
  const add = (page: number, kind: PageChangeKind): void => {
    const last = changes.at(-1);
    if (last && last.kind === kind && last.end === page)
      changes[changes.length - 1] = { kind, ...pageRange(last.start, page + 1) };
    else changes.push({ kind, ...pageRange(page, page + 1) });
  };
  for (const first of differingBlocks(a, b)) {
    const span = (a ?? b)?.span(1) ?? 1;
    const [mine, theirs] = [a?.find(0, first)?.words, b?.find(0, first)?.words];
    for (let page = first; page < first + span; page++) {
      const at = 2 * (page - first);
      // Where both sides have a lowest table, most of its entries are the same.
      if (mine && theirs && mine[at] === theirs[at] && mine[at + 1] === theirs[at + 1]) continue;
      const kind = kindOf(entryAt(a, page), entryAt(b, page));
      if (kind) add(page, kind);
    }
  }
  return changes;
}

/** First pages of the blocks of a lowest table that the two do not share, in ascending order. */
function differingBlocks(a: PageTable | undefined, b: PageTable | undefined): readonly number[] {
  const blocks = new Set<number>();
  const add = (page: number): void => {
    blocks.add(page);
  };
  if (a && b) {
    a.diff(b, (page, mine, theirs) => {
      const table = mine ?? theirs;
      if (table?.level === 0) add(page);
      if (table?.level !== 1) return;
      for (let i = 0; i < table.words.length / 2; i++) {
        const at = 2 * i;
        const [left, right] = [mine?.words, theirs?.words];
        if (left?.[at] !== right?.[at] || left?.[at + 1] !== right?.[at + 1]) add(page + i * a.span(1));
      }
    });
  } else {
    const table = a ?? b;
    table?.visit(0, Number.MAX_SAFE_INTEGER, {
      leaf: (_, from, __, page) => add(page - from),
      large: (_, __, page) => add(page),
    });
  }
  return [...blocks].sort((x, y) => x - y);
}

function entryAt(table: PageTable | undefined, page: number): Entry {
  const last = table?.walk(page).at(-1);
  if (!table || !last || last.table.isEmpty(last.index)) return EMPTY;
  const [lo, hi] = [
    last.table.words[2 * last.index] as number,
    last.table.words[2 * last.index + 1] as number,
  ];
  const mapped = isPresent(lo) ? pfnOf(lo, hi) + (page % table.span(last.table.level)) : undefined;
  return { lo, hi, pfn: mapped, large: last.table.level > 0 };
}

function kindOf(a: Entry, b: Entry): PageChangeKind | undefined {
  if (a.pfn === undefined) return b.pfn === undefined ? betweenAbsent(a, b) : comesIn(a);
  if (b.pfn === undefined) return goes(b);
  if (a.pfn !== b.pfn || isSpecialEntry(a.lo) !== isSpecialEntry(b.lo)) return "replaced";
  if (isWritable(a.lo) !== isWritable(b.lo)) return isWritable(b.lo) ? "writable" : "write-protected";
  if (!isDirty(a.lo, a.hi) && isDirty(b.lo, b.hi)) return "dirtied";
  if (a.large && !b.large) return "split";
  return a.lo === b.lo && a.hi === b.hi ? undefined : "changed";
}

const isEmpty = ({ lo, hi }: Entry): boolean => lo === 0 && hi === 0;

function comesIn(a: Entry): PageChangeKind {
  return isEmpty(a) || isGuard(a.lo, a.hi) ? "populated" : "swapped in";
}

function goes(b: Entry): PageChangeKind {
  if (isEmpty(b)) return "dropped";
  return isGuard(b.lo, b.hi) ? "guarded" : "swapped out";
}

function betweenAbsent(a: Entry, b: Entry): PageChangeKind | undefined {
  if (a.lo === b.lo && a.hi === b.hi) return undefined;
  if (isEmpty(b)) return isGuard(a.lo, a.hi) ? "unguarded" : "dropped";
  if (isGuard(b.lo, b.hi)) return "guarded";
  return swapOffset(a.lo, a.hi) === swapOffset(b.lo, b.hi) ? "changed" : "swapped out";
}
