import { isGuard, isPresent, isSpecialEntry, pfnOf, swapOffset, swapType } from "../arch/index.ts";
import { type PageRange, pageRange } from "../base/index.ts";
import type { KernelState } from "../kernel/index.ts";
import type { MmStruct, Vma } from "../mm/index.ts";
import { PG } from "../phys/index.ts";

/** Bytes of an entry: PM_ENTRY_BYTES. */
export const PAGEMAP_ENTRY_BYTES = 8;

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
  const first = pfnOf(lo, hi);
  const pfn = first + (page % mm.pages.table.span(table.level));
  const frame = PM.PRESENT | BigInt(pfn);
  // Small pages of zeros have no struct page to speak of; the large one looks like a file's.
  if (isSpecialEntry(lo)) return table.level === 0 ? frame : frame | PM.FILE;
  const file = memory.phys.has(pfn, PG.ANON) ? 0n : PM.FILE;
  // One large entry says of all its pages what holds for the first.
  return frame | file | (memory.phys.mapcount(first) === 1 ? PM.MMAP_EXCLUSIVE : 0n);
}

/** Neighbouring pages of which /proc/PID/pagemap says the same: one that has an entry, or any number without. */
export interface PagemapRun extends PageRange {
  readonly entry: bigint;
  /** Absent where nothing is mapped. */
  readonly vma: Vma | undefined;
}

/** The entries of pages [start, end) in ascending order: each by itself, absent ones together within a mapping. */
export function* pagemapRuns(
  state: KernelState,
  mm: MmStruct,
  { start, end }: PageRange,
): Generator<PagemapRun> {
  let at: number = start;
  for (const vma of mm.vmas.items()) {
    if (vma.end <= at) continue;
    if (vma.start >= end) break;
    if (vma.start > at) yield { ...pageRange(at, vma.start), entry: 0n, vma: undefined };
    at = Math.max(at, vma.start);
    const last = Math.min(vma.end, end);
    for (const page of pagesWithEntries(mm, at, last)) {
      if (page > at) yield { ...pageRange(at, page), entry: 0n, vma };
      yield { ...pageRange(page, page + 1), entry: pagemapEntry(state, mm, page), vma };
      at = page + 1;
    }
    if (at < last) yield { ...pageRange(at, last), entry: 0n, vma };
    at = last;
  }
  if (at < end) yield { ...pageRange(at, end), entry: 0n, vma: undefined };
}

/** What reading /proc/PID/pagemap at pages [start, end) gives: 8 bytes a page, the lowest first. */
export function pagemapBytes(state: KernelState, mm: MmStruct, { start, end }: PageRange): Uint8Array {
  const bytes = new Uint8Array((end - start) * PAGEMAP_ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  for (const page of pagesWithEntries(mm, start, end))
    view.setBigUint64((page - start) * PAGEMAP_ENTRY_BYTES, pagemapEntry(state, mm, page), true);
  return bytes;
}

/** Pages of [start, end) whose entry is not empty, in ascending order. */
function pagesWithEntries({ pages }: MmStruct, start: number, end: number): readonly number[] {
  const found: number[] = [];
  pages?.table.visit(start, end, {
    leaf(table, from, to, page) {
      for (let i = from; i < to; i++) if (!table.isEmpty(i)) found.push(page + (i - from));
    },
    large(table, _, page) {
      const last = Math.min(end, page + pages.table.span(table.level));
      for (let n = Math.max(start, page); n < last; n++) found.push(n);
    },
  });
  return found;
}
