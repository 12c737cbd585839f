import type { MmEdit } from "./mm-edit.ts";
import { VM } from "./vm-flags.ts";
import { isAnonymous } from "./vma.ts";
import { UNMAPPED, zapRange } from "./zap.ts";

/**
 * Takes the pages of all memory that is nobody else's, the highest first. The mappings stay; a fault in what is gone
 * must not bring zeros where the program had data.
 *
 * @kernel __oom_reap_task_mm, mm/oom_kill.c (6.18)
 */
export function reapPages(edit: MmEdit): void {
  for (const vma of edit.mm.vmas.toArray().toReversed()) {
    if ((vma.flags & (VM.HUGETLB | VM.PFNMAP)) !== 0) continue;
    if (isAnonymous(vma) || (vma.flags & VM.SHARED) === 0) zapRange(edit, vma, vma.start, vma.end, UNMAPPED);
  }
}
