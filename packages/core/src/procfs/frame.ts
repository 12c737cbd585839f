import type { FileId } from "../base/index.ts";
import { VDSO_IMAGE } from "../fault/index.ts";
import type { KernelState, MemoryState } from "../kernel/index.ts";
import { mappingOf } from "../mm/index.ts";
import { FRAME, ORDERS, PG, type PhysMemory, RESERVED_FRAMES, type ZoneName } from "../phys/index.ts";

/** What a frame is used for. */
export type FrameUse =
  | "anonymous"
  | "anonymous huge"
  | "page cache"
  | "shmem"
  | "page tables"
  | "hugetlb"
  | "vmalloc"
  | "reserved"
  | "free";

/** Whose page a frame holds: a private mapping's, or a file's. */
export type FrameMapping =
  | { readonly kind: "anon"; readonly anonVma: number }
  | { readonly kind: "file"; readonly file: FileId };

/** A block of 2^order frames. */
export interface FrameBlock {
  readonly first: number;
  readonly order: number;
}

/** What there is to know of one frame: its struct page. */
export interface FrameFacts {
  readonly pfn: number;
  readonly zone: ZoneName;
  readonly use: FrameUse;
  /** References of the frame, or of the block that it is part of. */
  readonly refcount: number;
  /** Entries that map it, by itself or with its block. */
  readonly mapcount: number;
  /** Names of PG_ flags and page types, of the frame or of the head of its block. */
  readonly flags: readonly string[];
  readonly mapping: FrameMapping | undefined;
  /** The page's number in its file or anonymous mapping. */
  readonly index: number | undefined;
  /** The free or compound block that it is part of. */
  readonly block: FrameBlock | undefined;
  /** The slot of swap that holds the same page: it is in the swap cache. */
  readonly slot: number | undefined;
}

/** In the order of the kernel's own bits, page types behind them. */
const FLAG_NAMES: readonly (readonly [string, number])[] = [
  ["referenced", PG.REFERENCED],
  ["uptodate", PG.UPTODATE],
  ["dirty", PG.DIRTY],
  ["head", PG.HEAD],
  ["active", PG.ACTIVE],
  ["swapcache", PG.SWAPCACHE],
  ["reserved", PG.RESERVED],
  ["readahead", PG.READAHEAD],
  ["swapbacked", PG.SWAPBACKED],
  ["anon_exclusive", PG.EXCLUSIVE],
  ["buddy", PG.BUDDY],
  ["table", PG.TABLE],
  ["hugetlb", PG.HUGETLB],
];

/** What a used frame with these flags and mapping, or one of a block whose head has them, is used for. */
export function useOf(flags: number, mapping: number): FrameUse {
  if ((flags & PG.HUGETLB) !== 0) return "hugetlb";
  if ((flags & PG.TABLE) !== 0) return "page tables";
  if ((flags & PG.ANON) !== 0) return (flags & PG.HEAD) === 0 ? "anonymous" : "anonymous huge";
  if (mapping === 0) return "vmalloc";
  return (flags & PG.SHMEM) === 0 ? "page cache" : "shmem";
}

/** The free block that a frame is part of; undefined for a frame that is in use. */
export function freeBlock(phys: PhysMemory, pfn: number): FrameBlock | undefined {
  const zone = phys.zones.find(({ start, end }) => pfn >= start && pfn < end);
  for (let order = 0; order < ORDERS; order++) {
    const first = pfn - (pfn % 2 ** order);
    const untouched = zone !== undefined && pfn >= zone.untouched && order === ORDERS - 1;
    const listed = phys.has(first, PG.BUDDY) && phys.get(first, FRAME.ORDER) === order;
    if (untouched || listed) return { first, order };
  }
  return undefined;
}

/** All that is known of a frame; undefined for a number that the machine has no frame for. */
export function frameFacts({ phys }: MemoryState, pfn: number): FrameFacts | undefined {
  const zone = phys.zones.find(({ start, end }) => pfn >= start && pfn < end)?.name;
  if (zone === undefined) return undefined;
  const head = phys.head(pfn);
  const flags = phys.get(head, FRAME.FLAGS);
  const free = pfn < RESERVED_FRAMES ? undefined : freeBlock(phys, pfn);
  const use =
    pfn < RESERVED_FRAMES ? "reserved" : free ? "free" : useOf(flags, phys.get(head, FRAME.MAPPING));
  const named = free ? (pfn === free.first ? PG.BUDDY : 0) : use === "reserved" ? PG.RESERVED : flags;
  const mapping = free ? undefined : mappingIn(phys, head, flags);
  return {
    pfn,
    zone,
    use,
    refcount: free ? 0 : phys.get(head, FRAME.REFCOUNT),
    mapcount: free ? 0 : phys.mapcount(pfn),
    flags: FLAG_NAMES.filter(([, bit]) => (named & bit) !== 0).map(([name]) => name),
    mapping,
    index: mapping && phys.index(head) + (pfn - head),
    block:
      free ?? ((flags & PG.HEAD) === 0 ? undefined : { first: head, order: phys.get(head, FRAME.ORDER) }),
    slot: (flags & PG.SWAPCACHE) === 0 ? undefined : phys.get(head, FRAME.ENTIRE) - 1,
  };
}

function mappingIn(phys: PhysMemory, head: number, flags: number): FrameMapping | undefined {
  const mapping = phys.get(head, FRAME.MAPPING);
  if (mapping === 0) return undefined;
  return (flags & PG.ANON) === 0
    ? { kind: "file", file: mapping as FileId }
    : { kind: "anon", anonVma: mapping };
}

/** The name of a file by what the page cache knows it by. */
export function cachedFileName({ files }: KernelState, mapping: FileId): string {
  if (mapping === VDSO_IMAGE) return "[vdso]";
  let file = files.get(mapping)?.file;
  if (!file) for (const record of files.values()) if (mappingOf(record.file) === mapping) file = record.file;
  return file ? file.path + (file.deleted ? " (deleted)" : "") : `file ${mapping}`;
}
