import { mkdirty, mkwrite, PTE } from "../arch/index.ts";
import { anonVmaPrepare, type FaultEnd, VM, VMH, vmPageProt } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { mapPage, PG, ZERO_PFN } from "../phys/index.ts";
import { type Fault, pageIndex, pteIndex, pteTable, setEntry } from "./fault.ts";

/**
 * A fault in private memory where nothing is mapped: a read shares the page of zeros, a write gets a page.
 *
 * @kernel do_anonymous_page, mm/memory.c (6.18)
 */
export function doAnonymousPage(fault: Fault): FaultEnd {
  const { edit, page, write } = fault;
  edit.env.trace?.enter("do_anonymous_page");
  edit.env.trace?.choose(
    write ? "a write: a page of zeros of its own" : "a read: the page of zeros that all share",
  );
  if (write) {
    prepareAnon(fault);
    const pfn = allocAnon(fault);
    if (pfn === undefined) return "oom";
    const table = pteTable(fault);
    mapAnon(fault, table, pteIndex(fault, page), pfn);
    fault.pages.rssAnon++;
    return "done";
  }
  setEntry(pteTable(fault), pteIndex(fault, page), ZERO_PFN, vmPageProt(edit, fault.vma), PTE.SPECIAL);
  return "done";
}

/** The mapping's anon_vma, which the first page of its own needs: vmf_anon_prepare. */
export function prepareAnon(fault: Fault): void {
  fault.vma = anonVmaPrepare(fault.edit, fault.vma);
}

/** A page for private memory, which belongs to this address space alone: folio_add_new_anon_rmap. */
export function allocAnon(fault: Fault): number | undefined {
  const { memory, vma } = fault;
  const backed = (vma.high & VMH.DROPPABLE) === 0 ? PG.SWAPBACKED : 0;
  const flags = PG.ANON | PG.EXCLUSIVE | PG.UPTODATE | backed;
  const pfn = memory.phys.alloc(0, "user", flags);
  if (pfn !== undefined) memory.phys.assign(pfn, vma.anonVma, pageIndex(fault));
  return pfn;
}

/** Maps a page that `allocAnon` gave: dirty and writable where the mapping may be written to. */
export function mapAnon({ edit, memory, pages, vma }: Fault, table: TablePage, i: number, pfn: number): void {
  setEntry(table, i, pfn, vmPageProt(edit, vma));
  if ((vma.flags & VM.WRITE) !== 0) {
    mkwrite(table.words, 2 * i);
    mkdirty(table.words, 2 * i, pages.table.mode.savedDirty);
  }
  mapPage(memory.phys, pfn, pages.id);
}
