import {
  isDirty,
  isGuard,
  isLarge,
  isPresent,
  isProtNone,
  isSpecialEntry,
  isWritable,
  isYoung,
  pfnOf,
} from "../arch/index.ts";
import type { KernelState } from "../kernel/index.ts";
import type { MmStruct } from "../mm/index.ts";
import { PG } from "../phys/index.ts";

/** Words for what a page-table entry can be; several go together. */
export const ENTRY_WORDS = [
  "absent",
  "present",
  "swap",
  "guard",
  "zero",
  "huge",
  "noaccess",
  "readonly",
  "writable",
  "clean",
  "dirty",
  "old",
  "young",
  "exclusive",
  "lazyfree",
] as const;
export type EntryWord = (typeof ENTRY_WORDS)[number];

/** What the page tables say of one page. */
export interface PageEntry {
  readonly words: readonly EntryWord[];
  /** The frame that it maps, also that of zeros. */
  readonly pfn?: number;
}

const ABSENT: PageEntry = { words: ["absent"] };

/** Looks a page up in the page tables; undefined where pages are not modelled. */
export function pageEntry({ memory }: KernelState, mm: MmStruct, page: number): PageEntry | undefined {
  const { pages } = mm;
  if (!pages || !memory) return undefined;
  const last = pages.table.walk(page).at(-1);
  if (!last || last.table.isEmpty(last.index)) return ABSENT;
  const { table, index } = last;
  const [lo = 0, hi = 0] = table.words.subarray(2 * index);
  if (!isPresent(lo)) return { words: [isGuard(lo, hi) ? "guard" : "swap"] };
  const pfn = pfnOf(lo, hi) + (page % pages.table.span(table.level));
  const words: EntryWord[] = ["present"];
  if (isLarge(lo) && table.level > 0) words.push("huge");
  words.push(isProtNone(lo) ? "noaccess" : isWritable(lo) ? "writable" : "readonly");
  words.push(isDirty(lo, hi) ? "dirty" : "clean", isYoung(lo) ? "young" : "old");
  if (isSpecialEntry(lo)) words.push("zero");
  else {
    const { phys } = memory;
    const head = phys.head(pfn);
    const isAnon = phys.has(head, PG.ANON);
    if (isAnon && phys.has(pfn, PG.EXCLUSIVE)) words.push("exclusive");
    if (isAnon && !phys.has(head, PG.SWAPBACKED)) words.push("lazyfree");
  }
  return { words, pfn };
}
