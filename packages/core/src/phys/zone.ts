/** Orders of the buddy allocator: blocks of 1 to 1,024 pages. MAX_PAGE_ORDER is 10. */
export const ORDERS = 11;
export const MAX_ORDER_PAGES = 1024;

export type ZoneName = "DMA" | "DMA32" | "Normal" | "HighMem";

/**
 * struct zone: frames [start, end) and its free blocks, a list for each order.
 *
 * Blocks of the largest order that were never handed out stand in no list: they are [untouched, end), so that
 * a machine of any size costs nothing until it is used.
 */
export interface Zone {
  readonly name: ZoneName;
  readonly start: number;
  readonly end: number;
  /** First frame that was never in a list. A multiple of the largest block. */
  untouched: number;
  /** First block of each list: its frame plus 1, 0 for none. */
  readonly heads: number[];
  /** Blocks of each order, those never handed out included. */
  readonly blocks: number[];
  free: number;
  /** Free pages below which an allocation goes to the next zone, in the kernel's three steps. */
  readonly watermarks: { readonly min: number; readonly low: number; readonly high: number };
}

export const copyZone = (zone: Zone): Zone => ({ ...zone, heads: [...zone.heads], blocks: [...zone.blocks] });

const DMA_END = 2 ** 12;
const DMA32_END = 2 ** 20;
/** The first 896 MiB, which a 32-bit kernel maps for good. */
const LOWMEM_END = 896 * 256;

/** The zones of a machine with `pages` frames, from the lowest up: setup_arch_free_area, arch/x86/mm/init.c. */
export function zonesOf(pages: number, kernelBits: 32 | 64): readonly Pick<Zone, "name" | "start" | "end">[] {
  const bounds: readonly (readonly [ZoneName, number])[] =
    kernelBits === 64
      ? [
          ["DMA", DMA_END],
          ["DMA32", DMA32_END],
          ["Normal", Number.POSITIVE_INFINITY],
        ]
      : [
          ["DMA", DMA_END],
          ["Normal", LOWMEM_END],
          ["HighMem", Number.POSITIVE_INFINITY],
        ];
  let start = 0;
  const zones: Pick<Zone, "name" | "start" | "end">[] = [];
  for (const [name, bound] of bounds) {
    const end = Math.min(bound, pages);
    if (end > start) zones.push({ name, start, end });
    start = Math.max(start, end);
  }
  return zones;
}

/**
 * min_free_kbytes: the square root of sixteen times the memory that the kernel maps for good, in KiB, from 128
 * up to 262,144.
 *
 * @kernel calculate_min_free_kbytes, mm/page_alloc.c (6.18)
 */
export function minFreePages(lowmemPages: number): number {
  const kb = Math.floor(Math.sqrt(lowmemPages * 4 * 16));
  return Math.floor(Math.min(Math.max(kb, 128), 262_144) / 4);
}
