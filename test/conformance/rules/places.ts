import { IA32, legacyBase, mmapBase, PAGE_SIZE, X86_64 } from "@pagetrail/core";
import { pages } from "./draw.ts";
import type { Scene } from "./rule.ts";

export const TASK_SIZE = X86_64.taskSize;

const NOT_RANDOM = { on: false, pages: 0 };
const STACK_LIMIT = 8 * 2 ** 20;

/** Where the mapping area ends, and where searches from below begin, with a stack of 8 MiB at most. */
export const BASE = mmapBase(X86_64, STACK_LIMIT, NOT_RANDOM) * PAGE_SIZE;
export const LEGACY_BASE = legacyBase(X86_64, 0) * PAGE_SIZE;
export const NARROW_BASE = mmapBase(IA32, STACK_LIMIT, NOT_RANDOM) * PAGE_SIZE;
export const NARROW_LEGACY_BASE = legacyBase(IA32, 0) * PAGE_SIZE;

/** vvar, vvar_vclock and vdso: the first that the area holds. */
const SPECIAL = pages(8);

/** The end of the first free place, for searches from above. */
export const TOP = BASE - SPECIAL;
export const NARROW_TOP = NARROW_BASE - SPECIAL;
/** The first free place for searches from below. */
export const BOTTOM = LEGACY_BASE + SPECIAL;
export const NARROW_BOTTOM = NARROW_LEGACY_BASE + SPECIAL;

export type SpecialName = "[vvar]" | "[vvar_vclock]" | "[vdso]" | "[stack]";

/** Where one of the kernel's own mappings begins. */
export function addressOfSpecial({ before }: Pick<Scene, "before">, name: SpecialName): number {
  const vma = before.vmas.find((v) => v.name === name);
  if (!vma) throw new Error(`there is no ${name}`);
  return vma.start;
}

/** The address that an earlier operation of the rule has answered, counted from 0. */
export const answered =
  (index: number, more = 0) =>
  ({ answers }: Scene): number =>
    Number(answers[index]) + more;
