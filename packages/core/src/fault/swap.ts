import { isGuard, mkdirty, mkwrite, SWAP_EXCLUSIVE, swapOffset } from "../arch/index.ts";
import { type FaultEnd, freeSwapOf, isLocked, readSwapCache, VM, vmPageProt } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { FRAME, mapPage, PG } from "../phys/index.ts";
import { type Fault, pageIndex, pteIndex, setEntry } from "./fault.ts";
import { doWpPage } from "./wp.ts";

/**
 * A fault on an entry that is not present but not empty: a guard region ends it, a page in swap comes back.
 *
 * @kernel do_swap_page, mm/memory.c (6.18)
 */
export function doSwapPage(fault: Fault, table: TablePage): FaultEnd {
  const { trace } = fault.edit.env;
  trace?.enter("do_swap_page");
  const i = pteIndex(fault, fault.page);
  const [lo, hi] = [table.words[2 * i] as number, table.words[2 * i + 1] as number];
  if (!isGuard(lo, hi)) return swapIn(fault, table, i, lo, hi);
  trace?.choose("the page is part of a guard region");
  return "sigsegv";
}

function swapIn(fault: Fault, table: TablePage, i: number, lo: number, hi: number): FaultEnd {
  const { edit, memory, pages, vma, write } = fault;
  const { phys, swap } = memory;
  const slot = swapOffset(lo, hi);
  edit.env.trace?.choose(`the page is in swap, slot ${slot}`);
  const wasCached = swap.cached(slot) !== undefined;
  const alone = !wasCached && swap.count(slot) === 1;
  const pfn = alone
    ? readAlone(fault, slot)
    : readSwapCache(memory, slot, "anon", vma.anonVma, pageIndex(fault));
  if (pfn === undefined) return "oom";
  if (!alone) phys.add(pfn, FRAME.REFCOUNT, 1);
  swap.release(slot);
  pages.swapEnts--;
  pages.rssAnon++;
  if (wantsAlone(fault, pfn)) freeSwapOf(memory, pfn);
  const exclusive = (lo & SWAP_EXCLUSIVE) !== 0 || phys.get(pfn, FRAME.REFCOUNT) === 1;
  setEntry(table, i, pfn, vmPageProt(edit, vma));
  mapPage(phys, pfn, pages.id);
  if (exclusive) {
    phys.flag(pfn, PG.EXCLUSIVE);
    if ((vma.flags & VM.WRITE) !== 0) mkwrite(table.words, 2 * i);
    if (write) mkdirty(table.words, 2 * i, pages.table.mode.savedDirty);
  } else if (write && doWpPage(fault, table) === "oom") return "oom";
  return wasCached ? "done" : "major";
}

/** A page that one entry alone names is read without the swap cache, where the device answers at once. */
function readAlone(fault: Fault, slot: number): number | undefined {
  const { memory, vma } = fault;
  const { phys, swap } = memory;
  const pfn = phys.alloc(0, "user", PG.ANON | PG.UPTODATE | PG.SWAPBACKED);
  if (pfn === undefined) return undefined;
  phys.assign(pfn, vma.anonVma, pageIndex(fault));
  phys.setContent(pfn, swap.content(slot));
  return pfn;
}

/**
 * Whether the page should leave the swap cache: it will not go back soon, or a write could have it for itself.
 *
 * @kernel should_try_to_free_swap, mm/memory.c (6.18)
 */
const wantsAlone = ({ memory: { phys }, vma, write }: Fault, pfn: number): boolean =>
  isLocked(vma) || (write && phys.get(pfn, FRAME.REFCOUNT) === 2);
