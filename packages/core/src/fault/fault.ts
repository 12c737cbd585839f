import { loOf, type PageProtection, pfnOf } from "../arch/index.ts";
import { assert } from "../base/index.ts";
import type { Memory, MmEdit, MmPages, OpenFile, Vma } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";

/** What a program did to memory. */
export type AccessKind = "read" | "write" | "exec";

/**
 * Who faults: the program itself, a populating madvise, or mlock and MAP_POPULATE. They differ in which fault that
 * had to begin anew is a major one (FAULT_FLAG_TRIED): for the program, whose first try holds nothing but the VMA, one
 * that read its page in; for madvise every one; for the others none, since they forget the first try.
 */
export type FaultAsker = "program" | "advice" | "populate";

/** A fault while it is handled (struct vm_fault). */
export interface Fault {
  readonly edit: MmEdit;
  readonly memory: Memory;
  readonly pages: MmPages;
  /** The mapping, as it is now: a first write may have given it its anon_vma. */
  vma: Vma;
  readonly page: number;
  readonly write: boolean;
  readonly asker: FaultAsker;
}

/** A fault at a page of an address space whose pages are modelled. */
export function faultAt(
  edit: MmEdit,
  vma: Vma,
  page: number,
  write: boolean,
  asker: FaultAsker = "program",
): Fault {
  const { pages } = edit.mm;
  const { memory } = edit.env;
  assert(pages && memory, "pages are modelled");
  return { edit, memory, pages, vma, page, write, asker };
}

/** The file behind the faulting mapping. */
export const fileOf = (fault: Fault): OpenFile => fault.edit.env.file(fault.vma.file);

/** The page's number in its file, or in its anonymous mapping: linear_page_index. */
export const pageIndex = ({ vma, page }: Fault, at = page): number => vma.pgoff + (at - vma.start);

/** The lowest table of the faulting page, made where it is missing: pte_alloc. */
export const pteTable = ({ pages, memory, page }: Fault): TablePage =>
  pages.table.make(0, page, memory.tables);

/** Which entry of the lowest table a page has. */
export const pteIndex = ({ pages }: Fault, page: number): number => pages.table.index(0, page);

/** Writes an entry that maps a frame. */
export function setEntry(table: TablePage, i: number, pfn: number, prot: PageProtection, bits = 0): void {
  const lo = prot.lo | bits;
  table.set(i, loOf(pfn, lo), hiFor(pfn, prot));
}

const hiFor = (pfn: number, prot: PageProtection): number => (Math.floor(pfn / 2 ** 20) | prot.hi) >>> 0;

/** The frame of a mapped entry. */
export const entryPfn = (table: TablePage, i: number): number =>
  pfnOf(table.words[2 * i] as number, table.words[2 * i + 1] as number);
