import { isGuard, isPresent, isSpecialEntry, pfnOf, swapOffset, swapType } from "../arch/index.ts";
import type { KernelState } from "../kernel/index.ts";
import type { MmStruct } from "../mm/index.ts";
import { PG } from "../phys/index.ts";

/** Bits of an entry of /proc/PID/pagemap: PM_ in fs/proc/task_mmu.c. */
export const PM = {
  MMAP_EXCLUSIVE: 1n << 56n,
  GUARD_REGION: 1n << 58n,
  FILE: 1n << 61n,
  SWAP: 1n << 62n,
  PRESENT: 1n << 63n,
} as const;

/**
 * What /proc/PID/pagemap says of a page, as a reader who may see frame numbers gets it; 0n for a page that is
 * not there, and wherever pages are not modelled.
 *
 * @kernel pte_to_pagemap_entry, pagemap_pmd_range, fs/proc/task_mmu.c (6.18)
 */
export function pagemapEntry({ memory }: KernelState, mm: MmStruct, page: number): bigint {
  const last = mm.pages?.table.walk(page).at(-1);
  if (!memory || !mm.pages || !last) return 0n;
  const { table, index } = last;
  const [lo, hi] = [table.words[2 * index] as number, table.words[2 * index + 1] as number];
  if (table.isEmpty(index)) return 0n;
  if (!isPresent(lo)) {
    const guard = isGuard(lo, hi) ? PM.GUARD_REGION : 0n;
    return PM.SWAP | guard | (BigInt(swapOffset(lo, hi)) << 5n) | BigInt(swapType(hi));
  }
  const pfn = pfnOf(lo, hi) + (page % mm.pages.table.span(table.level));
  const frame = PM.PRESENT | BigInt(pfn);
  // Small pages of zeros have no struct page to speak of; the large one looks like a file's.
  if (isSpecialEntry(lo)) return table.level === 0 ? frame : frame | PM.FILE;
  const file = memory.phys.has(pfn, PG.ANON) ? 0n : PM.FILE;
  return frame | file | (memory.phys.mapcount(pfn) === 1 ? PM.MMAP_EXCLUSIVE : 0n);
}
