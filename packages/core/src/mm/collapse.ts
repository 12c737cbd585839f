import {
  hiOf,
  isDirty,
  isGuard,
  isLarge,
  isPresent,
  isSpecialEntry,
  loOf,
  mkdirty,
  mkwrite,
  PTE,
  pfnOf,
} from "../arch/index.ts";
import { done, type Result, refuse } from "../base/index.ts";
import type { TablePage } from "../paging/index.ts";
import { mapWhole, PG, UNTOLD, unmapPage } from "../phys/index.ts";
import { HUGE_ORDER, HUGE_PAGES } from "./huge-pmd.ts";
import type { Memory } from "./memory.ts";
import type { MmEdit } from "./mm-edit.ts";
import type { MmPages } from "./mm-pages.ts";
import { flushTlbRange } from "./mmu-gather.ts";
import { vmPageProt } from "./page-protection.ts";
import { VM } from "./vm-flags.ts";
import { isAnonymous, isSpecial, type Vma } from "./vma.ts";
import { releasePage } from "./zap.ts";

/**
 * MADV_COLLAPSE: brings the pages of every aligned 2 MiB of a range together in a huge page each. What of them
 * is missing becomes zeros; a block of which nothing but zeros is there is refused, once the others are done.
 *
 * @refuses EINVAL where the mapping can hold no huge page, and for blocks that could not be collapsed; EAGAIN
 * never, because nobody else holds pages here; ENOMEM without a free block
 * @kernel madvise_collapse, hpage_collapse_scan_pmd, collapse_huge_page, mm/khugepaged.c (6.18)
 */
export function collapse(edit: MmEdit, vma: Vma, start: number, end: number): Result<void> {
  if (!mayHold(edit, vma)) return refuse("EINVAL", "not a mapping of huge pages");
  const { pages } = edit.mm;
  const { memory } = edit.env;
  if (!pages || !memory) return done;
  let refused: Result<void> = done;
  const first = Math.ceil(start / HUGE_PAGES) * HUGE_PAGES;
  for (let block = first; block + HUGE_PAGES <= end; block += HUGE_PAGES) {
    const collapsed = collapseBlock(edit, memory, pages, vma, block);
    if (!collapsed.ok) refused = collapsed;
  }
  return refused;
}

/** thp_vma_allowable_order with TVA_FORCED_COLLAPSE: whatever the machine's setting, and the mapping large enough. */
function mayHold(edit: MmEdit, vma: Vma): boolean {
  if (!isAnonymous(vma) || isSpecial(vma) || edit.mm.thpDisabled === "completely") return false;
  if ((vma.flags & (VM.NOHUGEPAGE | VM.GROWSDOWN)) !== 0) return false;
  const first = Math.ceil(vma.start / HUGE_PAGES) * HUGE_PAGES;
  return first + HUGE_PAGES <= vma.end;
}

const nothingThere = refuse("EINVAL", "nothing to collapse");

function collapseBlock(edit: MmEdit, memory: Memory, pages: MmPages, vma: Vma, block: number): Result<void> {
  const above = pages.table.own(1, block);
  const i = pages.table.index(1, block);
  if (!above || above.isEmpty(i)) return nothingThere;
  if (isLarge(above.words[2 * i] as number)) return done;
  const table = pages.table.own(0, block);
  if (!table || vma.anonVma === 0 || !isCollapsible(table)) return nothingThere;
  for (let n = 0; n < HUGE_PAGES; n++) {
    const swapped = !table.isEmpty(n) && !isPresent(table.words[2 * n] as number);
    if (swapped && memory.faults.faultIn(edit, vma, block + n, block + n + 1, false) === "oom")
      return refuse("ENOMEM", "no free page");
  }
  const head = memory.phys.alloc(HUGE_ORDER, "user", PG.ANON | PG.EXCLUSIVE | PG.UPTODATE | PG.SWAPBACKED);
  if (head === undefined) return refuse("ENOMEM", "no free block of 2 MiB");
  memory.phys.makeCompound(head, HUGE_ORDER);
  memory.phys.assign(head, vma.anonVma, vma.pgoff + (block - vma.start));
  for (let n = 0; n < HUGE_PAGES; n++) movePage(memory, pages, table, n, head + n);
  flushTlbRange(edit, block, block + HUGE_PAGES);
  pages.table.freeLeaf(block, memory.tables);
  pages.table.deposit(above, i, memory.tables);
  mapHuge(edit, pages, vma, above, i, head);
  mapWhole(memory.phys, head, pages.id);
  return done;
}

/** Whether there is a page to collapse, and none that cannot be: guard regions, and pages of a file. */
function isCollapsible({ words }: TablePage): boolean {
  let some = false;
  for (let n = 0; n < HUGE_PAGES; n++) {
    const [lo, hi] = [words[2 * n] as number, words[2 * n + 1] as number];
    if (isGuard(lo, hi)) return false;
    if ((lo !== 0 || hi !== 0) && !isSpecialEntry(lo)) some = true;
  }
  return some;
}

/** One page's contents go into the huge page, and its frame loses this mapping. */
function movePage(memory: Memory, pages: MmPages, table: TablePage, n: number, to: number): void {
  const { phys } = memory;
  const [lo, hi] = [table.words[2 * n] as number, table.words[2 * n + 1] as number];
  table.clear(n);
  if (!isPresent(lo) || isSpecialEntry(lo)) {
    pages.rssAnon++;
    return;
  }
  const pfn = pfnOf(lo, hi);
  phys.setContent(to, phys.content(pfn) ?? (isDirty(lo, hi) ? UNTOLD : undefined));
  unmapPage(phys, pfn, pages.id);
  releasePage(memory, pfn);
}

function mapHuge(edit: MmEdit, pages: MmPages, vma: Vma, above: TablePage, i: number, head: number): void {
  const prot = vmPageProt(edit, vma);
  const bits = prot.lo | PTE.PSE;
  above.set(i, loOf(head, bits), hiOf(head, bits, prot.hi));
  mkdirty(above.words, 2 * i, pages.table.mode.savedDirty);
  if ((vma.flags & VM.WRITE) !== 0) mkwrite(above.words, 2 * i);
}
