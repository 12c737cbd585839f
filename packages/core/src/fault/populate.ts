import { isDirty, isPresent, isWritable } from "../arch/index.ts";
import { done, type Result, refuse } from "../base/index.ts";
import {
  type FaultEnd,
  type Faults,
  isAccessible,
  isLocked,
  type MmEdit,
  markUsed,
  VM,
  type Vma,
} from "../mm/index.ts";
import { PG } from "../phys/index.ts";
import { entryPfn, type FaultAsker, faultAt } from "./fault.ts";
import { handleMmFault, isError } from "./handle-mm-fault.ts";

/** What of the range no populate touches. */
const isPassedOver = (vma: Vma): boolean => (vma.flags & (VM.IO | VM.PFNMAP | VM.LOCKONFAULT)) !== 0;

/** Faults as the operations on address ranges use them. */
export const FAULTS: Faults = { populate, faultIn };

/**
 * Brings the pages of [start, end) in: private writable memory is written to, the rest is read.
 *
 * @refuses ENOMEM at the first page that cannot be had; with "ignore" that VMA's other pages are left out
 * @kernel __mm_populate, populate_vma_page_range, mm/gup.c (6.18)
 */
function populate(edit: MmEdit, start: number, end: number, onError: "stop" | "ignore"): Result<void> {
  for (const vma of edit.mm.vmas.collect(start, end)) {
    const now = edit.lookup(Math.max(vma.start, start));
    if (!now || isPassedOver(now)) continue;
    const from = Math.max(now.start, start);
    const to = Math.min(now.end, end);
    const write = (now.flags & (VM.WRITE | VM.SHARED)) === VM.WRITE;
    const ended = isAccessible(now) ? bringIn(edit, now, from, to, write, "populate") : "sigsegv";
    if (isError(ended) && onError === "stop")
      return refuse(ended === "oom" ? "EAGAIN" : "ENOMEM", `a page cannot be had: ${ended}`);
  }
  return done;
}

/** The same for a part of one VMA, with nothing passed over: faultin_page_range, mm/gup.c. */
function faultIn(edit: MmEdit, vma: Vma, start: number, end: number, write: boolean): FaultEnd {
  return bringIn(edit, vma, start, end, write, "advice");
}

/** Brings the pages of a part of one VMA in, up to the first that cannot be had: __get_user_pages. */
function bringIn(
  edit: MmEdit,
  vma: Vma,
  start: number,
  end: number,
  write: boolean,
  asker: FaultAsker,
): FaultEnd {
  // What comes in now is locked only when a batch of such pages is complete: mlock_new_folio.
  const fresh = new Set<number>();
  if (isLocked(vma))
    for (let page = start; page < end; page++) if (!isMapped(edit, page, false)) fresh.add(page);
  for (let page = start; page < end; page++) {
    if (!isMapped(edit, page, write)) {
      const now = edit.lookup(page) ?? vma;
      const ended = handleMmFault(edit, now, page, write, asker);
      if (isError(ended)) return ended;
    }
    touch(edit, vma, page, write, fresh.has(page) ? 1 : 0);
  }
  return "done";
}

/** Whether an entry serves already: follow_page_mask. */
function isMapped(edit: MmEdit, page: number, write: boolean): boolean {
  const last = edit.mm.pages?.table.walk(page).at(-1);
  const lo = last ? (last.table.words[2 * last.index] as number) : 0;
  return isPresent(lo) && (!write || isWritable(lo));
}

/**
 * FOLL_TOUCH: the page counts as used, and as written to.
 *
 * @param besides see markUsed
 */
function touch(edit: MmEdit, vma: Vma, page: number, write: boolean, besides: number): void {
  const { memory, pages } = faultAt(edit, vma, page, write);
  const table = pages.table.find(0, page);
  if (!table) return;
  const i = pages.table.index(0, page);
  const pfn = entryPfn(table, i);
  if (memory.phys.has(pfn, PG.RESERVED)) return;
  const head = memory.phys.head(pfn);
  const [lo, hi] = [table.words[2 * i] as number, table.words[2 * i + 1] as number];
  if (write && !isDirty(lo, hi)) memory.phys.flag(head, PG.DIRTY);
  markUsed(memory, pfn, besides);
}
