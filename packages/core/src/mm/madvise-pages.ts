import {
  isDirty,
  isPresent,
  isSpecialEntry,
  isSwapEntry,
  isYoung,
  mkclean,
  mkold,
  pfnOf,
  SWAP_EXCLUSIVE,
  SWAP_TYPE,
  swapHi,
  swapLo,
  swapOffset,
} from "../arch/index.ts";
import type { FileId } from "../base/index.ts";
import type { TablePage } from "../paging/index.ts";
import { maybeMappedShared, PG, unmapPage } from "../phys/index.ts";
import { HUGE_PAGES, splitHugePmd } from "./huge-pmd.ts";
import { type Memory, mappingOf } from "./memory.ts";
import type { MmEdit } from "./mm-edit.ts";
import type { MmPages } from "./mm-pages.ts";
import { gathered } from "./mmu-gather.ts";
import { splitFolio } from "./split-folio.ts";
import { readSwapCache } from "./swap-cache.ts";
import { cachePage, forgetPage, punchHole } from "./truncate.ts";
import { isUnevictable } from "./unevictable.ts";
import { VMH } from "./vm-flags.ts";
import { isAnonymous, VM_OPS, type Vma } from "./vma.ts";
import { DONTNEED, freeSwap, zapRange } from "./zap.ts";

/**
 * What becomes of a huge page that lies in the range as a whole: it stays one, and is visited once where one entry
 * maps it, or it becomes small pages, with or without those that hold nothing but zeros.
 */
type Treatment = "kept" | "pages" | "split";

const kept = (): Treatment => "kept";

/** What each visit of a present page gets. */
interface PresentPage {
  readonly memory: Memory;
  readonly pages: MmPages;
  readonly table: TablePage;
  readonly i: number;
  readonly pfn: number;
  /** Where it is mapped, and how many pages the entry maps. */
  readonly page: number;
  readonly size: number;
}

/** MADV_DONTNEED: pages go, private copies included. Of huge pages only whole ones: madvise_dontneed_free. */
export function dontNeedPages(edit: MmEdit, vma: Vma, start: number, end: number): void {
  const huge = vma.ops === VM_OPS.hugetlb;
  zapRange(edit, vma, start, huge ? end - (end % HUGE_PAGES) : end, DONTNEED);
}

/**
 * MADV_FREE: private pages become clean and old, and may be dropped until they are written to again.
 *
 * @kernel madvise_free_pte_range, mm/madvise.c; lru_lazyfree, mm/swap.c (6.18)
 */
export function freePages(edit: MmEdit, start: number, end: number): void {
  edit.mm.pages?.noteHighWater();
  forEachPresent(edit, start, end, kept, freePage, ({ memory, pages, table, i }) => {
    const [lo, hi] = [table.words[2 * i] as number, table.words[2 * i + 1] as number];
    if (!isSwapEntry(lo, hi)) return;
    freeSwap(memory, swapOffset(lo, hi));
    pages.swapEnts--;
    table.clear(i);
  });
}

function freePage(present: PresentPage): void {
  const { memory, table, i, pfn } = present;
  const { phys } = memory;
  const head = phys.head(pfn);
  if (!phys.has(head, PG.ANON)) return;
  if (phys.has(head, PG.DIRTY)) {
    if (phys.mapcount(pfn) !== 1) return;
    phys.flag(head, 0, PG.DIRTY);
  }
  const { words } = table;
  if (isYoung(words[2 * i] as number) || isDirty(words[2 * i] as number, words[2 * i + 1] as number)) {
    mkold(words, 2 * i);
    mkclean(words, 2 * i);
    forgetUse(present);
  }
  if (!phys.has(head, PG.SWAPBACKED) || phys.has(head, PG.SWAPCACHE) || isUnevictable(memory, pfn)) return;
  phys.flag(head, 0, PG.SWAPBACKED | PG.ACTIVE | PG.REFERENCED);
}

/** An entry no longer says that its page was used: a huge one is invalidated on the way. */
function forgetUse({ memory: { gather }, pages, page, size }: PresentPage): void {
  if (size > 1) gather?.flushes.range(pages, { start: page, end: page + size, freedTables: true });
  gather?.clear(page, size);
}

/**
 * MADV_COLD: pages that nobody else maps become old.
 *
 * @kernel madvise_cold_or_pageout_pte_range, mm/madvise.c (6.18)
 */
export function coolPages(edit: MmEdit, start: number, end: number): void {
  const cool = (present: PresentPage): void => {
    const { memory, table, i, pfn } = present;
    const { phys } = memory;
    if (phys.mapcount(pfn) !== 1) return;
    if (isYoung(table.words[2 * i] as number)) forgetUse(present);
    mkold(table.words, 2 * i);
    phys.flag(phys.head(pfn), 0, PG.REFERENCED | PG.ACTIVE);
  };
  gathered(edit, () => forEachPresent(edit, start, end, kept, cool));
}

