import { MMAP_CHECKS } from "./mmap-checks.ts";
import { MMAP_FLAGS } from "./mmap-flags.ts";
import { MMAP_PLACEMENT } from "./mmap-placement.ts";
import { MMAP_TYPES } from "./mmap-types.ts";
import type { Section } from "./rule.ts";

/** Every section of rules, in the order of the kernel's own subjects. */
export const SECTIONS: readonly Section[] = [MMAP_CHECKS, MMAP_FLAGS, MMAP_TYPES, MMAP_PLACEMENT];
