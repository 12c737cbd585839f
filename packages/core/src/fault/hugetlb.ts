import { isWritable, mkdirty, mkwrite, PTE } from "../arch/index.ts";
import { PAGE_SIZE } from "../base/index.ts";
import {
  type FaultEnd,
  flushTlbPage,
  HUGE_PAGES,
  hugeIndex,
  mappingOf,
  putHugetlb,
  RESV_UNMAPPED,
  UNMAPPED,
  VM,
  VM_OPS,
  vmPageProt,
  zapRange,
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

/** The first page of the faulting huge page. */
const firstPage = ({ page }: Fault): number => page - (page % HUGE_PAGES);

function bringPage(fault: Fault, table: TablePage, i: number): FaultEnd {
  const { edit, memory, pages, vma } = fault;
  const { trace } = edit.env;
  if (vma.resv === RESV_UNMAPPED) {
    trace?.choose("its page went to the process that had reserved it");
    return "sigbus";
  }
  const file = fileOf(fault);
  const index = hugeIndex(vma, fault.page) * HUGE_PAGES;
  if (file.size !== undefined && index * PAGE_SIZE >= file.size) return "sigbus";
  const mapping = mappingOf(file);
  const cached = memory.peekCache(mapping)?.get(index);
  const head = cached ?? takeFromPool(fault);
  if (head === undefined) {
    trace?.choose(`${memory.pool.free.length} huge pages are free, ${memory.pool.reserved} reserved`);
    return "sigbus";
  }
  if (cached === undefined && isShared(fault)) {
    memory.cache(mapping).add(index, head);
    memory.phys.add(head, FRAME.REFCOUNT, 1);
  } else if (cached !== undefined) memory.phys.add(head, FRAME.REFCOUNT, 1);
  setEntry(table, i, head, vmPageProt(edit, vma), PTE.PSE);
  mapWhole(memory.phys, head, pages.id);
  pages.hugetlb += HUGE_PAGES;
  return "done";
}

/**
 * A page of the pool with one reference; one that is not shared is this address space's own.
 *
 * @param enforced see `HugePool.take`
 */
function takeFromPool(fault: Fault, enforced = false): number | undefined {
  const { phys, pool } = fault.memory;
  const shared = isShared(fault);
  if (!shared) prepareAnon(fault);
  const { vma } = fault;
  const mapping = mappingOf(fileOf(fault));
  const index = hugeIndex(vma, fault.page);
  const head = pool.take(vma, mapping, index, enforced);
  if (head === undefined) return undefined;
  phys.set(head, FRAME.REFCOUNT, 1);
  phys.assign(head, shared ? mapping : vma.anonVma, index * HUGE_PAGES);
  phys.flag(head, shared ? PG.UPTODATE : PG.ANON | PG.EXCLUSIVE | PG.UPTODATE);
  return head;
}

/** hugetlb_wp: shared pages and those of this address space alone become writable, others are copied. */
function writePage(fault: Fault, table: TablePage, i: number): FaultEnd {
  const { memory, pages } = fault;
  const { phys } = memory;
  const old = entryPfn(table, i);
  if (!isShared(fault) && !isOwn(fault, old)) {
    const head = copyFor(fault, old);
    if (head === undefined && !isOwn(fault, old)) return "sigbus";
    if (head !== undefined) {
      setEntry(table, i, head, vmPageProt(fault.edit, fault.vma), PTE.PSE);
      mapWhole(phys, head, pages.id);
      flushTlbPage(fault.edit, firstPage(fault));
      unmapWhole(phys, old, pages.id);
      putHugetlb(memory, old);
    }
  }
  if (isOwn(fault, old)) phys.flag(old, PG.EXCLUSIVE);
  if ((fault.vma.flags & VM.WRITE) !== 0) mkwrite(table.words, 2 * i);
  mkdirty(table.words, 2 * i, pages.table.mode.savedDirty);
  return "done";
}

const isOwn = ({ memory: { phys } }: Fault, head: number): boolean =>
  phys.has(head, PG.ANON) && phys.get(head, FRAME.ENTIRE) === 1;

/**
 * A page for a copy. Who owns reservations takes the page itself from all others when there is none: then it is
 * theirs alone, and undefined is answered.
 */
function copyFor(fault: Fault, old: number): number | undefined {
  const { memory, vma } = fault;
  const asOwner = vma.resv > 0 && memory.phys.has(old, PG.ANON);
  const head = takeFromPool(fault, asOwner);
  if (head === undefined && asOwner) unmapFromOthers(fault, old);
  return head;
}

/**
 * Takes a page out of every mapping that reserved nothing, so that its owner has it alone. Whoever loses it has
 * SIGBUS at its next use of what is not mapped.
 *
 * @kernel unmap_ref_private, mm/hugetlb.c (6.18)
 */
function unmapFromOthers(fault: Fault, head: number): void {
  const { memory, edit } = fault;
  edit.env.trace?.choose("no huge page is free for a copy: those who did not reserve lose the page");
  const first = firstPage(fault);
  const index = hugeIndex(fault.vma, fault.page);
  for (const other of memory.mappersOf(mappingOf(fileOf(fault)))) {
    const vma = other.mm.id === edit.mm.id ? undefined : other.lookup(first);
    const { pages } = other.mm;
    if (!pages || vma?.ops !== VM_OPS.hugetlb || vma.resv > 0 || (vma.flags & VM.MAYSHARE) !== 0) continue;
    if (hugeIndex(vma, first) !== index) continue;
    const table = pages.table.find(1, first);
    const i = pages.table.index(1, first);
    if (!table || table.isEmpty(i) || entryPfn(table, i) !== head) continue;
    zapRange(other, vma, first, first + HUGE_PAGES, UNMAPPED);
    other.replaceVma(vma, vma.withResv(RESV_UNMAPPED));
  }
}
