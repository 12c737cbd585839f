import { PAGE_SIZE } from "../base/index.ts";
import { cachePage, mappingOf, VM } from "../mm/index.ts";
import { PG } from "../phys/index.ts";
import { type Fault, fileOf } from "./fault.ts";

/**
 * Reads the pages around one that was missing into the page cache: none for a mapping that is read at random,
 * those behind it for one that is read in order, else half a window on either side. The page at which reading
 * should go on is marked.
 *
 * @kernel do_sync_mmap_readahead, mm/filemap.c (6.18)
 */
export function readAround(fault: Fault, index: number): void {
  const { memory, vma } = fault;
  const { readAhead } = memory.model;
  if ((vma.flags & VM.RAND_READ) !== 0 || readAhead === 0) return;
  const file = fileOf(fault);
  const mapping = mappingOf(file);
  const sequential = (vma.flags & VM.SEQ_READ) !== 0;
  const start = sequential ? index : Math.max(0, index - Math.floor(readAhead / 2));
  const end = Math.min(start + readAhead, Math.ceil((file.size ?? 0) / PAGE_SIZE));
  const marked = end - Math.floor(readAhead / 4);
  const cache = memory.peekCache(mapping);
  for (let at = start; at < end; at++) {
    if (cache?.get(at) !== undefined) continue;
    if (cachePage(memory, mapping, at, at === marked ? PG.READAHEAD : 0) === undefined) return;
  }
}
