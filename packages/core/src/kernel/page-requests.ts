import type { FileId } from "../base/index.ts";
import { access, type Mmu, noteWritten, writeBytes } from "../fault/index.ts";
import {
  cachePage,
  type MmEdit,
  mappingOf,
  type OpenFile,
  pageOfWord,
  touch,
  truncatePages,
} from "../mm/index.ts";
import { markAccessed, PG } from "../phys/index.ts";
import type { Outcome, Request } from "./request.ts";
import type { Transaction } from "./transaction.ts";

type Of<C extends Request["call"]> = Request & { readonly call: C };

/**
 * A program touches memory. Where pages are modelled the model says how that ends; else an access of a known
 * kind has the effects on mappings that a fault has, and one that is only supposed makes the stack grow.
 */
export function accessMemory(edit: MmEdit, r: Of<"access">, recorded: Outcome, mmu?: Mmu): Outcome {
  if (r.kind === undefined || !edit.env.memory) {
    touch(edit, pageOfWord(r.addr), r.kind === "write");
    return recorded;
  }
  const length = r.value === undefined ? (r.length ?? 1) : r.value.length / 2;
  const stopped = access(edit, r.addr, length, r.kind, mmu);
  if (stopped) return "oom" in stopped ? { gone: "SIGKILL" } : stopped;
  const { pages } = edit.mm;
  const { phys } = edit.env.memory;
  if (!pages || r.kind !== "write") return { ret: 0 };
  if (r.value === undefined) noteWritten(phys, pages, Number(r.addr), length);
  else writeBytes(phys, pages, Number(r.addr), r.value);
  return { ret: 0 };
}

/** Introduces an open file, or says again what is known of it: one that has become shorter loses its pages. */
export function defineFile(tx: Transaction, file: OpenFile): void {
  const { memory } = tx;
  const before = tx.peekFile(file.id)?.size;
  tx.defineFile(file);
  if (!memory || before === undefined || file.size === undefined || file.size >= before) return;
  truncatePages(memory, mappingOf(file), file.size);
}

/**
 * Pages of a file are in the page cache: it was written, or read, by other means than a mapping. A write to
 * memory-backed files counts as a use of the page.
 *
 * @kernel shmem_get_folio_gfp, mm/shmem.c (6.18)
 */
export function cachePages(tx: Transaction, r: Of<"cached">): void {
  const file = tx.peekFile(r.file as FileId);
  const { memory } = tx;
  if (!memory || !file) return;
  const shmem = file.kind === "shmem" || file.kind === "shm" ? PG.SHMEM | PG.SWAPBACKED : 0;
  for (let index = r.start; index < r.end; index++) {
    const pfn = cachePage(memory, mappingOf(file), index, shmem);
    if (pfn === undefined) return;
    if (!r.dirty) continue;
    memory.phys.flag(pfn, PG.DIRTY);
    if (shmem !== 0) markAccessed(memory.phys, pfn);
  }
}
