/**
 * What the model keeps of a page frame (struct page): words of its record. While a frame is free, the words of
 * its user hold its place in the buddy allocator's lists.
 */
export const FRAME = {
  /** References: one for each entry that maps it, and one for the page cache, the swap cache or an owner. */
  REFCOUNT: 0,
  /** Entries of page tables that map this page by itself. */
  MAPCOUNT: 1,
  FLAGS: 2,
  /** Of a free block or a head: log2 of its pages. Of a tail: how far below its head stands. */
  ORDER: 3,
  /** The anon_vma or the file that the page belongs to; in a free block the frame of the next block, plus 1. */
  MAPPING: 4,
  /** Its page number there, low and high part; in a free block's low part the block before, plus 1. */
  INDEX: 5,
  INDEX_HIGH: 6,
  /** Of a head: entries that map the whole of it at once. In the swap cache: the slot, plus 1. */
  ENTIRE: 7,
} as const;

/** Words of a record. */
export const FRAME_WORDS = 8;

/** Flags of a frame, named for the kernel's PG_ flags (include/linux/page-flags.h); the values are ours. */
export const PG = {
  /** Not in the allocator's hands: the kernel's own image, the zero page. */
  RESERVED: 0x1,
  BUDDY: 0x2,
  /** A page of page tables. */
  TABLE: 0x4,
  /** Private memory, whose mapping is an anon_vma. */
  ANON: 0x8,
  /** It belongs to one address space alone: PageAnonExclusive. */
  EXCLUSIVE: 0x10,
  DIRTY: 0x20,
  REFERENCED: 0x40,
  ACTIVE: 0x80,
  UPTODATE: 0x100,
  /** Reclaim has to write it to swap before the frame is free; not set on what MADV_FREE gave up. */
  SWAPBACKED: 0x200,
  SWAPCACHE: 0x400,
  HEAD: 0x800,
  TAIL: 0x1000,
  HUGETLB: 0x2000,
  /** Memory of a tmpfs or of shared anonymous mappings. */
  SHMEM: 0x4000,
  /** In the page cache by read-ahead, and not yet asked for. */
  READAHEAD: 0x8000,
  /** A huge page whose reservation is its owner's again once it is free: HPG_restore_reserve. */
  RESTORE_RESERVE: 0x10000,
} as const;
