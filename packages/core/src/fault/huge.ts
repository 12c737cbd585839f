import { isSpecialEntry, mkdirty, mkwrite, mkyoung, PTE } from "../arch/index.ts";
import {
  type FaultEnd,
  flushTlbRange,
  HUGE_ORDER,
  HUGE_PAGES,
  isAnonymous,
  splitHugePmd,
  VM,
  type Vma,
  vmPageProt,
} from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { FRAME, HUGE_ZERO_PFN, mapWhole, PG, unmapWhole } from "../phys/index.ts";
import { prepareAnon } from "./anonymous.ts";
import { entryPfn, type Fault, setEntry } from "./fault.ts";
import { mostMapped } from "./reuse-anon.ts";

/**
 * Whether a fault may bring a huge page: the mapping is private memory that may have them, and the whole
 * aligned 2 MiB lie in it.
 *
 * @kernel thp_vma_allowable_order, include/linux/huge_mm.h; __thp_vma_allowable_orders, mm/huge_memory.c (6.18)
 */
export function mayBeHuge({ edit, memory, page, vma, pages }: Fault): boolean {
  const { thp } = memory.model;
  const { flags } = vma;
  const advised = (flags & VM.HUGEPAGE) !== 0;
  if (thp === "never" || (thp === "madvise" && !advised)) return false;
  const { thpDisabled } = edit.mm;
  if (thpDisabled === "completely" || (thpDisabled !== undefined && !advised)) return false;
  if (!isAnonymous(vma) || (flags & (VM.NOHUGEPAGE | VM.GROWSDOWN)) !== 0) return false;
  if (pages.table.mode.levels[1]?.name !== "pmd") return false;
  const first = page - (page % HUGE_PAGES);
  return first >= vma.start && first + HUGE_PAGES <= vma.end;
}

/** The table above the lowest, and which of its entries the page has. */
const above = ({ pages, memory, page }: Fault): { table: TablePage; i: number } => ({
  table: pages.table.make(1, page, memory.tables),
  i: pages.table.index(1, page),
});

/**
 * A fault where nothing of an aligned 2 MiB is mapped: a read shares 2 MiB of zeros, a write gets a huge page.
 *
 * @returns undefined when there is no free block that large: the fault goes on with a small page
 * @kernel do_huge_pmd_anonymous_page, mm/huge_memory.c (6.18)
 */
export function doHugePage(fault: Fault): FaultEnd | undefined {
  const { edit, memory, pages, write } = fault;
  edit.env.trace?.enter("do_huge_pmd_anonymous_page");
  edit.env.trace?.choose(write ? "a huge page of 2 MiB" : "2 MiB of zeros that all share");
  prepareAnon(fault);
  const { table, i } = above(fault);
  const prot = vmPageProt(edit, fault.vma);
  if (!write) {
    pages.table.deposit(table, i, memory.tables);
    setEntry(table, i, HUGE_ZERO_PFN, prot, PTE.PSE | PTE.SPECIAL);
    return "done";
  }
  const head = allocHuge(fault);
  if (head === undefined) return undefined;
  pages.table.deposit(table, i, memory.tables);
  mapHuge(fault, table, i, head);
  return "done";
}

function allocHuge(fault: Fault): number | undefined {
  const { phys } = fault.memory;
  const head = phys.alloc(HUGE_ORDER, "user", PG.ANON | PG.EXCLUSIVE | PG.UPTODATE | PG.SWAPBACKED);
  if (head === undefined) return undefined;
  phys.makeCompound(head, HUGE_ORDER);
  const first = fault.page - (fault.page % HUGE_PAGES);
  phys.assign(head, fault.vma.anonVma, fault.vma.pgoff + (first - fault.vma.start));
  return head;
}

function mapHuge({ edit, memory, pages, vma }: Fault, table: TablePage, i: number, head: number): void {
  setEntry(table, i, head, vmPageProt(edit, vma), PTE.PSE);
  if ((vma.flags & VM.WRITE) !== 0) {
    mkwrite(table.words, 2 * i);
    mkdirty(table.words, 2 * i, pages.table.mode.savedDirty);
  }
  mapWhole(memory.phys, head, pages.id);
  pages.rssAnon += HUGE_PAGES;
}

