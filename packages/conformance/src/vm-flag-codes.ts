import { VM, VMH } from "@pagetrail/core";

/** The codes of smaps' VmFlags line and the flag that each stands for, in the order of the line. */
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
  ["pf", VM.PFNMAP],
  ["gu", VM.MAYBE_GUARD],
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
  ["sl", VMH.SEALED],
];

/** "rd wr mr …" of the two words of vm_flags. */
export const codesOf = (flags: number, high: number): string =>
  [...LOW.filter(([, bit]) => (flags & bit) !== 0), ...HIGH.filter(([, bit]) => (high & bit) !== 0)]
    .map(([code]) => code)
    .join(" ");

/** The lower word of vm_flags that the codes name. */
export const flagsOf = (codes: string): number =>
  codes.split(" ").reduce((flags, code) => flags | (LOW.find(([c]) => c === code)?.[1] ?? 0), 0);
