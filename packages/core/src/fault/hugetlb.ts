import { isWritable, mkdirty, mkwrite, PTE } from "../arch/index.ts";
import { PAGE_SIZE } from "../base/index.ts";
import {
  type FaultEnd,
  flushTlbPage,
  HUGE_PAGES,
  mappingOf,
  putHugetlb,
  VM,
  vmPageProt,
} from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { FRAME, mapWhole, PG, unmapWhole } from "../phys/index.ts";
import { prepareAnon } from "./anonymous.ts";
import { entryPfn, type Fault, fileOf, setEntry } from "./fault.ts";

/**
 * A fault in memory of huge pages from the pool. With the pool empty it ends in SIGBUS.
 *
 * @kernel hugetlb_fault, hugetlb_no_page, hugetlb_wp, mm/hugetlb.c (6.18)
 */
export function doHugetlbFault(fault: Fault): FaultEnd {
  const { pages, memory, page } = fault;
  fault.edit.env.trace?.enter("hugetlb_fault");
  const table = pages.table.make(1, page, memory.tables);
  const i = pages.table.index(1, page);
  if (table.isEmpty(i)) {
    const end = bringPage(fault, table, i);
    if (end !== "done") return end;
  }
  return fault.write && !isWritable(table.words[2 * i] as number) ? writePage(fault, table, i) : "done";
}

const isShared = ({ vma }: Fault): boolean => (vma.flags & VM.MAYSHARE) !== 0;

/** The number of the faulting huge page in its file, in pages of 4 KiB. */
function hugeIndex({ page, vma }: Fault): number {
  const first = page - (page % HUGE_PAGES);
  return vma.pgoff + (first - vma.start);
}

function bringPage(fault: Fault, table: TablePage, i: number): FaultEnd {
  const { edit, memory, pages } = fault;
  const file = fileOf(fault);
  const index = hugeIndex(fault);
  if (file.size !== undefined && index * PAGE_SIZE >= file.size) return "sigbus";
  const mapping = mappingOf(file);
  const cached = memory.peekCache(mapping)?.get(index);
  const head = cached ?? takeFromPool(fault, isShared(fault) ? mapping : undefined);
  if (head === undefined) return "sigbus";
  if (cached === undefined && isShared(fault)) {
    memory.cache(mapping).add(index, head);
    memory.phys.add(head, FRAME.REFCOUNT, 1);
  } else if (cached !== undefined) memory.phys.add(head, FRAME.REFCOUNT, 1);
  const { vma } = fault;
  setEntry(table, i, head, vmPageProt(edit, vma), PTE.PSE);
  mapWhole(memory.phys, head, pages.id);
  pages.hugetlb += HUGE_PAGES;
  return "done";
}

/** A page of the pool with one reference; one without a file is this address space's own. */
function takeFromPool(fault: Fault, mapping: number | undefined): number | undefined {
  const { memory } = fault;
  if (mapping === undefined) prepareAnon(fault);
  const head = memory.pool.free.pop();
  if (head === undefined) return undefined;
  const { phys } = memory;
  phys.set(head, FRAME.REFCOUNT, 1);
  phys.assign(head, mapping ?? fault.vma.anonVma, hugeIndex(fault));
  phys.flag(head, mapping === undefined ? PG.ANON | PG.EXCLUSIVE | PG.UPTODATE : PG.UPTODATE);
  return head;
}

/** hugetlb_wp: shared pages and those of this address space alone become writable, others are copied. */
function writePage(fault: Fault, table: TablePage, i: number): FaultEnd {
  const { memory, pages } = fault;
  const { phys } = memory;
  const old = entryPfn(table, i);
  const own = phys.has(old, PG.ANON) && phys.get(old, FRAME.ENTIRE) === 1;
  if (!isShared(fault) && !own) {
    const head = takeFromPool(fault, undefined);
    if (head === undefined) return "sigbus";
    setEntry(table, i, head, vmPageProt(fault.edit, fault.vma), PTE.PSE);
    mapWhole(phys, head, pages.id);
    flushTlbPage(fault.edit, fault.page - (fault.page % HUGE_PAGES));
    unmapWhole(phys, old, pages.id);
    putHugetlb(memory, old);
  } else if (own) phys.flag(old, PG.EXCLUSIVE);
  if ((fault.vma.flags & VM.WRITE) !== 0) mkwrite(table.words, 2 * i);
  mkdirty(table.words, 2 * i, pages.table.mode.savedDirty);
  return "done";
}