/**
 * MADV_PAGEOUT: pages that nobody else maps are reclaimed: private ones to swap if there is room, those of
 * files from the page cache if they are clean. A dirty page of a disk file is marked for reclaim by the flag
 * that also marks where reading ahead should go on, so that nothing maps it in passing.
 *
 * @kernel madvise_pageout, mm/madvise.c; shrink_folio_list, mm/vmscan.c (6.18)
 */
export function pageOut(edit: MmEdit, vma: Vma, start: number, end: number): void {
  forEachPresent(edit, start, end, pageOutTreatment, (page) => {
    const { memory, pfn } = page;
    if (memory.phys.mapcount(pfn) !== 1) return;
    memory.phys.flag(pfn, 0, PG.REFERENCED);
    if (memory.phys.has(pfn, PG.ANON)) reclaimAnonymous(page, (vma.high & VMH.DROPPABLE) !== 0);
    else reclaimFilePage(edit, vma, page);
  });
}

/** A huge page goes as a whole where swap has room for it, or where it was given up; else it is split. */
const pageOutTreatment = ({ phys, swap }: Memory, head: number): Treatment =>
  !phys.has(head, PG.SWAPBACKED) || swap.size - 1 - swap.used >= HUGE_PAGES ? "pages" : "split";

/** @param droppable the page may go whatever was written to it */
function reclaimAnonymous({ memory, pages, table, i, pfn, page }: PresentPage, droppable: boolean): void {
  const { phys, swap } = memory;
  const [lo, hi] = [table.words[2 * i] as number, table.words[2 * i + 1] as number];
  if (!phys.has(pfn, PG.SWAPBACKED)) {
    if (isDirty(lo, hi)) phys.flag(pfn, PG.DIRTY);
    if (phys.has(pfn, PG.DIRTY) && !droppable) {
      phys.flag(pfn, PG.SWAPBACKED | PG.ACTIVE);
      return;
    }
    table.clear(i);
  } else {
    const slot = swap.alloc();
    if (slot === undefined) {
      phys.flag(pfn, PG.ACTIVE);
      return;
    }
    swap.store(slot, phys.content(pfn));
    const exclusive = phys.has(pfn, PG.EXCLUSIVE) ? SWAP_EXCLUSIVE : 0;
    table.set(i, swapLo(slot, exclusive), swapHi(SWAP_TYPE.AREA, slot));
    pages.swapEnts++;
  }
  memory.gather?.flushes.unmapped(pages, page);
  // Nobody may write to it any more once it is being written out: try_to_unmap_flush_dirty.
  if (isDirty(lo, hi)) memory.gather?.flushes.batch();
  pages.noteHighWater();
  pages.rssAnon--;
  unmapPage(phys, pfn, pages.id);
  phys.put(pfn);
}

function reclaimFilePage(edit: MmEdit, vma: Vma, { memory, pages, table, i, pfn, page }: PresentPage): void {
  const { phys } = memory;
  const [lo, hi] = [table.words[2 * i] as number, table.words[2 * i + 1] as number];
  if (isDirty(lo, hi)) phys.flag(pfn, PG.DIRTY);
  table.clear(i);
  memory.gather?.flushes.unmapped(pages, page);
  pages.noteHighWater();
  pages[phys.has(pfn, PG.SHMEM) ? "rssShmem" : "rssFile"]--;
  unmapPage(phys, pfn, pages.id);
  phys.put(pfn);
  const mapping = mappingOf(edit.env.file(vma.file));
  const index = phys.index(pfn);
  if (!phys.has(pfn, PG.DIRTY)) forgetPage(memory, mapping, index, pfn);
  else if (!phys.has(pfn, PG.SHMEM)) phys.flag(pfn, PG.ACTIVE | PG.READAHEAD);
  else if (!swapOutShared(memory, mapping, index, pfn)) phys.flag(pfn, PG.ACTIVE);
}

/** A page of shared memory goes to swap, if there is room: shmem_writeout. */
function swapOutShared(memory: Memory, mapping: FileId, index: number, pfn: number): boolean {
  const { phys, swap } = memory;
  const slot = swap.alloc();
  if (slot === undefined) return false;
  swap.store(slot, phys.content(pfn));
  memory.cache(mapping).swapOut(index, slot);
  phys.assign(pfn, 0, 0);
  phys.put(pfn);
  return true;
}

/** MADV_REMOVE: a hole in the file; whoever maps these pages loses them. */
export function punchPages(edit: MmEdit, vma: Vma, start: number, end: number): void {
  const { memory } = edit.env;
  if (!memory) return;
  const offset = vma.pgoff - vma.start;
  punchHole(memory, mappingOf(edit.env.file(vma.file)), start + offset, end + offset);
}

/**
 * MADV_WILLNEED: pages of a file are read into the page cache, those in swap into the swap cache.
 *
 * @kernel madvise_willneed, swapin_walk_pmd_entry, shmem_swapin_range, mm/madvise.c; force_page_cache_ra, mm/readahead.c (6.18)
 */
