import { uncharge } from "./limits.ts";
import type { MmEdit } from "./mm-edit.ts";
import { accountedPages } from "./munmap.ts";

/**
 * Takes every mapping down when the last user has gone.
 *
 * @kernel exit_mmap, mm/mmap.c (6.18)
 */
export function exitMmap(edit: MmEdit): void {
  const all = edit.mm.vmas.toArray();
  uncharge(edit, accountedPages(all));
  edit.replaceVmas(all, []);
}
