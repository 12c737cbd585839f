import { type FileId, PAGE_SIZE, pagesOf } from "../base/index.ts";
import { FRAME, PG } from "../phys/index.ts";
import { HUGE_PAGES, putHugetlb } from "./huge-pmd.ts";
import type { Memory } from "./memory.ts";
import { mappingOf } from "./memory.ts";
import { readSwapCache } from "./swap-cache.ts";
import { freeSwap, type ZapDetails, zapRange } from "./zap.ts";

/** Truncation takes copies that were written to as well; guard regions stay. */
const TRUNCATED: ZapDetails = { keepGuards: true, keepCopies: false, freeTables: false };
/** A hole in the file takes its own pages alone. */
const PUNCHED: ZapDetails = { keepGuards: true, keepCopies: true, freeTables: false };

/**
 * Takes pages [start, end) of a file out of every address space that maps them.
 *
 * @kernel unmap_mapping_pages, mm/memory.c (6.18)
 */
export function unmapMappingPages(
  memory: Memory,
  mapping: FileId,
  start: number,
  end: number,
  details: ZapDetails,
): void {
  for (const edit of memory.mappersOf(mapping)) {
    edit.mm.vmas.forEach((vma) => {
      if (vma.file === 0 || mappingOf(edit.env.file(vma.file)) !== mapping) return;
      const first = Math.max(vma.start, vma.start + (start - vma.pgoff));
      const last = Math.min(vma.end, vma.start + (end - vma.pgoff));
      if (first < last) zapRange(edit, vma, first, last, details);
    });
  }
}

/** Drops pages of a file from the page cache; nobody maps them any more: truncate_inode_pages_range. */
function dropCached(
  memory: Memory,
  mapping: FileId,
  start: number,
  end: number,
): readonly (readonly [index: number, pfn: number])[] {
  const cached = memory.peekCache(mapping);
  if (!cached) return [];
  const dropped = [...cached.range(start, end)];
  for (const [index, pfn] of dropped) forgetPage(memory, mapping, index, pfn);
  for (const [index, slot] of [...cached.slots(start, end)]) forgetSlot(memory, mapping, index, slot);
  return dropped;
}

/** One page leaves the page cache: filemap_remove_folio. */
export function forgetPage(memory: Memory, mapping: FileId, index: number, pfn: number): void {
  memory.cache(mapping).delete(index);
  memory.phys.assign(pfn, 0, 0);
  memory.phys.flag(pfn, 0, PG.DIRTY);
  if (memory.phys.has(pfn, PG.HUGETLB)) putHugetlb(memory, pfn);
  else memory.phys.put(pfn);
}

/** A page of shared memory that is in swap goes: shmem_free_swap. */
function forgetSlot(memory: Memory, mapping: FileId, index: number, slot: number): void {
  memory.cache(mapping).forgetSlot(index);
  freeSwap(memory, slot);
}

/**
 * A file has become shorter: the pages beyond its size in bytes go, written copies of them included. The rest of
 * the last page becomes zeros.
 *
 * @kernel truncate_pagecache, truncate_inode_pages_range, mm/truncate.c; shmem_undo_range, mm/shmem.c (6.18)
 */
export function truncatePages(memory: Memory, mapping: FileId, size: number): void {
  const end = pagesOf(size);
  unmapMappingPages(memory, mapping, end, Number.POSITIVE_INFINITY, TRUNCATED);
  const dropped = dropCached(memory, mapping, end, Number.POSITIVE_INFINITY);
  memory.pool.unreserve(mapping, Math.ceil(end / HUGE_PAGES), dropped.length);
  const kept = size % PAGE_SIZE;
  const last = kept === 0 ? undefined : memory.peekCache(mapping)?.get(end - 1);
  if (last === undefined) return;
  memory.phys.flag(last, PG.DIRTY);
  memory.phys.setContent(last, memory.phys.content(last)?.slice().fill(0, kept));
}

/** Pages [start, end) of a file become a hole: fallocate with FALLOC_FL_PUNCH_HOLE. */
export function punchHole(memory: Memory, mapping: FileId, start: number, end: number): void {
  unmapMappingPages(memory, mapping, start, end, PUNCHED);
  for (const [index, pfn] of dropCached(memory, mapping, start, end))
    if (memory.phys.has(pfn, PG.HUGETLB)) memory.pool.forget(mapping, index / HUGE_PAGES);
}

/** A page of shared memory leaves swap: shmem_swapin_folio. */
function fromSwap(memory: Memory, mapping: FileId, index: number, slot: number): number | undefined {
  const pfn = readSwapCache(memory, slot, "shmem", mapping, index);
  if (pfn === undefined) return undefined;
  memory.phys.flag(pfn, PG.DIRTY);
  memory.phys.hold(pfn);
  forgetSlot(memory, mapping, index, slot);
  return pfn;
}

/** Puts a page of a file into the page cache, from swap if it is there, or answers where it is; undefined without a free frame. */
export function cachePage(memory: Memory, mapping: FileId, index: number, flags: number): number | undefined {
  const cache = memory.peekCache(mapping);
  const there = cache?.get(index);
  if (there !== undefined) return there;
  const slot = cache?.slot(index);
  const pfn =
    slot === undefined
      ? memory.phys.alloc(0, "user", PG.UPTODATE | flags)
      : fromSwap(memory, mapping, index, slot);
  if (pfn === undefined) return undefined;
  memory.phys.assign(pfn, mapping, index);
  memory.cache(mapping).add(index, pfn);
  return pfn;
}

/** The object behind a file goes, with every page of it that is not mapped: evict_inode. */
export function evictCache(memory: Memory, mapping: FileId): void {
  let dropped = 0;
  for (const [index, pfn] of [...(memory.peekCache(mapping)?.range() ?? [])]) {
    if (memory.phys.get(pfn, FRAME.MAPCOUNT) > 0) continue;
    forgetPage(memory, mapping, index, pfn);
    dropped++;
  }
  memory.pool.unreserve(mapping, 0, dropped);
  for (const [index, slot] of [...(memory.peekCache(mapping)?.slots() ?? [])])
    forgetSlot(memory, mapping, index, slot);
}
