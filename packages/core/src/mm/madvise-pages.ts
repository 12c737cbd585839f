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
import type { TablePage } from "../paging/index.ts";
import { PG, unmapPage } from "../phys/index.ts";
import { HUGE_PAGES, splitHugePmd } from "./huge-pmd.ts";
import { type Memory, mappingOf } from "./memory.ts";
import type { MmEdit } from "./mm-edit.ts";
import type { MmPages } from "./mm-pages.ts";
import { cachePage, forgetPage, punchHole } from "./truncate.ts";
import { isUnevictable } from "./unevictable.ts";
import { VMH } from "./vm-flags.ts";
import { isAnonymous, VM_OPS, type Vma } from "./vma.ts";
import { DONTNEED, freeSwap, zapRange } from "./zap.ts";

/** What each visit of a present page gets. */
interface PresentPage {
  readonly memory: Memory;
  readonly pages: MmPages;
  readonly table: TablePage;
  readonly i: number;
  readonly pfn: number;
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
  forEachPresent(edit, start, end, freePage, ({ memory, pages, table, i }) => {
    const [lo, hi] = [table.words[2 * i] as number, table.words[2 * i + 1] as number];
    if (!isSwapEntry(lo, hi)) return;
    freeSwap(memory, swapOffset(lo, hi));
    pages.swapEnts--;
    table.clear(i);
  });
}

function freePage({ memory, table, i, pfn }: PresentPage): void {
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
  }
  if (!phys.has(head, PG.SWAPBACKED) || phys.has(head, PG.SWAPCACHE) || isUnevictable(memory, pfn)) return;
  phys.flag(head, 0, PG.SWAPBACKED | PG.ACTIVE | PG.REFERENCED);
}

/**
 * MADV_COLD: pages that nobody else maps become old.
 *
 * @kernel madvise_cold_or_pageout_pte_range, mm/madvise.c (6.18)
 */
export function coolPages(edit: MmEdit, start: number, end: number): void {
  forEachPresent(edit, start, end, ({ memory: { phys }, table, i, pfn }) => {
    if (phys.mapcount(pfn) !== 1) return;
    mkold(table.words, 2 * i);
    phys.flag(phys.head(pfn), 0, PG.REFERENCED | PG.ACTIVE);
  });
}

/**
 * MADV_PAGEOUT: pages that nobody else maps are reclaimed: private ones to swap if there is room, those of
 * files from the page cache if they are clean. A dirty page of a disk file is marked for reclaim by the flag
 * that also marks where reading ahead should go on, so that nothing maps it in passing.
 *
 * @kernel madvise_pageout, mm/madvise.c; shrink_folio_list, mm/vmscan.c (6.18)
 */
export function pageOut(edit: MmEdit, vma: Vma, start: number, end: number): void {
  edit.mm.pages?.noteHighWater();
  forEachPresent(edit, start, end, (page) => {
    const { memory, pfn } = page;
    if (memory.phys.mapcount(pfn) !== 1 || memory.phys.head(pfn) !== pfn) return;
    memory.phys.flag(pfn, 0, PG.REFERENCED);
    if (memory.phys.has(pfn, PG.ANON)) reclaimAnonymous(page, (vma.high & VMH.DROPPABLE) !== 0);
    else reclaimFilePage(edit, vma, page);
  });
}

/** @param droppable the page may go whatever was written to it */
function reclaimAnonymous({ memory, pages, table, i, pfn }: PresentPage, droppable: boolean): void {
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
  pages.rssAnon--;
  unmapPage(phys, pfn, pages.id);
  phys.put(pfn);
}

function reclaimFilePage(edit: MmEdit, vma: Vma, { memory, pages, table, i, pfn }: PresentPage): void {
  const { phys } = memory;
  const [lo, hi] = [table.words[2 * i] as number, table.words[2 * i + 1] as number];
  if (isDirty(lo, hi)) phys.flag(pfn, PG.DIRTY);
  table.clear(i);
  pages[phys.has(pfn, PG.SHMEM) ? "rssShmem" : "rssFile"]--;
  unmapPage(phys, pfn, pages.id);
  phys.put(pfn);
  const mapping = mappingOf(edit.env.file(vma.file));
  if (!phys.has(pfn, PG.DIRTY)) forgetPage(memory, mapping, phys.index(pfn), pfn);
  else phys.flag(pfn, phys.has(pfn, PG.SHMEM) ? PG.ACTIVE : PG.ACTIVE | PG.READAHEAD);
}

/** MADV_REMOVE: a hole in the file; whoever maps these pages loses them. */
export function punchPages(edit: MmEdit, vma: Vma, start: number, end: number): void {
  const { memory } = edit.env;
  if (!memory) return;
  const offset = vma.pgoff - vma.start;
  punchHole(memory, mappingOf(edit.env.file(vma.file)), start + offset, end + offset);
}

/** MADV_WILLNEED of a file: its pages are read into the page cache: force_page_cache_readahead. */
export function readAheadPages(edit: MmEdit, vma: Vma, start: number, end: number): void {
  const { memory } = edit.env;
  if (!memory || vma.file === 0 || isAnonymous(vma)) return;
  const file = edit.env.file(vma.file);
  if (file.kind !== "disk") return;
  const offset = vma.pgoff - vma.start;
  const last = Math.min(end + offset, Math.ceil((file.size ?? 0) / 4096));
  for (let index = start + offset; index < last; index++)
    if (cachePage(memory, mappingOf(file), index, 0) === undefined) return;
}

/**
 * Visits the pages of a range that are mapped and counted. Huge pages are split first.
 *
 * @param otherwise told of entries that hold something else
 */
function forEachPresent(
  edit: MmEdit,
  start: number,
  end: number,
  visit: (page: PresentPage) => void,
  otherwise?: (entry: Omit<PresentPage, "pfn">) => void,
): void {
  const { pages } = edit.mm;
  const { memory } = edit.env;
  if (!pages || !memory) return;
  pages.table.visitOwned(start, end, {
    leaf(table, from, to) {
      for (let i = from; i < to; i++) {
        if (table.isEmpty(i)) continue;
        const lo = table.words[2 * i] as number;
        const entry = { memory, pages, table, i };
        if (!isPresent(lo)) otherwise?.(entry);
        else if (!isSpecialEntry(lo)) visit({ ...entry, pfn: pfnOf(lo, table.words[2 * i + 1] as number) });
      }
    },
    large(table, i) {
      if (table.level === 1) splitHugePmd(memory, pages, table, i);
    },
  });
}
