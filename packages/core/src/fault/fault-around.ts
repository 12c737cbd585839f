import { PAGE_SIZE } from "../base/index.ts";
import { mappingOf, VM_OPS } from "../mm/index.ts";
import { PG } from "../phys/index.ts";
import { type Fault, fileOf, pageIndex, pteIndex, pteTable } from "./fault.ts";
import { isMemoryBacked, mapFilePage } from "./map-file-page.ts";

/**
 * Maps the cached pages around a read fault, so that they need no faults of their own. The window is aligned
 * by its place in the address space, and moved up to the start of the mapping; it ends with the page table.
 *
 * @returns whether the faulting page is mapped by it
 * @kernel do_fault_around, mm/memory.c; filemap_map_pages, mm/filemap.c (6.18)
 */
export function mapAround(fault: Fault): boolean {
  const { memory, vma, page, pages } = fault;
  const { faultAround } = memory.model;
  if (faultAround <= 1 || vma.ops === VM_OPS.vdso) return false;
  const entries = pages.table.span(1);
  const at = page % entries;
  const from = Math.max(at - (at % faultAround), at - Math.min(at, page - vma.start));
  const to = Math.min(from + faultAround, entries, at + (vma.end - page));
  const file = fileOf(fault);
  const end = file.size === undefined ? Number.POSITIVE_INFINITY : Math.ceil(file.size / PAGE_SIZE);
  const cache = memory.peekCache(mappingOf(file));
  const cached: (readonly [entry: number, pfn: number, index: number])[] = [];
  for (let i = from; i < to; i++) {
    const index = pageIndex(fault, page - at + i);
    const pfn = index < end ? cache?.get(index) : undefined;
    if (pfn !== undefined && !memory.phys.has(pfn, PG.READAHEAD)) cached.push([i, pfn, index]);
  }
  const [first] = cached;
  if (!first || !mayMakeTable(fault, first[2], end)) return false;
  const table = pteTable(fault);
  let mapped = false;
  for (const [i, pfn] of cached) {
    if (!table.isEmpty(i)) continue;
    mapFilePage(fault, table, i, pfn);
    if (i === pteIndex(fault, page)) mapped = true;
  }
  return mapped;
}

/** A missing table is not made for a page that reaches the end of a file; memory-backed files are excepted. */
const mayMakeTable = (fault: Fault, index: number, end: number): boolean =>
  fault.pages.table.find(0, fault.page) !== undefined || index + 1 < end || isMemoryBacked(fault.vma);
