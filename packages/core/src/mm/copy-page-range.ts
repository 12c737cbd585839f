import {
  isGuard,
  isLarge,
  isPresent,
  isSpecialEntry,
  isWritable,
  mkclean,
  mkold,
  pfnOf,
  SWAP_EXCLUSIVE,
  swapOffset,
  wrprotect,
} from "../arch/index.ts";
import type { TablePage } from "../paging/index.ts";
import { FRAME, mapPage, mapWhole, PG } from "../phys/index.ts";
import { HUGE_PAGES } from "./huge-pmd.ts";
import type { Memory } from "./memory.ts";
import type { MmEdit } from "./mm-edit.ts";
import type { MmPages } from "./mm-pages.ts";
import { VM } from "./vm-flags.ts";
import type { Vma } from "./vma.ts";

/** Parent and child while fork copies the pages of one mapping. */
interface Copying {
  readonly memory: Memory;
  readonly parent: MmPages;
  readonly child: MmPages;
  /** Private memory: neither side may write before it has a page of its own. */
  readonly cow: boolean;
  readonly shared: boolean;
  readonly savedDirty: boolean;
}

/**
 * Whether fork copies the entries of a mapping: what the child could not bring in again by faults.
 *
 * @kernel vma_needs_copy, mm/memory.c (6.18)
 */
export const needsCopy = (vma: Vma): boolean =>
  vma.anonVma !== 0 || (vma.flags & (VM.PFNMAP | VM.MIXEDMAP | VM.UFFD_WP | VM.MAYBE_GUARD)) !== 0;

/**
 * Copies the entries of one mapping into a child: pages are shared, and private ones write-protected on both
 * sides. The child gets every table that the parent has there, whatever is in it.
 *
 * @kernel copy_page_range, copy_present_ptes, copy_nonpresent_pte, mm/memory.c; copy_huge_pmd,
 * mm/huge_memory.c (6.18)
 */
export function copyPageRange(parent: MmEdit, child: MmPages, vma: Vma): void {
  const { pages } = parent.mm;
  const { memory } = parent.env;
  if (!pages || !memory) return;
  const { flags } = vma;
  const copying: Copying = {
    memory,
    parent: pages,
    child,
    cow: (flags & (VM.SHARED | VM.MAYWRITE)) === VM.MAYWRITE,
    shared: (flags & VM.SHARED) !== 0,
    savedDirty: pages.table.mode.savedDirty,
  };
  pages.table.visitOwned(vma.start, vma.end, {
    table({ level }, page) {
      child.table.make(level, page, memory.tables);
    },
    leaf(table, from, to, page) {
      const into = child.table.make(0, page, memory.tables);
      for (let i = from; i < to; i++) if (!table.isEmpty(i)) copyEntry(copying, table, into, i);
    },
    large(table, i, page) {
      copyLarge(copying, table, child.table.make(table.level, page, memory.tables), i);
    },
  });
}

function copyEntry(copying: Copying, from: TablePage, to: TablePage, i: number): void {
  const { memory, child, cow, shared, savedDirty } = copying;
  const { words } = from;
  const [lo, hi] = [words[2 * i] as number, words[2 * i + 1] as number];
  if (!isPresent(lo)) {
    if (!isGuard(lo, hi)) {
      memory.swap.duplicate(swapOffset(lo, hi));
      words[2 * i] = lo & ~SWAP_EXCLUSIVE;
      child.swapEnts++;
    }
    to.set(i, words[2 * i] as number, hi);
    return;
  }
  if (!isSpecialEntry(lo)) share(memory, child, pfnOf(lo, hi));
  if (cow && isWritable(lo)) wrprotect(words, 2 * i, savedDirty);
  to.set(i, words[2 * i] as number, words[2 * i + 1] as number);
  if (shared) mkclean(to.words, 2 * i);
  mkold(to.words, 2 * i);
}

/** One more address space maps the page: folio_try_dup_anon_rmap_pte, folio_dup_file_rmap_pte. */
function share({ phys }: Memory, child: MmPages, pfn: number): void {
  mapPage(phys, pfn, child.id);
  phys.hold(pfn);
  if (phys.has(pfn, PG.ANON)) {
    if (phys.has(pfn, PG.EXCLUSIVE)) phys.flag(pfn, 0, PG.EXCLUSIVE);
    child.rssAnon++;
  } else child[phys.has(pfn, PG.SHMEM) ? "rssShmem" : "rssFile"]++;
}

function copyLarge(copying: Copying, from: TablePage, to: TablePage, i: number): void {
  const { memory, child, cow, savedDirty } = copying;
  const { phys } = memory;
  const { words } = from;
  const [lo, hi] = [words[2 * i] as number, words[2 * i + 1] as number];
  if (!isLarge(lo)) return;
  if (!isSpecialEntry(lo)) {
    const head = pfnOf(lo, hi);
    mapWhole(phys, head, child.id);
    phys.add(head, FRAME.REFCOUNT, 1);
    phys.flag(head, 0, PG.EXCLUSIVE);
    if (phys.has(head, PG.HUGETLB)) child.hugetlb += HUGE_PAGES;
    else child.rssAnon += HUGE_PAGES;
    if (cow) wrprotect(words, 2 * i, savedDirty);
  }
  to.set(i, words[2 * i] as number, words[2 * i + 1] as number);
  mkold(to.words, 2 * i);
  if (from.tables[i]) child.table.deposit(to, i, memory.tables);
}
