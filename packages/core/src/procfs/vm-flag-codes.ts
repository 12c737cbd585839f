import type { KernelTraits } from "../arch/index.ts";
import { VM, VMH, type Vma } from "../mm/index.ts";

/** Two letters for each flag, in the order of the line: the order of the bits. */
const LOW: readonly (readonly [string, number])[] = [
  ["rd", VM.READ],
  ["wr", VM.WRITE],
  ["ex", VM.EXEC],
  ["sh", VM.SHARED],
  ["mr", VM.MAYREAD],
  ["mw", VM.MAYWRITE],
  ["me", VM.MAYEXEC],
  ["ms", VM.MAYSHARE],
  ["gd", VM.GROWSDOWN],
  ["um", VM.UFFD_MISSING],
  ["pf", VM.PFNMAP],
  ["gu", VM.MAYBE_GUARD],
  ["uw", VM.UFFD_WP],
  ["lo", VM.LOCKED],
  ["io", VM.IO],
  ["sr", VM.SEQ_READ],
  ["rr", VM.RAND_READ],
  ["dc", VM.DONTCOPY],
  ["de", VM.DONTEXPAND],
  ["lf", VM.LOCKONFAULT],
  ["ac", VM.ACCOUNT],
  ["nr", VM.NORESERVE],
  ["ht", VM.HUGETLB],
  ["sf", VM.SYNC],
  ["wf", VM.WIPEONFORK],
  ["dd", VM.DONTDUMP],
  ["mm", VM.MIXEDMAP],
  ["hg", VM.HUGEPAGE],
  ["nh", VM.NOHUGEPAGE],
  ["mg", VM.MERGEABLE],
];

const HIGH: readonly (readonly [string, number])[] = [
  ["dp", VMH.DROPPABLE],
  ["ui", VMH.UFFD_MINOR],
  ["sl", VMH.SEALED],
];

/**
 * The codes of the VmFlags line of smaps, each with a space behind it as the kernel prints them.
 *
 * @kernel show_smap_vma_flags, fs/proc/task_mmu.c (6.18)
 */
export const vmFlagCodes = (
  { flags, high }: Pick<Vma, "flags" | "high">,
  { guardMark }: KernelTraits,
): string =>
  [...LOW.filter(([, bit]) => (flags & bit) !== 0), ...HIGH.filter(([, bit]) => (high & bit) !== 0)]
    .map(([code, bit]) => (bit === VM.DENYWRITE && !guardMark ? "dw " : `${code} `))
    .join("");

/** The lower word of vm_flags that a VmFlags line names. */
export const vmFlagsOfCodes = (codes: string): number => bitsOf(codes, LOW);

/** The upper word. */
export const vmFlagsHighOfCodes = (codes: string): number => bitsOf(codes, HIGH);

const bitsOf = (codes: string, table: readonly (readonly [string, number])[]): number =>
  codes.split(" ").reduce((bits, code) => bits | (table.find(([c]) => c === code)?.[1] ?? 0), 0);
