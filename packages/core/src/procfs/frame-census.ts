import type { FileId } from "../base/index.ts";
import type { KernelState, MemoryState } from "../kernel/index.ts";
import { HUGE_PAGES } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { FRAME, PG, type PhysMemory, RESERVED_FRAMES, type Zone, type ZoneName } from "../phys/index.ts";
import { cachedFileName, type FrameUse, useOf } from "./frame.ts";
import { type SlabCache, slabCaches } from "./slabinfo.ts";

/** A zone as /proc/zoneinfo tells of it, in pages, and its free blocks by order. */
export interface ZoneFacts {
  readonly name: ZoneName;
  readonly start: number;
  readonly end: number;
  /** Pages that the allocator has, given out or not. */
  readonly managed: number;
  readonly free: number;
  readonly min: number;
  readonly low: number;
  readonly high: number;
  readonly blocks: readonly number[];
}

/** The pages of one file that are in memory. */
export interface CachedFile {
  readonly file: FileId;
  readonly name: string;
  readonly pages: number;
  /** Changed, and not yet written to the file. */
  readonly dirty: number;
  /** Mapped by somebody. */
  readonly mapped: number;
}

/** Physical memory at one moment, counted. All numbers but those of slabs are pages of 4 KiB. */
export interface FrameCensus {
  readonly frames: number;
  readonly zones: readonly ZoneFacts[];
  /** Frames by use: their sum is `frames`. */
  readonly uses: Readonly<Record<FrameUse, number>>;
  /** By name. */
  readonly cache: readonly CachedFile[];
  readonly swap: { readonly size: number; readonly used: number; readonly cached: number };
  /** Huge pages of 2 MiB; reserved is below zero where the kernel's count wraps. */
  readonly hugetlb: { readonly total: number; readonly free: number; readonly reserved: number };
  /** The kernel's caches of objects that the state has, by name. */
  readonly slabs: Readonly<Record<string, SlabCache>>;
  /** Page tables by level, the highest first. */
  readonly tables: Readonly<Record<string, number>>;
}

/** Counts what physical memory is used for; undefined where pages are not modelled. */
export function frameCensus(state: KernelState): FrameCensus | undefined {
  const { memory } = state;
  if (!memory) return undefined;
  const { phys, swap, pool } = memory;
  const uses = usesOf(phys);
  return {
    frames: phys.zones.at(-1)?.end ?? 0,
    zones: phys.zones.map(zoneFacts),
    uses,
    cache: cachedFiles(state, memory),
    swap: { size: Math.max(0, swap.size - 1), used: swap.used, cached: swapCached(phys) },
    hugetlb: { total: pool.total, free: pool.free.length, reserved: pool.reserved ?? 0 },
    slabs: slabCaches(state),
    tables: tablesOf(state),
  };
}

function zoneFacts({ name, start, end, free, blocks, watermarks }: Zone): ZoneFacts {
  const managed = end - Math.max(start, RESERVED_FRAMES);
  return { name, start, end, managed, free, ...watermarks, blocks: [...blocks] };
}

/** Visits every frame that somebody has: neither free nor the kernel's from boot on. */
function forEachUsed(phys: PhysMemory, visit: (pfn: number, flags: number) => void): void {
  const { frames } = phys;
  frames.forEachChunk((first, words) => {
    for (let n = 0; n < words.length / frames.stride; n++) {
      const flags = words[n * frames.stride + FRAME.FLAGS] as number;
      const held = flags !== 0 || words[n * frames.stride + FRAME.REFCOUNT] !== 0;
      if (held && (flags & (PG.BUDDY | PG.RESERVED)) === 0) visit(first + n, flags);
    }
  });
}

function usesOf(phys: PhysMemory): Record<FrameUse, number> {
  const uses: Record<FrameUse, number> = {
    anonymous: 0,
    "anonymous huge": 0,
    "page cache": 0,
    shmem: 0,
    "page tables": 0,
    hugetlb: 0,
    vmalloc: 0,
    reserved: RESERVED_FRAMES,
    free: phys.freePages,
  };
  forEachUsed(phys, (pfn, flags) => {
    const head = (flags & PG.TAIL) === 0 ? pfn : phys.head(pfn);
    uses[useOf(phys.get(head, FRAME.FLAGS), phys.get(head, FRAME.MAPPING))]++;
  });
  return uses;
}

function swapCached(phys: PhysMemory): number {
  let cached = 0;
  forEachUsed(phys, (_, flags) => {
    if ((flags & PG.SWAPCACHE) !== 0) cached++;
  });
  return cached;
}

function cachedFiles(state: KernelState, { caches, phys }: MemoryState): readonly CachedFile[] {
  const files: CachedFile[] = [];
  for (const [file, cache] of caches.entries()) {
    const sum = { pages: 0, dirty: 0, mapped: 0 };
    for (const [, pfn] of cache.range()) {
      const pages = phys.has(pfn, PG.HUGETLB) ? HUGE_PAGES : 1;
      sum.pages += pages;
      if (phys.has(pfn, PG.DIRTY)) sum.dirty += pages;
      if (phys.mapcount(pfn) > 0) sum.mapped += pages;
    }
    files.push({ file, name: cachedFileName(state, file), ...sum });
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.file - b.file));
}

function tablesOf(state: KernelState): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { pages } of state.mms.values()) {
    if (!pages) continue;
    const { levels } = pages.table.mode;
    for (const { name } of [...levels].reverse()) counts.set(name, counts.get(name) ?? 0);
    const add = (table: TablePage): void => {
      const name = levels[table.level]?.name ?? "pte";
      counts.set(name, (counts.get(name) ?? 0) + 1);
      for (const below of table.tables) if (below) add(below);
    };
    add(pages.table.root);
  }
  return Object.fromEntries(counts);
}
