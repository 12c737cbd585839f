import { hiOf, isSpecialEntry, loOf, PTE, pfnOf } from "../arch/index.ts";
import { assert } from "../base/index.ts";
import type { TablePage } from "../paging/index.ts";
import { FRAME, mapPage, PG, unmapWhole, ZERO_PFN } from "../phys/index.ts";
import type { Memory } from "./memory.ts";
import type { MmPages } from "./mm-pages.ts";
import type { Vma } from "./vma.ts";

/** A huge page's log2 of pages, and its pages: HPAGE_PMD_ORDER, HPAGE_PMD_NR. */
export const HUGE_ORDER = 9;
export const HUGE_PAGES = 512;

/** The bits of a high word that are not the frame's. */
const HI_FLAGS = 0xfff00000;

/**
 * Maps the pages of a huge page one by one: what is mapped, and with which access, stays.
 *
 * @param page the first that the entry maps
 * @kernel __split_huge_pmd_locked, __split_huge_zero_page_pmd, mm/huge_memory.c (6.18)
 */
export function splitHugePmd(
  { phys, gather }: Memory,
  pages: MmPages,
  above: TablePage,
  i: number,
  page: number,
): void {
  assert(above.level === 1, "an entry of 2 MiB");
  const [lo, hi] = [above.words[2 * i] as number, above.words[2 * i + 1] as number];
  const zero = isSpecialEntry(lo);
  const head = pfnOf(lo, hi);
  const table = pages.table.split(above, i);
  const bits = lo & 0xfff & ~PTE.PSE;
  const hiBits = (hi & HI_FLAGS) >>> 0;
  const exclusive = !zero && phys.has(head, PG.EXCLUSIVE);
  for (let n = 0; n < HUGE_PAGES; n++) {
    const pfn = zero ? ZERO_PFN : head + n;
    table.set(n, loOf(pfn, bits), hiOf(pfn, bits, hiBits));
    if (zero) continue;
    mapPage(phys, pfn, pages.id);
    phys.flag(pfn, exclusive ? PG.EXCLUSIVE : 0, exclusive ? 0 : PG.EXCLUSIVE);
  }
  gather?.flushes.range(pages, { start: page, end: page + HUGE_PAGES, freedTables: true });
  if (zero) return;
  unmapWhole(phys, head, pages.id);
  phys.add(head, FRAME.REFCOUNT, HUGE_PAGES - 1);
}

/**
 * Takes out an entry that maps a huge page, with the table that waited behind it.
 *
 * @kernel zap_huge_pmd, mm/huge_memory.c; __unmap_hugepage_range, mm/hugetlb.c (6.18)
 */
export function zapHugePmd(
  memory: Memory,
  pages: MmPages,
  vma: Vma,
  above: TablePage,
  i: number,
  page: number,
): void {
  const { phys } = memory;
  const lo = above.words[2 * i] as number;
  const head = pfnOf(lo, above.words[2 * i + 1] as number);
  if (above.tables[i]) pages.table.withdraw(above, i, memory.tables);
  above.clear(i);
  memory.gather?.clear(page, pages.table.span(above.level));
  if (isSpecialEntry(lo)) return;
  unmapWhole(phys, head, pages.id);
  if (phys.has(head, PG.HUGETLB)) {
    pages.hugetlb -= HUGE_PAGES;
    // An owner's page is reserved for it again, whoever holds it last.
    if (vma.resv > 0 && phys.has(head, PG.ANON)) {
      phys.flag(head, PG.RESTORE_RESERVE);
      memory.pool.restore(vma.resv, hugeIndex(vma, page));
    }
    putHugetlb(memory, head);
  } else {
    pages.rssAnon -= HUGE_PAGES;
    phys.put(head);
  }
}

/** The number of a page's huge page in its file, in huge pages: vma_hugecache_offset. */
export const hugeIndex = (vma: Vma, page: number): number =>
  Math.floor((vma.pgoff + (page - vma.start)) / HUGE_PAGES);

/** One reference of a page of the pool less; the last brings it back there: free_huge_folio. */
export function putHugetlb({ phys, pool }: Memory, head: number): void {
  if (phys.add(head, FRAME.REFCOUNT, -1) > 0) return;
  if (phys.has(head, PG.RESTORE_RESERVE)) pool.reserved++;
  phys.set(head, FRAME.MAPPING, 0);
  phys.flag(
    head,
    0,
    PG.RESTORE_RESERVE | PG.ANON | PG.EXCLUSIVE | PG.DIRTY | PG.REFERENCED | PG.ACTIVE | PG.UPTODATE,
  );
  pool.free.push(head);
}
