import { isGuard, MARKER_GUARD, SWAP_TYPE, swapHi, swapLo } from "../arch/index.ts";
import type { MmEdit } from "./mm-edit.ts";
import type { Vma } from "./vma.ts";
import { zapRange } from "./zap.ts";

const GUARD_LO = swapLo(MARKER_GUARD);
const GUARD_HI = swapHi(SWAP_TYPE.MARKER, MARKER_GUARD);

/** What making room for markers takes out: every page, but not the markers that are there. */
const FOR_GUARDS = { keepGuards: true, keepCopies: false, freeTables: false } as const;

/**
 * Puts a marker into every entry of [start, end): any access there ends in SIGSEGV. Pages that were there go.
 *
 * @kernel madvise_guard_install, mm/madvise.c (6.18)
 */
export function installGuardMarkers(edit: MmEdit, vma: Vma, start: number, end: number): void {
  const { pages } = edit.mm;
  const { memory } = edit.env;
  if (!pages || !memory) return;
  const { table } = pages;
  zapRange(edit, vma, start, end, FOR_GUARDS);
  for (let page = start; page < end; page++)
    table.make(0, page, memory.tables).set(table.index(0, page), GUARD_LO, GUARD_HI);
}

/** Takes the markers of [start, end) away again: madvise_guard_remove, mm/madvise.c (6.18). */
export function removeGuardMarkers(edit: MmEdit, start: number, end: number): void {
  edit.mm.pages?.table.visitOwned(start, end, {
    leaf(table, from, to) {
      for (let i = from; i < to; i++)
        if (isGuard(table.words[2 * i] as number, table.words[2 * i + 1] as number)) table.clear(i);
    },
  });
}
