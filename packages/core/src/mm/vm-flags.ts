import type { KernelTraits } from "../arch/index.ts";

/**
 * vm_flags, include/linux/mm.h, with the kernel's bit values. They pass 32 bits, so a VMA carries two
 * words: `flags` (bits 0-31, a signed 32-bit integer) and `high` (bits 32-63, shifted down).
 */
export const VM = {
  READ: 0x1,
  WRITE: 0x2,
  EXEC: 0x4,
  SHARED: 0x8,
  MAYREAD: 0x10,
  MAYWRITE: 0x20,
  MAYEXEC: 0x40,
  MAYSHARE: 0x80,
  GROWSDOWN: 0x100,
  UFFD_MISSING: 0x200,
  PFNMAP: 0x400,
  MAYBE_GUARD: 0x800,
  /** What the same bit means to a release without guard marks. */
  DENYWRITE: 0x800,
  UFFD_WP: 0x1000,
  LOCKED: 0x2000,
  IO: 0x4000,
  SEQ_READ: 0x8000,
  RAND_READ: 0x10000,
  DONTCOPY: 0x20000,
  DONTEXPAND: 0x40000,
  LOCKONFAULT: 0x80000,
  ACCOUNT: 0x100000,
  NORESERVE: 0x200000,
  HUGETLB: 0x400000,
  SYNC: 0x800000,
  WIPEONFORK: 0x2000000,
  DONTDUMP: 0x4000000,
  SOFTDIRTY: 0x8000000,
  MIXEDMAP: 0x10000000,
  HUGEPAGE: 0x20000000,
  NOHUGEPAGE: 0x40000000,
  MERGEABLE: 0x80000000 | 0,
} as const;

/** Flags of the upper word. */
export const VMH = { DROPPABLE: 1 << 8, UFFD_MINOR: 1 << 9, SEALED: 1 << 10 } as const;

export const VM_ACCESS_FLAGS = VM.READ | VM.WRITE | VM.EXEC;
export const VM_SPECIAL = VM.IO | VM.DONTEXPAND | VM.PFNMAP | VM.MIXEDMAP;
export const VM_LOCKED_MASK = VM.LOCKED | VM.LOCKONFAULT;
export const VM_MAY = VM.MAYREAD | VM.MAYWRITE | VM.MAYEXEC;

const MARKED = VM.SOFTDIRTY | VM.MAYBE_GUARD;

/** Flags that merging ignores and the merged VMA keeps if any part had them: VM_STICKY. */
export const stickyFlags = ({ guardMark }: KernelTraits): number => (guardMark ? MARKED : VM.SOFTDIRTY);

/** What VM_STACK_FLAGS adds to the default data flags. */
export const VM_STACK = VM.GROWSDOWN | VM.ACCOUNT;
export const VM_DATA_DEFAULT = VM.READ | VM.WRITE | VM_MAY;
