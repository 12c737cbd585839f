import { isGuard, mkdirty, mkwrite, SWAP_EXCLUSIVE, swapOffset } from "../arch/index.ts";
import { type FaultEnd, freeSwap, VM, vmPageProt } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { FRAME, mapPage, PG } from "../phys/index.ts";
import { type Fault, pageIndex, pteIndex, setEntry } from "./fault.ts";

/**
 * A fault on an entry that is not present but not empty: a guard region ends it, a page in swap comes back.
 *
 * @kernel do_swap_page, mm/memory.c (6.18)
 */
export function doSwapPage(fault: Fault, table: TablePage): FaultEnd {
  const i = pteIndex(fault, fault.page);
  const [lo, hi] = [table.words[2 * i] as number, table.words[2 * i + 1] as number];
  return isGuard(lo, hi) ? "sigsegv" : swapIn(fault, table, i, lo, hi);
}

function swapIn(fault: Fault, table: TablePage, i: number, lo: number, hi: number): FaultEnd {
  const { edit, memory, pages, vma, write } = fault;
  const { phys, swap } = memory;
  const slot = swapOffset(lo, hi);
  const cached = swap.cached(slot);
  const pfn = cached ?? phys.alloc(0, "user", PG.ANON | PG.UPTODATE | PG.SWAPBACKED);
  if (pfn === undefined) return "oom";
  if (cached === undefined) {
    phys.assign(pfn, vma.anonVma, pageIndex(fault));
    phys.setContent(pfn, swap.content(slot));
  } else phys.add(pfn, FRAME.REFCOUNT, 1);
  const exclusive = (lo & SWAP_EXCLUSIVE) !== 0 || (cached === undefined && swap.count(slot) === 1);
  setEntry(table, i, pfn, vmPageProt(edit, vma));
  if (exclusive) {
    phys.flag(pfn, PG.EXCLUSIVE);
    if ((vma.flags & VM.WRITE) !== 0) mkwrite(table.words, 2 * i);
    if (write) mkdirty(table.words, 2 * i, pages.table.mode.savedDirty);
  }
  mapPage(phys, pfn, pages.id);
  pages.swapEnts--;
  pages.rssAnon++;
  keepForOthers(fault, slot, pfn, cached);
  return cached === undefined ? "major" : "done";
}

/** The slot goes with its last entry; while other entries name it, the page stays in the swap cache. */
function keepForOthers({ memory }: Fault, slot: number, pfn: number, cached: number | undefined): void {
  const { phys, swap } = memory;
  if (cached === undefined && swap.count(slot) > 1) {
    swap.setCached(slot, pfn);
    phys.set(pfn, FRAME.ENTIRE, slot + 1);
    phys.flag(pfn, PG.SWAPCACHE);
    phys.add(pfn, FRAME.REFCOUNT, 1);
  }
  freeSwap(memory, slot);
}
