/** Constants of mmap and its relatives, as in include/uapi/linux/mman.h and asm-generic/mman*.h. */
export const PROT = {
  READ: 0x1,
  WRITE: 0x2,
  EXEC: 0x4,
  SEM: 0x8,
  GROWSDOWN: 0x01000000,
  GROWSUP: 0x02000000,
} as const;

export const PROT_RWX = PROT.READ | PROT.WRITE | PROT.EXEC;

export const MAP = {
  SHARED: 0x01,
  PRIVATE: 0x02,
  SHARED_VALIDATE: 0x03,
  DROPPABLE: 0x08,
  TYPE: 0x0f,
  FIXED: 0x10,
  ANONYMOUS: 0x20,
  "32BIT": 0x40,
  ABOVE4G: 0x80,
  GROWSDOWN: 0x0100,
  DENYWRITE: 0x0800,
  EXECUTABLE: 0x1000,
  LOCKED: 0x2000,
  NORESERVE: 0x4000,
  POPULATE: 0x8000,
  NONBLOCK: 0x10000,
  STACK: 0x20000,
  HUGETLB: 0x40000,
  SYNC: 0x80000,
  FIXED_NOREPLACE: 0x100000,
  UNINITIALIZED: 0x4000000,
} as const;

const HUGE_SHIFT = 26;
const HUGE_MASK = 0x3f;

/** The log2 of the huge page size that the flags ask for; 0 is the default size. */
export const hugeSizeCode = (flags: number): number => Math.floor(flags / 2 ** HUGE_SHIFT) & HUGE_MASK;

/** Flags that MAP_SHARED_VALIDATE knows on an ordinary file: LEGACY_MAP_MASK. */
export const LEGACY_MAP_MASK =
  MAP.SHARED |
  MAP.PRIVATE |
  MAP.FIXED |
  MAP.ANONYMOUS |
  MAP.DENYWRITE |
  MAP.EXECUTABLE |
  MAP.UNINITIALIZED |
  MAP.GROWSDOWN |
  MAP.LOCKED |
  MAP.NORESERVE |
  MAP.POPULATE |
  MAP.NONBLOCK |
  MAP.STACK |
  MAP.HUGETLB |
  MAP["32BIT"] |
  MAP.ABOVE4G |
  (HUGE_MASK << HUGE_SHIFT);

export const MREMAP = { MAYMOVE: 1, FIXED: 2, DONTUNMAP: 4 } as const;

export const MCL = { CURRENT: 1, FUTURE: 2, ONFAULT: 4 } as const;

export const MLOCK_ONFAULT = 1;

export const MS = { ASYNC: 1, INVALIDATE: 2, SYNC: 4 } as const;

export const MADV = {
  NORMAL: 0,
  RANDOM: 1,
  SEQUENTIAL: 2,
  WILLNEED: 3,
  DONTNEED: 4,
  FREE: 8,
  REMOVE: 9,
  DONTFORK: 10,
  DOFORK: 11,
  MERGEABLE: 12,
  UNMERGEABLE: 13,
  HUGEPAGE: 14,
  NOHUGEPAGE: 15,
  DONTDUMP: 16,
  DODUMP: 17,
  WIPEONFORK: 18,
  KEEPONFORK: 19,
  COLD: 20,
  PAGEOUT: 21,
  POPULATE_READ: 22,
  POPULATE_WRITE: 23,
  DONTNEED_LOCKED: 24,
  COLLAPSE: 25,
  HWPOISON: 100,
  SOFT_OFFLINE: 101,
  GUARD_INSTALL: 102,
  GUARD_REMOVE: 103,
} as const;

/** Bits of PR_SET_MDWE. */
export const MDWE = { REFUSE_EXEC_GAIN: 1, NO_INHERIT: 2 } as const;

export const SHM = { RDONLY: 0o10000, RND: 0o20000, REMAP: 0o40000, EXEC: 0o100000 } as const;
