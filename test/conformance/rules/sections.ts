import { ACCOUNTING } from "./accounting.ts";
import { ANON_VMA } from "./anon-vma.ts";
import { BRK } from "./brk.ts";
import { FILE_KINDS } from "./file-kinds.ts";
import { FORK } from "./fork.ts";
import { LAYOUT } from "./layout.ts";
import { LIMITS } from "./limits.ts";
import { MADVISE } from "./madvise.ts";
import { MAP_COUNT } from "./map-count.ts";
import { MERGE_CHANGED } from "./merge-changed.ts";
import { MERGE_NEW } from "./merge-new.ts";
import { MLOCK } from "./mlock.ts";
import { MMAP_CHECKS } from "./mmap-checks.ts";
import { MMAP_FLAGS } from "./mmap-flags.ts";
import { MMAP_PLACEMENT } from "./mmap-placement.ts";
import { MMAP_TYPES } from "./mmap-types.ts";
import { MPROTECT } from "./mprotect.ts";
import { MREMAP_ONE } from "./mremap.ts";
import { MREMAP_MANY } from "./mremap-many.ts";
import { MSEAL, PRCTL, REMAP_FILE_PAGES } from "./mseal-prctl.ts";
import { MSYNC_MINCORE } from "./msync-mincore.ts";
import { MUNMAP } from "./munmap.ts";
import { OTHER_CALLS } from "./other-calls.ts";
import { OVERCOMMIT_GUESS } from "./overcommit.ts";
import { POLICIES } from "./policies.ts";
import { PRECEDENCE } from "./precedence.ts";
import { RINGS } from "./rings.ts";
import type { Section } from "./rule.ts";
import { SECRET_MEMORY } from "./secret-memory.ts";
import { VECTORS } from "./sequences.ts";
import { STACK_GROWTH } from "./stack-growth.ts";

/** Every section of rules, in the order of the kernel's own subjects. */
export const SECTIONS: readonly Section[] = [
  LAYOUT,
  MMAP_CHECKS,
  MMAP_FLAGS,
  MMAP_TYPES,
  MMAP_PLACEMENT,
  LIMITS,
  MAP_COUNT,
  OVERCOMMIT_GUESS,
  ANON_VMA,
  MERGE_NEW,
  MERGE_CHANGED,
  MUNMAP,
  MPROTECT,
  MREMAP_ONE,
  MREMAP_MANY,
  MADVISE,
  MLOCK,
  MSYNC_MINCORE,
  MSEAL,
  REMAP_FILE_PAGES,
  PRCTL,
  BRK,
  STACK_GROWTH,
  FORK,
  SECRET_MEMORY,
  RINGS,
  FILE_KINDS,
  POLICIES,
  OTHER_CALLS,
  ACCOUNTING,
  PRECEDENCE,
  VECTORS,
];
