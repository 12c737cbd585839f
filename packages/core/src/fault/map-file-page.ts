import { isWritable, mkdirty } from "../arch/index.ts";
import { VM, VM_OPS, type Vma, vmPageProt } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { FRAME, PG } from "../phys/index.ts";
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
  phys.add(pfn, FRAME.MAPCOUNT, 1);
  phys.add(pfn, FRAME.REFCOUNT, 1);
  pages[phys.has(pfn, PG.SHMEM) ? "rssShmem" : "rssFile"]++;
}

/** Whether the file is memory and nothing else: shmem_mapping. */
export const isMemoryBacked = ({ ops }: Vma): boolean => ops === VM_OPS.shmem || ops === VM_OPS.shm;
