import { done, pagesOf, type Result, refuse } from "../base/index.ts";
import { anonVmaPrepare } from "./anon-vma.ts";
import type { MmEdit } from "./mm-edit.ts";
import { VM } from "./vm-flags.ts";
import { isAccessible, VM_OPS, type Vma } from "./vma.ts";

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
  const { memory } = edit.env;
  if (memory) return memory.faults.populate(edit, start, end, onError);
  for (const vma of edit.mm.vmas.collect(start, end)) {
    if (isPassedOver(vma)) continue;
    if (!isAccessible(vma) || vma.ops === VM_OPS.secret || Math.min(vma.end, end) > endOfObject(edit, vma)) {
      if (onError === "stop") return refuse("ENOMEM", "no access, or no memory behind the range's end");
    } else if (isWrittenTo(vma)) anonVmaPrepare(edit, vma);
  }
  return done;
}

/**
 * First page behind which there is no memory to bring in: the end of shared memory whose size never changes
 * (shared anonymous memory and SysV segments), and the start of huge pages that an empty pool cannot give.
 */
export function endOfObject(edit: MmEdit, vma: Vma): number {
  if (vma.ops === VM_OPS.hugetlb && edit.env.sysctl.hugePages === 0) return vma.start;
  const fixed = vma.ops === VM_OPS.shmem || vma.ops === VM_OPS.shm ? edit.env.file(vma.file) : undefined;
  if (fixed?.size === undefined || (vma.ops !== VM_OPS.shm && fixed.path !== "/dev/zero")) return Infinity;
  return vma.start - vma.pgoff + pagesOf(fixed.size);
}

const isPassedOver = (vma: Vma): boolean => (vma.flags & (VM.IO | VM.PFNMAP | VM.LOCKONFAULT)) !== 0;

const isWrittenTo = (vma: Vma): boolean => (vma.flags & (VM.WRITE | VM.SHARED | VM.HUGETLB)) === VM.WRITE;
