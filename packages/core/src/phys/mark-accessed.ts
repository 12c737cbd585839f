import { PG } from "./page-flags.ts";
import type { PhysMemory } from "./phys-memory.ts";

/**
 * Notes that a page in the cache was used: the second use makes it active.
 *
 * @kernel folio_mark_accessed, mm/swap.c (6.18)
 */
export function markAccessed(phys: PhysMemory, pfn: number): void {
  if (!phys.has(pfn, PG.REFERENCED)) phys.flag(pfn, PG.REFERENCED);
  else if (!phys.has(pfn, PG.ACTIVE)) phys.flag(pfn, PG.ACTIVE, PG.REFERENCED);
}
