import { PTE } from "../arch/index.ts";
import type { FileId } from "../base/index.ts";
import { cachePage, type FaultEnd, VM, VM_OPS, vmPageProt } from "../mm/index.ts";
import { ZERO_PFN } from "../phys/index.ts";
import { allocAnon, mapAnon, prepareAnon } from "./anonymous.ts";
import { type Fault, pageIndex, pteIndex, pteTable, setEntry } from "./fault.ts";
import { mapFilePage } from "./map-file-page.ts";

/** What the vdso's image is known by in the page cache; no file has this number. */
export const VDSO_IMAGE = (2 ** 32 - 1) as FileId;

/**
 * A fault in vvar or vdso. The pages of vvar are the kernel's own, and count nowhere; those that have nothing behind
 * them end in SIGBUS. Those of the vdso are shared by all processes and count as a file's.
 *
 * @kernel special_mapping_fault, mm/mmap.c; vvar_fault, lib/vdso/datastore.c; vdso_fault, arch/x86/entry/vdso/vma.c (6.18)
 */
export function doSpecialFault(fault: Fault): FaultEnd {
  const { edit, memory, page, pages, vma, write } = fault;
  const { trace } = edit.env;
  trace?.enter("special_mapping_fault");
  const i = pteIndex(fault, page);
  if ((vma.flags & VM.PFNMAP) !== 0) {
    if (!hasData(fault)) {
      trace?.choose(`the kernel has nothing to show on page ${pageIndex(fault)} of ${vma.ops.label}`);
      return "sigbus";
    }
    setEntry(pteTable(fault), i, ZERO_PFN, vmPageProt(edit, vma), PTE.SPECIAL);
    return "done";
  }
  const image = cachePage(memory, VDSO_IMAGE, pageIndex(fault), 0);
  if (image === undefined) return "oom";
  if (!write) {
    mapFilePage(fault, pteTable(fault), i, image);
    return "done";
  }
  prepareAnon(fault);
  const pfn = allocAnon(fault);
  if (pfn === undefined) return "oom";
  mapAnon(fault, pteTable(fault), i, pfn);
  pages.rssAnon++;
  return "done";
}

/**
 * Whether the kernel shows something on a page of vvar or vvar_vclock. Of the clocks it is KVM's, which comes first;
 * no time namespace is modelled, whose page is missing so.
 */
const hasData = (fault: Fault): boolean =>
  fault.vma.ops === VM_OPS.vvar
    ? fault.edit.env.traits.vvarData.has(pageIndex(fault))
    : pageIndex(fault) === 0;
