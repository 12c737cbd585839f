import { PG } from "./page-flags.ts";
import type { PhysMemory } from "./phys-memory.ts";

/**
 * Notes that a page was used: the second use makes it active, unless it is locked.
 *
 * @kernel folio_mark_accessed, mm/swap.c (6.18)
 */
export function markAccessed(phys: PhysMemory, pfn: number, isLocked = false): void {
  if (!phys.has(pfn, PG.REFERENCED)) phys.flag(pfn, PG.REFERENCED);
  else if (isLocked) return;
  else if (!phys.has(pfn, PG.ACTIVE)) phys.flag(pfn, PG.ACTIVE, PG.REFERENCED);
}
