import { done, type Result, refuse } from "../base/index.ts";
import { anonVmaPrepare } from "./anon-vma.ts";
import type { MmEdit } from "./mm-edit.ts";
import { VM } from "./vm-flags.ts";
import { isAccessible, type Vma } from "./vma.ts";

/**
 * Brings the pages of [start, end) in, as MAP_POPULATE and mlock do: private writable memory is written to
 * and so gets its anon_vma. Holes are passed over.
 *
 * @refuses ENOMEM at the first memory without access; mmap and its like go on and ignore that
 * @kernel __mm_populate, populate_vma_page_range, mm/gup.c (6.18)
 */
export function mmPopulate(
  edit: MmEdit,
  start: number,
  end: number,
  onError: "stop" | "ignore",
): Result<void> {
  for (const vma of edit.mm.vmas.collect(start, end)) {
    if (!isAccessible(vma) && !isPassedOver(vma)) {
      if (onError === "stop") return refuse("ENOMEM", "memory without access cannot be populated");
    } else if (!isPassedOver(vma) && isWrittenTo(vma)) anonVmaPrepare(edit, vma);
  }
  return done;
}

const isPassedOver = (vma: Vma): boolean => (vma.flags & (VM.IO | VM.PFNMAP | VM.LOCKONFAULT)) !== 0;

const isWrittenTo = (vma: Vma): boolean => (vma.flags & (VM.WRITE | VM.SHARED | VM.HUGETLB)) === VM.WRITE;
