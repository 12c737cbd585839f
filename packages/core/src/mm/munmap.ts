import {
  done,
  isAligned,
  PAGE_SIZE,
  pageOf,
  type Result,
  rangeText,
  refuse,
  type Word,
  wrapAlignUp,
} from "../base/index.ts";
import { hugeIndex } from "./huge-pmd.ts";
import { uncharge } from "./limits.ts";
import type { Memory } from "./memory.ts";
import type { MmEdit } from "./mm-edit.ts";
import { VM, VMH } from "./vm-flags.ts";
import type { Vma } from "./vma.ts";
import { cutVma } from "./vma-merge.ts";
import { unmapRegion } from "./zap.ts";

/**
 * Removes the mappings of [address, address + length).
 *
 * @refuses EINVAL; ENOMEM (a hole cut at max_map_count); EPERM (sealed); the first boundary's split stays
 * @kernel __vm_munmap, do_vmi_munmap, mm/vma.c (6.18)
 */
export function munmap(edit: MmEdit, address: Word, length: Word): Result<void> {
  const { taskSize } = edit;
  edit.env.trace?.enter("__vm_munmap");
  if (!isAligned(address, PAGE_SIZE)) return refuse("EINVAL", "address is not page-aligned");
  if (typeof address !== "number" || address > taskSize || length > taskSize - address)
    return refuse("EINVAL", "range leaves user space");
  const bytes = Number(wrapAlignUp(length, PAGE_SIZE));
  if (bytes === 0) return refuse("EINVAL", "length is zero");
  const start = pageOf(address);
  return munmapRange(edit, start, start + bytes / PAGE_SIZE);
}

/** do_vmi_align_munmap: the same for a page range that is known to be legal. */
export function munmapRange(edit: MmEdit, start: number, end: number): Result<void> {
  const gathered = gatherVmas(edit, start, end);
  if (!gathered.ok) return gathered;
  if (gathered.value.length > 0) removeVmas(edit, gathered.value);
  return done;
}

/**
 * Splits at both ends of the range so that whole VMAs fill it, and refuses what may not go.
 * What was split before a refusal stays split.
 *
 * @kernel vms_gather_munmap_vmas, mm/vma.c (6.18)
 */
export function gatherVmas(edit: MmEdit, start: number, end: number): Result<readonly Vma[]> {
  const { trace } = edit.env;
  const gathered = edit.mm.vmas.collect(start, end);
  trace?.enter("vms_gather_munmap_vmas");
  trace?.choose(`${gathered.length} of the mappings meet ${rangeText(start, end)}`);
  const first = gathered[0];
  if (first && first.start < start) {
    if (end < first.end && edit.mapCount >= edit.env.sysctl.maxMapCount)
      return refuse("ENOMEM", `a hole would pass max_map_count (${edit.env.sysctl.maxMapCount})`);
    if (isSealed(first)) return refuse("EPERM", "the mapping is sealed");
    const split = cutVma(edit, first, start);
    if (!split.ok) return split;
    gathered[0] = split.value.after;
  }
  for (const v of gathered) if (isSealed(v)) return refuse("EPERM", "the mapping is sealed");
  const last = gathered.at(-1);
  if (last && last.end > end) {
    const split = cutVma(edit, last, end);
    if (!split.ok) return split;
    gathered[gathered.length - 1] = split.value.before;
  }
  return { ok: true, value: gathered };
}

const NONE: readonly Vma[] = [];

/** Takes whole VMAs out, with their committed pages. */
export function removeVmas(edit: MmEdit, vmas: readonly Vma[]): void {
  edit.noteHighWater();
  unmapRegion(edit, vmas);
  closeVmas(edit.env.memory, vmas);
  uncharge(edit, accountedPages(vmas));
  edit.replaceVmas(vmas, NONE);
}

/** vm_ops->close of mappings that go: those of huge pages give back what they reserved. */
export function closeVmas(memory: Memory | undefined, vmas: readonly Vma[]): void {
  if (!memory) return;
  for (const vma of vmas)
    if (vma.resv > 0) memory.pool.close(vma.resv, hugeIndex(vma, vma.start), hugeIndex(vma, vma.end));
}

export function accountedPages(vmas: readonly Vma[]): number {
  let pages = 0;
  for (const v of vmas) if ((v.flags & VM.ACCOUNT) !== 0) pages += v.pages;
  return pages;
}

export const isSealed = (v: Vma): boolean => (v.high & VMH.SEALED) !== 0;
