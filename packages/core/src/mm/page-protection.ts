import { type PageProtection, protectionOf } from "../arch/index.ts";
import type { MmEdit } from "./mm-edit.ts";
import { VM } from "./vm-flags.ts";
import { isAccessible, VM_OPS, type Vma } from "./vma.ts";

/**
 * What a fresh entry of a mapping grants. Memory that may be written to is not writable yet where the first
 * write has to fault: it is private, or its file keeps track of dirty pages.
 *
 * @kernel vm_get_page_prot, vma_set_page_prot, mm/vma.c (6.18)
 */
export function vmPageProt(edit: MmEdit, vma: Vma): PageProtection {
  const { flags } = vma;
  const write = (flags & (VM.SHARED | VM.WRITE)) === (VM.SHARED | VM.WRITE) && !wantsWriteNotify(edit, vma);
  return protectionOf(isAccessible(vma), write, (flags & VM.EXEC) !== 0, hasNx(edit));
}

/** Entries of two-level tables have no NX bit. */
const hasNx = (edit: MmEdit): boolean => edit.mm.pages?.table.mode.entryBytes === 8;

/** Whether the first write to a shared page has to be told to its file system: vma_wants_writenotify, mm/vma.c. */
export function wantsWriteNotify(edit: MmEdit, vma: Vma): boolean {
  if ((vma.flags & (VM.SHARED | VM.WRITE)) !== (VM.SHARED | VM.WRITE) || vma.ops !== VM_OPS.file)
    return false;
  return edit.env.file(vma.file).kind === "disk";
}
