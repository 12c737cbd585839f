import type { KernelTraits } from "../arch/index.ts";
import { freeSwapOf, HUGE_PAGES } from "../mm/index.ts";
import { FRAME, largeMapcount, maybeMappedShared, PG, type PhysMemory } from "../phys/index.ts";
import type { Fault } from "./fault.ts";

/** Whether a page of a huge one that is mapped page by page has this one user. */
type LargeRule = (fault: Fault, head: number) => boolean;

/** By release; the first is __wp_can_reuse_large_anon_folio. */
const LARGE_RULES: Readonly<Record<KernelTraits["reusesLarge"], LargeRule>> = {
  "one address space": ({ memory: { phys } }, head) => {
    const mapped = largeMapcount(phys, head);
    return mapped > 1 && phys.get(head, FRAME.REFCOUNT) === mapped && !maybeMappedShared(phys, head);
  },
  "one reference": (fault, head) => {
    if (fault.memory.phys.get(head, FRAME.REFCOUNT) > 1) return false;
    moveToThisMapping(fault, head);
    return true;
  },
  "one entry a page": (fault, head) => {
    const { phys } = fault.memory;
    if (mostMapped(phys, head) > 1) return false;
    if (largeMapcount(phys, head) === 1) moveToThisMapping(fault, head);
    return true;
  },
};

/**
 * Whether a private page that is written to has this one user, and need not be copied: it is exclusive already, or
 * this entry holds all that refers to it. A page of a huge one follows the release: in 6.18 every reference is an
 * entry of one address space, and the last page that is mapped is copied, so that the huge one is free; in 6.1 the
 * page's entry is the only reference to the huge one; 5.4 knows no exclusive pages, and asks that no page of the huge
 * one is mapped twice.
 *
 * @kernel wp_can_reuse_anon_folio, mm/memory.c (6.18); do_wp_page, mm/memory.c (6.1); reuse_swap_page,
 *   mm/swapfile.c (5.4)
 */
export function mayReuseAnon(fault: Fault, pfn: number): boolean {
  const { phys } = fault.memory;
  const { reusesLarge } = fault.edit.env.traits;
  const head = phys.head(pfn);
  const large = phys.has(head, PG.HEAD);
  if (phys.has(pfn, PG.EXCLUSIVE) && !(large && reusesLarge === "one entry a page")) return true;
  if (large) return LARGE_RULES[reusesLarge](fault, head);
  const cached = phys.has(pfn, PG.SWAPCACHE) ? 1 : 0;
  if (phys.get(pfn, FRAME.REFCOUNT) > 1 + cached || !freeSwapOf(fault.memory, pfn)) return false;
  moveToThisMapping(fault, pfn);
  return true;
}

/** page_move_anon_rmap. */
const moveToThisMapping = ({ memory: { phys }, vma }: Fault, pfn: number): void =>
  phys.set(pfn, FRAME.MAPPING, vma.anonVma);

/** Entries that map that page of a huge one which has most: page_trans_huge_map_swapcount, mm/swapfile.c (5.4). */
export function mostMapped(phys: PhysMemory, head: number): number {
  let most = 0;
  for (let n = 0; n < HUGE_PAGES; n++) most = Math.max(most, phys.mapcount(head + n));
  return most;
}
