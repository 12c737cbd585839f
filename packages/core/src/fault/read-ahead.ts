import { PAGE_SIZE } from "../base/index.ts";
import { cachePage, mappingOf, VM, type Vma } from "../mm/index.ts";
import { PG } from "../phys/index.ts";
import { type Fault, fileOf, pageIndex } from "./fault.ts";

/** Pages [start, end) of a file, and the one at which reading should go on. */
interface Window {
  readonly start: number;
  readonly end: number;
  readonly marked?: number;
}

/** Whether a fault in this mapping reads more than its page. */
export const readsAhead = ({ memory, vma }: Fault): boolean =>
  (vma.flags & VM.RAND_READ) === 0 && memory.model.readAhead > 0;

/**
 * Reads the pages around one that was missing into the page cache: none for a mapping that is read at random,
 * those behind it for one that is read in order or executed, else half a window on either side.
 *
 * @kernel do_sync_mmap_readahead, mm/filemap.c (6.18)
 */
export function readAround(fault: Fault, index: number): void {
  if (readsAhead(fault)) readIn(fault, windowOf(fault.vma, index, fault.memory.model.readAhead));
}

/**
 * A fault found a page at which reading should go on: a window is read from the first page behind it that is missing,
 * if one is missing near, and the next mark is where it begins.
 *
 * @kernel do_async_mmap_readahead, mm/filemap.c; page_cache_async_ra, mm/readahead.c (6.18)
 */
export function readOn(fault: Fault): void {
  const { memory } = fault;
  const { readAhead } = memory.model;
  const cache = memory.peekCache(mappingOf(fileOf(fault)));
  const index = pageIndex(fault);
  let start = index + 1;
  while (start <= index + readAhead && cache?.get(start) !== undefined) start++;
  if (start <= index + readAhead) readIn(fault, { start, end: start + readAhead, marked: start });
}

function readIn(fault: Fault, { start, end, marked }: Window): void {
  const { memory } = fault;
  const file = fileOf(fault);
  const mapping = mappingOf(file);
  const last = Math.min(end, Math.ceil((file.size ?? 0) / PAGE_SIZE));
  const cache = memory.peekCache(mapping);
  for (let at = start; at < last; at++) {
    if (cache?.get(at) !== undefined) continue;
    if (cachePage(memory, mapping, at, at === marked ? PG.READAHEAD : 0) === undefined) return;
  }
}

/** What is executed is read up to the end of its mapping, and not beyond. */
function windowOf(vma: Vma, index: number, readAhead: number): Window {
  const marked = Math.floor(readAhead / 4);
  if ((vma.flags & VM.SEQ_READ) !== 0)
    return { start: index, end: index + readAhead, marked: index + readAhead - marked };
  if ((vma.flags & VM.EXEC) !== 0)
    return { start: index, end: Math.min(index + readAhead, vma.pgoff + vma.pages) };
  const start = Math.max(0, index - Math.floor(readAhead / 2));
  return { start, end: start + readAhead, marked: start + readAhead - marked };
}
