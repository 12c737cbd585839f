import { isDirty, isGuard, isPresent, isSpecialEntry, isYoung, pfnOf, swapOffset } from "../arch/index.ts";
import type { TablePage } from "../paging/index.ts";
import { markAccessed, PG, unmapPage } from "../phys/index.ts";
import { splitHugePmd, zapHugePmd } from "./huge-pmd.ts";
import type { Memory } from "./memory.ts";
import type { MmEdit } from "./mm-edit.ts";
import type { MmPages } from "./mm-pages.ts";
import { gathered } from "./mmu-gather.ts";
import { dropFromSwapCache, freeSwapOf } from "./swap-cache.ts";
import { isUnevictable } from "./unevictable.ts";
import { VM } from "./vm-flags.ts";
import type { Vma } from "./vma.ts";

/** What a zap leaves. */
export interface ZapDetails {
  /** Guard regions stay: they end only with their mapping, or when they are removed. */
  readonly keepGuards: boolean;
  /** Pages of the file alone go, copies that were written to stay: !even_cows. */
  readonly keepCopies: boolean;
  /** Lowest tables that a whole span of is emptied are freed: reclaim_pt. */
  readonly freeTables: boolean;
}

export const UNMAPPED: ZapDetails = { keepGuards: false, keepCopies: false, freeTables: false };
export const DONTNEED: ZapDetails = { keepGuards: true, keepCopies: false, freeTables: true };

/**
 * Takes the pages of [start, end) out of an address space; the mapping stays.
 *
 * @kernel unmap_page_range, zap_pte_range, mm/memory.c (6.18)
 */
export function zapRange(edit: MmEdit, vma: Vma, start: number, end: number, details: ZapDetails): void {
  const { pages } = edit.mm;
  const { memory } = edit.env;
  if (!pages || !memory) return;
  pages.noteHighWater();
  gathered(edit, () => zapPages(memory, pages, vma, start, end, details));
}

/** The same for pages that stand under no edit. What goes is gathered. */
export function zapPages(
  memory: Memory,
  pages: MmPages,
  vma: Vma,
  start: number,
  end: number,
  details: ZapDetails,
): void {
  const emptied: number[] = [];
  const noteEmptied = (page: number): void => {
    emptied.push(page);
    memory.gather?.freeTable(page, pages.table.span(1));
  };
  const wholly = (page: number): boolean => start <= page && page + pages.table.span(1) <= end;
  pages.table.visitOwned(start, end, {
    table({ level, used }, page) {
      if (details.freeTables && level === 0 && used === 0 && wholly(page)) noteEmptied(page);
    },
    leaf(table, from, to, page) {
      zapEntries(memory, pages, vma, table, from, to, page, details);
      if (details.freeTables && table.used === 0 && to - from === table.words.length / 2) noteEmptied(page);
    },
    large(table, i, page) {
      const span = pages.table.span(table.level);
      if (start > page || end < page + span) splitHugePmd(memory, pages, table, i, page);
      else zapHugePmd(memory, pages, vma, table, i, page);
    },
  });
  for (const page of emptied) pages.table.freeLeaf(page, memory.tables);
}

function zapEntries(
  memory: Memory,
  pages: MmPages,
  vma: Vma,
  table: TablePage,
  from: number,
  to: number,
  page: number,
  details: ZapDetails,
): void {
  const { words } = table;
  const { gather } = memory;
  let force = false;
  for (let i = from; i < to; i++) {
    const lo = words[2 * i] as number;
    const hi = words[2 * i + 1] as number;
    if (lo === 0 && hi === 0) continue;
    if (isPresent(lo)) {
      if (!isSpecialEntry(lo)) {
        const pfn = pfnOf(lo, hi);
        if (details.keepCopies && memory.phys.has(pfn, PG.ANON)) continue;
        if (gather && isDirty(lo, hi) && !memory.phys.has(pfn, PG.ANON)) force = true;
        gather?.clear(page + (i - from));
        dropPage(memory, pages, vma, pfn, lo, hi);
        gather?.layAside();
      } else if (details.keepCopies) continue;
      else gather?.clear(page + (i - from));
    } else if (isGuard(lo, hi)) {
      if (details.keepGuards) continue;
    } else {
      if (details.keepCopies) continue;
      freeSwap(memory, swapOffset(lo, hi));
      pages.swapEnts--;
    }
    table.clear(i);
  }
  // A dirty page of a file is told to its file only once nobody can write to it any more.
  if (force) gather?.flush();
}

/** One mapping of a page goes: zap_present_folio_ptes. */
function dropPage(memory: Memory, pages: MmPages, vma: Vma, pfn: number, lo: number, hi: number): void {
  const { phys } = memory;
  if (phys.has(pfn, PG.ANON)) pages.rssAnon--;
  else {
    pages[phys.has(pfn, PG.SHMEM) ? "rssShmem" : "rssFile"]--;
    if (isDirty(lo, hi)) phys.flag(phys.head(pfn), PG.DIRTY);
    if (isYoung(lo) && hasRecency(vma)) markUsed(memory, pfn);
  }
  unmapPage(phys, pfn, pages.id);
  releasePage(memory, pfn);
}

/**
 * A page was used: one that was in use already becomes active, unless it is locked.
 *
 * @param besides entries of locked mappings that have not taken effect yet
 */
export function markUsed(memory: Memory, pfn: number, besides = 0): void {
  const { phys } = memory;
  const head = phys.head(pfn);
  const locked = phys.has(head, PG.REFERENCED) && isUnevictable(memory, pfn, besides);
  markAccessed(phys, head, locked);
}

/** Whether an access through the mapping says that the page will be used again: vma_has_recency. */
export const hasRecency = (vma: Vma): boolean => (vma.flags & (VM.SEQ_READ | VM.RAND_READ)) === 0;

/** One reference less; a page that only the swap cache still holds goes with it: free_swap_cache. */
export function releasePage(memory: Memory, pfn: number): void {
  const { phys } = memory;
  if (phys.mapcount(pfn) === 0) freeSwapOf(memory, pfn);
  phys.put(pfn);
}

/** An entry no longer names the slot; with the last the page's copy in memory goes too. */
export function freeSwap(memory: Memory, slot: number): void {
  const { phys, swap } = memory;
  if (swap.release(slot) > 0) return;
  const pfn = swap.cached(slot);
  if (pfn === undefined || phys.mapcount(pfn) > 0) return;
  dropFromSwapCache(memory, pfn);
}

/**
 * Takes the pages of whole VMAs that go out, and frees the tables that no other mapping's span shares.
 *
 * @kernel unmap_region, free_pgtables, mm/vma.c, mm/memory.c (6.18)
 */
export function unmapRegion(edit: MmEdit, vmas: readonly Vma[]): void {
  const { pages } = edit.mm;
  const { memory } = edit.env;
  const [first, last] = [vmas[0], vmas.at(-1)];
  if (!pages || !memory || !first || !last) return;
  pages.noteHighWater();
  const floor = edit.previous(first)?.end ?? 0;
  const ceiling = edit.findVma(last.end)?.start ?? Number.POSITIVE_INFINITY;
  gathered(edit, () => {
    for (const vma of vmas) zapPages(memory, pages, vma, vma.start, vma.end, UNMAPPED);
    pages.table.freeRange(first.start, last.end, floor, ceiling, memory.tables);
  });
}
