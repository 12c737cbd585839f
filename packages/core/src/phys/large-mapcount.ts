import { FRAME, PG } from "./page-flags.ts";
import type { PhysMemory } from "./phys-memory.ts";

/*
 * How often a huge page of private memory is mapped, as a whole or page by page, and by whom: the kernel follows
 * two address spaces, in slots. Like there, words of the first tail pages hold it, which have no other use for them.
 */

const FIRST = 1;
const SECOND = 2;
/** Of a slot: the address space, 0 for none, and its entries. */
const WHO = FRAME.MAPPING;
const ENTRIES = FRAME.INDEX;
/** In the first slot's page: all entries, and whether more than one address space may have some. */
const TOTAL = FRAME.INDEX_HIGH;
const SHARED = FRAME.ENTIRE;

/** Entries that map a huge page or any page of it: folio_large_mapcount. */
export const largeMapcount = (phys: PhysMemory, head: number): number => phys.get(head + FIRST, TOTAL);

/** Whether more than one address space may map it; not always known to be over when it is. */
export const maybeMappedShared = (phys: PhysMemory, head: number): boolean =>
  phys.get(head + FIRST, SHARED) !== 0;

/**
 * One entry more maps the page by itself.
 *
 * @param mm what tells its address space from all others: the frame of its top table
 * @kernel folio_add_anon_rmap_ptes, folio_try_dup_anon_rmap_ptes, folio_add_file_rmap_ptes, mm/rmap.c (6.18)
 */
export function mapPage(phys: PhysMemory, pfn: number, mm: number): void {
  phys.add(pfn, FRAME.MAPCOUNT, 1);
  if (phys.has(pfn, PG.HEAD | PG.TAIL)) addLargeMapcount(phys, phys.head(pfn), mm);
}

/** One such entry less: folio_remove_rmap_ptes. */
export function unmapPage(phys: PhysMemory, pfn: number, mm: number): void {
  phys.add(pfn, FRAME.MAPCOUNT, -1);
  if (phys.has(pfn, PG.HEAD | PG.TAIL)) subLargeMapcount(phys, phys.head(pfn), mm);
}

/** One entry more maps the whole huge page: folio_add_anon_rmap_pmd, folio_try_dup_anon_rmap_pmd. */
export function mapWhole(phys: PhysMemory, head: number, mm: number): void {
  phys.add(head, FRAME.ENTIRE, 1);
  if (!phys.has(head, PG.HUGETLB)) addLargeMapcount(phys, head, mm);
}

/** One such entry less: folio_remove_rmap_pmd. */
export function unmapWhole(phys: PhysMemory, head: number, mm: number): void {
  phys.add(head, FRAME.ENTIRE, -1);
  if (!phys.has(head, PG.HUGETLB)) subLargeMapcount(phys, head, mm);
}

/** folio_add_large_mapcount, include/linux/rmap.h: a third address space finds no slot. */
function addLargeMapcount(phys: PhysMemory, head: number, mm: number): void {
  const total = phys.add(head + FIRST, TOTAL, 1);
  const slot = slotOf(phys, head, mm) ?? slotOf(phys, head, 0);
  if (slot === undefined) return;
  phys.set(slot, WHO, mm);
  const entries = phys.add(slot, ENTRIES, 1);
  if (entries === 1 && total > 1) phys.set(head + FIRST, SHARED, 1);
}

/** folio_sub_large_mapcount: a slot may hold fewer entries than its address space has, from before it had one. */
function subLargeMapcount(phys: PhysMemory, head: number, mm: number): void {
  const total = phys.add(head + FIRST, TOTAL, -1);
  const slot = slotOf(phys, head, mm);
  if (slot !== undefined && phys.add(slot, ENTRIES, -1) > 0) return;
  if (slot !== undefined) phys.set(slot, WHO, 0);
  const owned = [FIRST, SECOND].some((n) => phys.get(head + n, ENTRIES) === total);
  if (owned) phys.set(head + FIRST, SHARED, 0);
}

function slotOf(phys: PhysMemory, head: number, mm: number): number | undefined {
  if (phys.get(head + FIRST, WHO) === mm) return head + FIRST;
  return phys.get(head + SECOND, WHO) === mm ? head + SECOND : undefined;
}