export function readAheadPages(edit: MmEdit, vma: Vma, start: number, end: number): void {
  const { memory } = edit.env;
  if (!memory) return;
  if (vma.file === 0 || isAnonymous(vma)) {
    readAheadSwap(edit, memory, vma, start, end);
    return;
  }
  const file = edit.env.file(vma.file);
  const offset = vma.pgoff - vma.start;
  if (file.kind !== "disk") {
    const mapping = mappingOf(file);
    const swapped = memory.peekCache(mapping)?.slots(start + offset, end + offset) ?? [];
    for (const [index, slot] of swapped) readSwapCache(memory, slot, "shmem", mapping, index);
    return;
  }
  const last = Math.min(end + offset, Math.ceil((file.size ?? 0) / 4096));
  for (let index = start + offset; index < last; index++)
    if (cachePage(memory, mappingOf(file), index, 0) === undefined) return;
}

function readAheadSwap({ mm }: MmEdit, memory: Memory, vma: Vma, start: number, end: number): void {
  mm.pages?.table.visit(start, end, {
    leaf({ words }, from, to, page) {
      for (let i = from; i < to; i++) {
        const [lo, hi] = [words[2 * i] as number, words[2 * i + 1] as number];
        if (isSwapEntry(lo, hi))
          readSwapCache(
            memory,
            swapOffset(lo, hi),
            "anon",
            vma.anonVma,
            vma.pgoff + (page + (i - from) - vma.start),
          );
      }
    },
  });
}

/**
 * Visits the pages of a range that are mapped and counted, those of huge pages only where one address space has
 * them all. A huge page that lies in the range as a whole may stay one; others become small pages of their own.
 *
 * @param otherwise told of entries that hold something else
 * @kernel madvise_cold_or_pageout_pte_range, madvise_free_pte_range, mm/madvise.c (6.18)
 */
function forEachPresent(
  edit: MmEdit,
  start: number,
  end: number,
  treatment: (memory: Memory, head: number) => Treatment,
  visit: (page: PresentPage) => void,
  otherwise?: (entry: Omit<PresentPage, "pfn" | "size">) => void,
): void {
  const { pages } = edit.mm;
  const { memory } = edit.env;
  if (!pages || !memory) return;
  pages.table.visitOwned(start, end, {
    leaf(table, from, to, first) {
      for (let i = from; i < to; i++) {
        if (table.isEmpty(i)) continue;
        const lo = table.words[2 * i] as number;
        const entry = { memory, pages, table, i, page: first + (i - from) };
        if (!isPresent(lo)) otherwise?.(entry);
        else if (!isSpecialEntry(lo)) {
          const page = { ...entry, pfn: entryPfn(table, i), size: 1 };
          if (makeVisitable(edit, page, to, treatment)) visit(page);
        }
      }
      memory.gather?.flushes.batch();
    },
    large(table, i, page) {
      const head = entryPfn(table, i);
      const { phys } = memory;
      if (isSpecialEntry(table.words[2 * i] as number) || phys.has(head, PG.HUGETLB)) return;
      if (maybeMappedShared(phys, head)) return;
      const whole = start <= page && page + HUGE_PAGES <= end;
      const treated = whole ? treatment(memory, head) : "split";
      if (treated === "kept") {
        visit({ memory, pages, table, i, pfn: head, page, size: HUGE_PAGES });
        return;
      }
      splitHugePmd(memory, pages, table, i, page);
      breakUp(edit, memory, pages, head, treated);
    },
  });
}

/**
 * Whether a page may be visited, which of a huge page may first have to become one of its own.
 *
 * @param to the end of the entries of this table that lie in the range
 */
function makeVisitable(
  edit: MmEdit,
  page: PresentPage,
  to: number,
  treatment: (memory: Memory, head: number) => Treatment,
): boolean {
  const { memory, pages, pfn, table, i } = page;
  const { phys } = memory;
  if (!phys.has(pfn, PG.HEAD | PG.TAIL)) return true;
  const head = phys.head(pfn);
  if (maybeMappedShared(phys, head)) return false;
  const treated = isWhole(page, to) ? treatment(memory, head) : "split";
  if (treated === "split") pages.noteHighWater();
  if (treated !== "kept") breakUp(edit, memory, pages, head, treated);
  return !isSpecialEntry(table.words[2 * i] as number);
}

function breakUp(
  edit: MmEdit,
  memory: Memory,
  pages: MmPages,
  head: number,
  treated: Exclude<Treatment, "kept">,
): void {
  if (treated === "split") splitFolio(edit, memory, pages, head);
  else memory.phys.splitCompound(head);
}

/** Whether the entries of the range map the whole huge page in order: folio_pte_batch. */
function isWhole({ memory: { phys }, table, i, pfn }: PresentPage, to: number): boolean {
  const head = phys.head(pfn);
  const first = i - (pfn - head);
  if (first < 0 || first + HUGE_PAGES > to) return false;
  for (let n = 0; n < HUGE_PAGES; n++)
    if (!isPresent(table.words[2 * (first + n)] as number) || entryPfn(table, first + n) !== head + n)
      return false;
  return true;
}

const entryPfn = ({ words }: TablePage, i: number): number =>
  pfnOf(words[2 * i] as number, words[2 * i + 1] as number);
