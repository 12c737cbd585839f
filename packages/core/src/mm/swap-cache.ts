import { FRAME, PG } from "../phys/index.ts";
import type { Memory } from "./memory.ts";

/** A page of swap that is in memory too: the cache holds one reference, and the frame knows its slot. */
function addToSwapCache({ phys, swap }: Memory, slot: number, pfn: number): void {
  swap.setCached(slot, pfn);
  phys.set(pfn, FRAME.ENTIRE, slot + 1);
  phys.flag(pfn, PG.SWAPCACHE);
  phys.add(pfn, FRAME.REFCOUNT, 1);
}

/** Takes a page out of the swap cache, and with it the cache's reference: delete_from_swap_cache. */
export function dropFromSwapCache({ phys, swap }: Memory, pfn: number): void {
  swap.setCached(phys.get(pfn, FRAME.ENTIRE) - 1, undefined);
  phys.set(pfn, FRAME.ENTIRE, 0);
  phys.flag(pfn, 0, PG.SWAPCACHE);
  phys.put(pfn);
}

/**
 * Takes a page out of the swap cache if no entry names its slot any more.
 *
 * @returns whether it is out
 * @kernel folio_free_swap, mm/swapfile.c (6.18)
 */
export function freeSwapOf(memory: Memory, pfn: number): boolean {
  const { phys, swap } = memory;
  if (!phys.has(pfn, PG.SWAPCACHE)) return true;
  if (swap.count(phys.get(pfn, FRAME.ENTIRE) - 1) > 0) return false;
  dropFromSwapCache(memory, pfn);
  return true;
}

/**
 * The page of a slot in the swap cache, read in where it is missing; undefined without a free frame.
 *
 * @param mapping the anon_vma, or the file in memory, that the page belongs to
 * @kernel read_swap_cache_async, mm/swap_state.c (6.18)
 */
export function readSwapCache(
  memory: Memory,
  slot: number,
  kind: "anon" | "shmem",
  mapping: number,
  index: number,
): number | undefined {
  const { phys, swap } = memory;
  const cached = swap.cached(slot);
  if (cached !== undefined) return cached;
  const pfn = phys.alloc(0, "user", PG.UPTODATE | PG.SWAPBACKED | (kind === "anon" ? PG.ANON : PG.SHMEM));
  if (pfn === undefined) return undefined;
  phys.assign(pfn, mapping, index);
  phys.setContent(pfn, swap.content(slot));
  addToSwapCache(memory, slot, pfn);
  phys.put(pfn);
  return pfn;
}
