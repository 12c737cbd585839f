import { isSpecialEntry, mkdirty, mkwrite, mkyoung } from "../arch/index.ts";
import { type FaultEnd, flushTlbPage, releasePage, VM } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { PG, unmapPage } from "../phys/index.ts";
import { allocAnon, mapAnon, prepareAnon } from "./anonymous.ts";
import { entryPfn, type Fault, pteIndex } from "./fault.ts";
import { mayReuseAnon } from "./reuse-anon.ts";

/**
 * A write to a page that is mapped without write access: the page is made writable where nobody else can see
 * it, or it is shared on purpose; else a copy takes its place.
 *
 * @kernel do_wp_page, mm/memory.c (6.18)
 */
export function doWpPage(fault: Fault, table: TablePage): FaultEnd {
  const { memory, vma, page } = fault;
  const { trace } = fault.edit.env;
  trace?.enter("do_wp_page");
  const i = pteIndex(fault, page);
  const special = isSpecialEntry(table.words[2 * i] as number);
  if ((vma.flags & (VM.SHARED | VM.MAYSHARE)) !== 0) {
    trace?.choose("shared on purpose: made writable");
    makeWritable(fault, table, i);
    if (!special) memory.phys.flag(memory.phys.head(entryPfn(table, i)), PG.DIRTY);
    return "done";
  }
  const pfn = entryPfn(table, i);
  if (!special && memory.phys.has(pfn, PG.ANON) && mayReuseAnon(fault, pfn)) {
    trace?.choose("nobody else has the page: it is made writable");
    memory.phys.flag(pfn, PG.EXCLUSIVE);
    makeWritable(fault, table, i);
    return "done";
  }
  return copyPage(fault, table, i, special ? undefined : pfn);
}

/** wp_page_reuse. */
function makeWritable({ pages, vma }: Fault, { words }: TablePage, i: number): void {
  mkyoung(words, 2 * i);
  if ((vma.flags & VM.WRITE) !== 0) mkwrite(words, 2 * i);
  mkdirty(words, 2 * i, pages.table.mode.savedDirty);
}

/** wp_page_copy: `old` is undefined where the page of zeros was mapped. */
function copyPage(fault: Fault, table: TablePage, i: number, old: number | undefined): FaultEnd {
  const { memory, pages } = fault;
  const { phys } = memory;
  fault.edit.env.trace?.enter("wp_page_copy");
  fault.edit.env.trace?.choose(
    old === undefined
      ? "the page of zeros gives way to a page of its own"
      : `the page is copied: ${entriesText(phys.mapcount(old))} frame ${old}`,
  );
  prepareAnon(fault);
  const pfn = allocAnon(fault);
  if (pfn === undefined) return "oom";
  if (old === undefined) pages.rssAnon++;
  else {
    phys.setContent(pfn, phys.content(old));
    if (!phys.has(old, PG.ANON)) {
      pages[phys.has(old, PG.SHMEM) ? "rssShmem" : "rssFile"]--;
      pages.rssAnon++;
    }
    unmapPage(phys, old, pages.id);
  }
  mapAnon(fault, table, i, pfn);
  flushTlbPage(fault.edit, fault.page);
  if (old !== undefined) releasePage(memory, old);
  return "done";
}

const entriesText = (count: number): string => (count === 1 ? "1 entry maps" : `${count} entries map`);
