import { isLarge, isPresent, pfnOf } from "../arch/index.ts";
import type { MmId, Pid } from "../base/index.ts";
import type { KernelState } from "../kernel/index.ts";
import type { TablePage } from "../paging/index.ts";

/** One entry of page tables that maps a frame. */
export interface Mapper {
  readonly mm: MmId;
  /** Processes that use the address space. */
  readonly pids: readonly Pid[];
  /** The page at which the frame appears. */
  readonly page: number;
  /** Pages that the entry maps: more than one above the lowest level. */
  readonly span: number;
}

/** A table of an address space. */
export interface TablePlace {
  readonly mm: MmId;
  readonly pids: readonly Pid[];
  readonly level: string;
  /** Pages that its entries are about. */
  readonly start: number;
  readonly end: number;
  /** It waits for the entry of a huge page to be split, and is read by nobody. */
  readonly deposited: boolean;
}

/** The processes of an address space: their thread groups, in ascending order. */
export function processesOf(state: KernelState, mm: MmId): readonly Pid[] {
  const pids = new Set<Pid>();
  for (const task of state.tasks.values()) if (task.mm === mm) pids.add(task.tgid);
  return [...pids].sort((a, b) => a - b);
}

/**
 * Every entry that maps a frame, found by walking all page tables: address spaces in the order of their ids,
 * pages in ascending order. Entries of the page of zeros are among them, although the frame does not count them.
 */
export function mappersOf(state: KernelState, pfn: number): readonly Mapper[] {
  const found: Mapper[] = [];
  for (const { id, pages } of state.mms.values()) {
    if (!pages) continue;
    const at: { page: number; span: number }[] = [];
    const look = (table: TablePage, i: number, page: number, span: number): void => {
      const [lo, hi] = [table.words[2 * i] as number, table.words[2 * i + 1] as number];
      if (!isPresent(lo)) return;
      const first = pfnOf(lo, hi);
      if (pfn >= first && pfn < first + span) at.push({ page: page + (pfn - first), span });
    };
    pages.table.visit(0, Number.MAX_SAFE_INTEGER, {
      leaf(table, from, to, page) {
        for (let i = from; i < to; i++) look(table, i, page + (i - from), 1);
      },
      large(table, i, page) {
        look(table, i, page, pages.table.span(table.level));
      },
    });
    if (at.length === 0) continue;
    const pids = processesOf(state, id);
    for (const entry of at) found.push({ mm: id, pids, ...entry });
  }
  return found;
}

/** Whose page table stands in a frame; undefined for a frame that holds none. */
export function tableIn(state: KernelState, pfn: number): TablePlace | undefined {
  for (const { id, pages } of state.mms.values()) {
    if (!pages) continue;
    const { table } = pages;
    const search = (at: TablePage, start: number, deposited: boolean): TablePlace | undefined => {
      const span = table.span(at.level);
      if (at.pfn === pfn) {
        const level = table.mode.levels[at.level]?.name ?? "";
        const end = start + (span * at.words.length) / 2;
        return { mm: id, pids: processesOf(state, id), level, start, end, deposited };
      }
      for (const [i, below] of at.tables.entries()) {
        const found = below && search(below, start + i * span, isLarge(at.words[2 * i] as number));
        if (found) return found;
      }
      return undefined;
    };
    const found = search(table.root, 0, false);
    if (found) return found;
  }
  return undefined;
}
