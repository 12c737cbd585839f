import { uncharge } from "./limits.ts";
import type { Memory } from "./memory.ts";
import type { MmEdit } from "./mm-edit.ts";
import type { MmPages } from "./mm-pages.ts";
import { accountedPages, closeVmas } from "./munmap.ts";
import type { Vma } from "./vma.ts";
import { UNMAPPED, zapPages } from "./zap.ts";

/**
 * Takes every mapping down when the last user has gone. The top table stays as long as the descriptor.
 *
 * @kernel exit_mmap, mm/mmap.c (6.18)
 */
export function exitMmap(edit: MmEdit): void {
  const all = edit.mm.vmas.toArray();
  edit.env.trace?.enter("exit_mmap");
  edit.env.trace?.choose(`the last user has gone: ${all.length} mappings go`);
  if (edit.mm.pages) exitMmapPages(edit.env.memory, edit.mm.pages, all);
  uncharge(edit, accountedPages(all));
  edit.replaceVmas(all, []);
}

/** Takes the pages of all VMAs out, and frees the tables below the top. */
export function exitMmapPages(memory: Memory | undefined, pages: MmPages, vmas: readonly Vma[]): void {
  if (!memory) return;
  memory.gather?.open(pages, true);
  for (const vma of vmas) zapPages(memory, pages, vma, vma.start, vma.end, UNMAPPED);
  pages.table.freeAll(memory.tables);
  memory.gather?.close();
  closeVmas(memory, vmas);
}
