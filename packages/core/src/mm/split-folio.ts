import { hiOf, isPresent, isSpecialEntry, loOf, PTE, pfnOf } from "../arch/index.ts";
import type { TablePage } from "../paging/index.ts";
import { unmapPage, ZERO_PFN } from "../phys/index.ts";
import { HUGE_PAGES } from "./huge-pmd.ts";
import type { Memory } from "./memory.ts";
import type { MmEdit } from "./mm-edit.ts";
import type { MmPages } from "./mm-pages.ts";
import { vmPageProt } from "./page-protection.ts";
import { isLocked, type Vma } from "./vma.ts";

/**
 * Makes small pages of a huge one that this address space alone maps, page by page. Pages of it that hold nothing
 * but zeros give way to the page of zeros, but for locked ones.
 *
 * @kernel __folio_split, mm/huge_memory.c; try_to_map_unused_to_zeropage, mm/migrate.c (6.18)
 */
export function splitFolio(edit: MmEdit, memory: Memory, pages: MmPages, head: number): void {
  const { phys } = memory;
  if (edit.env.traits.splitFindsZeros) {
    const first = phys.index(head);
    for (const vma of edit.mm.vmas.items()) {
      const start = Math.max(vma.start, vma.start + first - vma.pgoff);
      const end = Math.min(vma.end, vma.start + first + HUGE_PAGES - vma.pgoff);
      if (vma.anonVma === 0 || isLocked(vma) || start >= end) continue;
      pages.table.visitOwned(start, end, {
        leaf(table, from, to, page) {
          for (let i = from; i < to; i++)
            if (giveWay(edit, memory, pages, vma, table, i, head))
              memory.gather?.flushes.unmapped(pages, page + (i - from));
        },
      });
    }
  }
  memory.gather?.flushes.batch();
  phys.splitCompound(head);
}

/** Puts the page of zeros in the place of a page of the huge one, where that holds nothing else; whether it did. */
function giveWay(
  edit: MmEdit,
  { phys }: Memory,
  pages: MmPages,
  vma: Vma,
  table: TablePage,
  i: number,
  head: number,
): boolean {
  const lo = table.words[2 * i] as number;
  if (!isPresent(lo) || isSpecialEntry(lo)) return false;
  const pfn = pfnOf(lo, table.words[2 * i + 1] as number);
  if (phys.head(pfn) !== head || !phys.isZero(pfn)) return false;
  const prot = vmPageProt(edit, vma);
  const bits = prot.lo | PTE.SPECIAL;
  table.set(i, loOf(ZERO_PFN, bits), hiOf(ZERO_PFN, bits, prot.hi));
  unmapPage(phys, pfn, pages.id);
  phys.put(pfn);
  pages.rssAnon--;
  return true;
}
