import { isWritable, mkdirty } from "../arch/index.ts";
import { cachePage, mappingOf, type OpenFile, VM, VM_OPS, type Vma, vmPageProt } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { FRAME, mapPage, PG } from "../phys/index.ts";
import { type Fault, setEntry } from "./fault.ts";

/** Maps a page of the page cache where nothing is mapped: set_pte_range for a file's page. */
export function mapFilePage(
  { edit, memory, pages, vma }: Fault,
  table: TablePage,
  i: number,
  pfn: number,
): void {
  const { phys } = memory;
  setEntry(table, i, pfn, vmPageProt(edit, vma));
  if ((vma.flags & VM.SHARED) !== 0 && phys.has(pfn, PG.DIRTY) && isWritable(table.words[2 * i] as number))
    mkdirty(table.words, 2 * i, pages.table.mode.savedDirty);
  mapPage(phys, pfn, pages.id);
  phys.add(pfn, FRAME.REFCOUNT, 1);
  pages[phys.has(pfn, PG.SHMEM) ? "rssShmem" : "rssFile"]++;
}

/**
 * The frame of a file's page, if it is in the page cache. A warm cache has whatever is asked for, but for files
 * that are memory: there a page is made by its first use.
 *
 * @param index within the file's size
 * @kernel next_uptodate_folio, filemap_get_folio, mm/filemap.c (6.18)
 */
export function cachedPage({ memory, vma }: Fault, file: OpenFile, index: number): number | undefined {
  const mapping = mappingOf(file);
  const there = memory.peekCache(mapping)?.get(index);
  if (there !== undefined || memory.model.fileCache === "cold" || isMemoryBacked(vma)) return there;
  return cachePage(memory, mapping, index, 0);
}

/** Whether the file is memory and nothing else: shmem_mapping. */
export const isMemoryBacked = ({ ops }: Vma): boolean => ops === VM_OPS.shmem || ops === VM_OPS.shm;
