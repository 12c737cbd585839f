import type { MmEdit } from "./mm-edit.ts";
import { VM, VM_SPECIAL, VMH } from "./vm-flags.ts";
import type { Vma } from "./vma.ts";

/**
 * Whether memory's pages may be shared with equal ones: MADV_MERGEABLE does nothing to any other.
 *
 * @kernel vma_ksm_compatible, mm/ksm.c (6.18)
 */
export const canKsm = ({ flags, high }: Pick<Vma, "flags" | "high">): boolean =>
  (flags & (VM.SHARED | VM.MAYSHARE | VM.HUGETLB | VM_SPECIAL)) === 0 && (high & VMH.DROPPABLE) === 0;

/**
 * Makes all memory of a process mergeable, what it has and what it will have, or none of it. The flag is set
 * where it stands: nothing merges for that.
 *
 * @kernel ksm_enable_merge_any, ksm_disable_merge_any, mm/ksm.c (6.18)
 */
export function setMergeAny(edit: MmEdit, on: boolean): void {
  if (on === (edit.mm.mergeAny === true)) return;
  edit.set("mergeAny", on ? true : undefined);
  for (const vma of edit.mm.vmas.toArray()) {
    const flags = on && canKsm(vma) ? vma.flags | VM.MERGEABLE : vma.flags & ~VM.MERGEABLE;
    if (flags !== vma.flags) edit.replaceVma(vma, vma.reflagged(flags));
  }
}
