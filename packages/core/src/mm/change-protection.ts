import {
  isDirty,
  isPresent,
  isSpecialEntry,
  isWritable,
  mkwrite,
  modify,
  needsFlush,
  pfnOf,
} from "../arch/index.ts";
import { PG } from "../phys/index.ts";
import { splitHugePmd } from "./huge-pmd.ts";
import type { MmEdit } from "./mm-edit.ts";
import { gathered } from "./mmu-gather.ts";
import { vmPageProt, wantsWriteNotify } from "./page-protection.ts";
import { VM } from "./vm-flags.ts";
import type { Vma } from "./vma.ts";

/**
 * Gives the pages of [start, end), which one mapping holds, that mapping's access. What needs no fault at its next write becomes
 * writable at once: private pages that belong to this address space alone, and dirty pages of shared files.
 *
 * @kernel change_protection, change_pte_range, can_change_pte_writable, mm/mprotect.c (6.18)
 */
export function changeProtection(edit: MmEdit, start: number, end: number): void {
  const { pages } = edit.mm;
  const { memory } = edit.env;
  const vma = pages && edit.lookup(start);
  if (!pages || !memory || !vma) return;
  const prot = vmPageProt(edit, vma);
  const upgrade = wantsUpgrade(edit, vma);
  const { savedDirty } = pages.table.mode;
  const { gather } = memory;
  const change = (words: Uint32Array, at: number, page: number, size: number): void => {
    const [lo, hi] = [words[at] as number, words[at + 1] as number];
    if (!isPresent(lo)) return;
    modify(words, at, prot, savedDirty, size > 1);
    if (upgrade && !isWritable(words[at] as number) && mayBeWritable(edit, vma, words, at, size > 1))
      mkwrite(words, at);
    if (gather && needsFlush(lo, hi, words[at] as number, words[at + 1] as number)) gather.clear(page, size);
  };
  gathered(edit, () =>
    pages.table.visitOwned(start, end, {
      leaf({ words }, from, to, page) {
        for (let i = from; i < to; i++) change(words, 2 * i, page + (i - from), 1);
      },
      large(table, i, page) {
        const size = pages.table.span(table.level);
        if (start > page || end < page + size) splitHugePmd(memory, pages, table, i, page);
        else change(table.words, 2 * i, page, size);
      },
    }),
  );
}

/** vma_wants_manual_pte_write_upgrade. */
const wantsUpgrade = (edit: MmEdit, vma: Vma): boolean =>
  (vma.flags & VM.SHARED) !== 0 ? wantsWriteNotify(edit, vma) : (vma.flags & VM.WRITE) !== 0;

/** can_change_pte_writable, can_change_pmd_writable. */
function mayBeWritable(edit: MmEdit, vma: Vma, words: Uint32Array, at: number, large: boolean): boolean {
  const [lo, hi] = [words[at] as number, words[at + 1] as number];
  if ((vma.flags & VM.SHARED) !== 0) return isDirty(lo, hi);
  const { protectUpgrades } = edit.env.traits;
  if (isSpecialEntry(lo) || protectUpgrades === "nothing") return false;
  if (protectUpgrades === "dirty small pages" && (large || !isDirty(lo, hi))) return false;
  return edit.env.memory?.phys.has(pfnOf(lo, hi), PG.EXCLUSIVE) ?? false;
}