/**
 * A write to 2 MiB that are mapped without write access: made writable where this is their one user, else
 * split, and the one page copied. 5.4 copies them whole where it finds another huge page.
 *
 * @returns undefined when the fault goes on with the small page
 * @kernel do_huge_pmd_wp_page, mm/huge_memory.c (6.18 and 5.4)
 */
export function doHugeWpPage(fault: Fault, table: TablePage, i: number): FaultEnd | undefined {
  const { memory, pages } = fault;
  const { phys } = memory;
  const { trace } = fault.edit.env;
  const first = fault.page - (fault.page % HUGE_PAGES);
  if (isSpecialEntry(table.words[2 * i] as number)) return writeZeros(fault, table, i, first);
  trace?.enter("do_huge_pmd_wp_page");
  const head = entryPfn(table, i);
  const { copiesHuge } = fault.edit.env.traits;
  const alone = copiesHuge
    ? mostMapped(phys, head) === 1
    : phys.has(head, PG.EXCLUSIVE) || phys.get(head, FRAME.REFCOUNT) === 1;
  if (alone) {
    trace?.choose("nobody else has the huge page: it is made writable");
    phys.flag(head, PG.EXCLUSIVE);
    makeHugeWritable(table, i, fault.vma, pages.table.mode.savedDirty);
    return "done";
  }
  if (copiesHuge && mayBeHuge(fault) && copyHuge(fault, table, i, head)) {
    trace?.choose("the huge page is copied whole");
    return "done";
  }
  trace?.choose("the huge page is split");
  splitHugePmd(memory, pages, table, i, first);
  return undefined;
}

/**
 * A write to 2 MiB of zeros: a huge page takes their place, or they are split where none is free. 6.1 always splits
 * them.
 *
 * @kernel do_huge_zero_wp_pmd, mm/huge_memory.c (6.18)
 */
function writeZeros(fault: Fault, table: TablePage, i: number, first: number): FaultEnd | undefined {
  const { edit, memory, pages } = fault;
  const { trace } = edit.env;
  const { zerosBecomeHuge } = edit.env.traits;
  trace?.enter("do_huge_zero_wp_pmd");
  prepareAnon(fault);
  const huge = zerosBecomeHuge === "always" || (zerosBecomeHuge === "where they may" && mayBeHuge(fault));
  const head = huge ? allocHuge(fault) : undefined;
  if (head === undefined) {
    trace?.choose("the 2 MiB of zeros are split");
    splitHugePmd(memory, pages, table, i, first);
    return undefined;
  }
  trace?.choose("the 2 MiB of zeros give way to a huge page");
  mapHuge(fault, table, i, head);
  flushTlbRange(edit, first, first + HUGE_PAGES);
  return "done";
}

/** Puts a copy in the place of a shared huge page: copy_user_huge_page; false where no block is free. */
function copyHuge(fault: Fault, table: TablePage, i: number, old: number): boolean {
  const { memory, pages } = fault;
  const { phys } = memory;
  const head = allocHuge(fault);
  if (head === undefined) return false;
  for (let n = 0; n < HUGE_PAGES; n++) phys.setContent(head + n, phys.content(old + n));
  unmapWhole(phys, old, pages.id);
  pages.rssAnon -= HUGE_PAGES;
  mapHuge(fault, table, i, head);
  const first = fault.page - (fault.page % HUGE_PAGES);
  flushTlbRange(fault.edit, first, first + HUGE_PAGES);
  phys.put(old);
  return true;
}

function makeHugeWritable({ words }: TablePage, i: number, vma: Vma, savedDirty: boolean): void {
  mkyoung(words, 2 * i);
  if ((vma.flags & VM.WRITE) !== 0) mkwrite(words, 2 * i);
  mkdirty(words, 2 * i, savedDirty);
}
