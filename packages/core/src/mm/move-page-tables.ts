import { isPresent } from "../arch/index.ts";
import { assert } from "../base/index.ts";
import type { PageTable, TableFrames } from "../paging/index.ts";
import { HUGE_PAGES, splitHugePmd } from "./huge-pmd.ts";
import type { MmEdit } from "./mm-edit.ts";
import { flushTlbRange } from "./mmu-gather.ts";
import { VM_OPS, type Vma } from "./vma.ts";

/** A move of the entries of [from, end) to `to`, as far as it has come (struct pagetable_move_control). */
interface Move {
  readonly edit: MmEdit;
  readonly table: PageTable;
  readonly frames: TableFrames;
  /** Told of the pages whose entries have moved away. */
  readonly flush: (page: number, extent: number) => void;
  from: number;
  to: number;
  readonly end: number;
}

/**
 * Moves the entries of `count` pages to another place, as mremap does: no page is copied, no counter changes.
 * Where both places allow it whole tables change hands, else the entries do, in tables that are made for them.
 *
 * @param old the mapping at `from`, as it was before the move
 * @kernel move_page_tables, mm/mremap.c (6.18)
 */
export function movePageTables(edit: MmEdit, old: Vma, from: number, to: number, count: number): void {
  const { pages } = edit.mm;
  const { memory } = edit.env;
  if (!pages || !memory || count === 0) return;
  const { table } = pages;
  const flush = (page: number, extent: number): void => {
    if (old.ops !== VM_OPS.hugetlb) flushTlbRange(edit, page, page + extent);
  };
  const move: Move = { edit, table, frames: memory.tables, flush, from, to, end: from + count };
  realign(move, old);
  while (move.from < move.end) {
    const pages = step(move);
    move.from += pages;
    move.to += pages;
  }
  // hugetlb moves without a flush of each entry: move_hugetlb_page_tables.
  if (old.ops === VM_OPS.hugetlb) flushTlbRange(edit, from, from + count, HUGE_PAGES);
}

/** Moves what comes first, and answers how many pages that took care of. */
function step(move: Move): number {
  const { table, frames, flush, from, to } = move;
  const above = table.mode.levels[2]?.name === "pud" ? 2 : 1;
  if (above === 2) {
    const extent = extentAt(move, 2);
    if (isNone(table, 2, from)) return extent;
    table.make(2, to, frames);
    if (extent === table.span(2) && table.moveEntry(2, from, to)) {
      flush(from, extent);
      return extent;
    }
  }
  const extent = extentAt(move, 1);
  if (isNone(table, 1, from)) return extent;
  table.make(1, to, frames);
  if (extent === table.span(1) && table.moveEntry(1, from, to)) {
    flush(from, extent);
    return extent;
  }
  splitAt(move);
  if (isNone(table, 1, from)) return extent;
  moveEntries(move, extent);
  return extent;
}

/** Pages up to the next border of a level's entry on either side: get_extent. */
function extentAt({ table, from, to, end }: Move, level: number): number {
  const span = table.span(level);
  return Math.min(end - from, span - (from % span), span - (to % span));
}

const isNone = (table: PageTable, level: number, page: number): boolean =>
  table.find(level, page)?.isEmpty(table.index(level, page)) ?? true;

/** A huge page that does not move as a whole is split. */
function splitAt({ edit, table, from }: Move): void {
  const { memory } = edit.env;
  const { pages } = edit.mm;
  const above = table.own(1, from);
  if (!memory || !pages || !above) return;
  const i = table.index(1, from);
  if (table.isLarge(above, i)) splitHugePmd(memory, pages, above, i, from - (from % table.span(1)));
}

/** move_ptes: entry by entry, into a table that is made even if nothing is there to move. */
function moveEntries({ table, frames, flush, from, to }: Move, count: number): void {
  const into = table.make(0, to, frames);
  const source = table.own(0, from);
  assert(source, "a table to move from");
  // The two may be one table.
  const target = table.own(0, to) ?? into;
  let present = false;
  for (let n = 0; n < count; n++) {
    const i = table.index(0, from + n);
    if (source.isEmpty(i)) continue;
    if (isPresent(source.words[2 * i] as number)) present = true;
    target.set(table.index(0, to + n), source.words[2 * i] as number, source.words[2 * i + 1] as number);
    source.clear(i);
  }
  if (present) flush(from, count);
}

/**
 * Begins at the border of a lowest table instead, where the way from there holds nothing on either side: then
 * the table can change hands.
 *
 * @kernel can_realign_addr, try_realign_addr, mm/mremap.c (6.18)
 */
function realign(move: Move, old: Vma): void {
  const { edit, table, from, to, end } = move;
  const span = table.span(1);
  const beyond = from % span;
  if (beyond === 0 || beyond !== to % span || end - from < span - beyond) return;
  const copy = edit.lookup(to);
  if (old.start !== from || copy?.start !== to) return;
  const isFree = (start: number): boolean => edit.mm.vmas.collect(start - beyond, start).length === 0;
  if (!isFree(from) || !isFree(to)) return;
  move.from -= beyond;
  move.to -= beyond;
}
