import type { KernelTraits } from "../arch/index.ts";
import { NO_FILE } from "../base/index.ts";
import { isUntouched, type MmEdit, UNTOUCHED_ANYWHERE } from "./mm-edit.ts";
import { stickyFlags, VM_ACCESS_FLAGS } from "./vm-flags.ts";
import type { Vma } from "./vma.ts";

/** Whether two neighbours may share one anon_vma: anon_vma_compatible, mm/vma.c (6.18). */
const compatible = (t: KernelTraits, a: Vma, b: Vma): boolean =>
  a.end === b.start &&
  a.file === b.file &&
  a.high === b.high &&
  a.policy === b.policy &&
  ((a.flags ^ b.flags) & ~(VM_ACCESS_FLAGS | stickyFlags(t))) === 0 &&
  b.pgoff === a.pgoff + a.pages;

const reusable = (v: Vma | undefined): v is Vma => v !== undefined && v.anonVma !== 0 && v.chain === 1;

/**
 * Gives a VMA its anon_vma, as the first write fault does: a compatible neighbour's, else a new one.
 *
 * @kernel __anon_vma_prepare, mm/rmap.c; find_mergeable_anon_vma, mm/vma.c (6.18)
 */
export function anonVmaPrepare(edit: MmEdit, vma: Vma): Vma {
  if (vma.anonVma !== 0) return vma;
  const { traits } = edit.env;
  const next = edit.findVma(vma.end);
  const previous = edit.previous(vma);
  let anon = 0;
  if (reusable(next) && compatible(traits, vma, next)) anon = next.anonVma;
  else if (reusable(previous) && compatible(traits, previous, vma)) anon = previous.anonVma;
  const prepared = vma.withAnon(anon || edit.env.nextAnonVma(), 1);
  edit.replaceVma(vma, prepared);
  return prepared;
}

/**
 * Supposes that the program has written to all the memory that it may write to by now, in a recording that
 * does not show page faults: every such VMA gets its anon_vma.
 *
 * @param loading leave out what continues a mapped file: the bss of a library that is not in use yet
 */
export function supposeTouched(edit: MmEdit, loading: boolean): void {
  const { untouched } = edit.mm;
  if (untouched.length === 0) return;
  const anywhere = untouched[0] === UNTOUCHED_ANYWHERE;
  const candidates = anywhere ? edit.mm.vmas.toArray() : untouched.map((page) => edit.lookup(page));
  const left: number[] = [];
  for (const vma of candidates) {
    if (!vma || !isUntouched(vma)) continue;
    if (loading && continuesFile(edit, vma)) left.push(vma.start);
    else touch(edit, vma);
  }
  edit.set("untouched", left);
}

/** Whether anonymous memory lies right behind a mapped file, as a bss does. */
function continuesFile(edit: MmEdit, vma: Vma): boolean {
  const previous = edit.previous(vma);
  return vma.file === NO_FILE && previous?.end === vma.start && previous.file !== NO_FILE;
}

/** Supposes that the program has written to the memory at `page`, unless it is the bss of a library. */
export function supposeWritten(edit: MmEdit, page: number): void {
  const vma = edit.lookup(page);
  if (vma && isUntouched(vma) && !continuesFile(edit, vma)) anonVmaPrepare(edit, vma);
}

/** A write fault in private memory, which is the moment at which its VMA gets an anon_vma. */
export function writeFault(edit: MmEdit, page: number): void {
  const vma = edit.lookup(page);
  if (vma && isUntouched(vma)) anonVmaPrepare(edit, vma);
}

/** A VMA looked at earlier may since have become another: only what still stands is touched. */
function touch(edit: MmEdit, vma: Vma): void {
  const now = edit.lookup(vma.start);
  if (now && isUntouched(now)) anonVmaPrepare(edit, now);
}
