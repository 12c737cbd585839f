import { pageOf, type Result, refuse, type Word } from "../base/index.ts";
import type { MmEdit } from "./mm-edit.ts";
import type { Vma } from "./vma.ts";

/**
 * Visits every VMA part in [start, end) in order. Holes are passed over and reported at the end.
 *
 * @refuses what `visit` refuses, at once; ENOMEM at the end when there was a hole
 * @kernel madvise_walk_vmas, mm/madvise.c (6.18)
 */
export function walkVmas(
  edit: MmEdit,
  start: number,
  end: number,
  visit: (vma: Vma, from: number, to: number) => Result<unknown>,
): Result<void> {
  let hole = false;
  for (let at = start; at < end; ) {
    const vma = edit.findVma(at);
    if (!vma || vma.start >= end) {
      hole = true;
      break;
    }
    if (vma.start > at) hole = true;
    const to = Math.min(vma.end, end);
    const visited = visit(vma, Math.max(vma.start, at), to);
    if (!visited.ok) return visited;
    at = to;
  }
  return hole ? refuse("ENOMEM", "the range has a hole") : { ok: true, value: undefined };
}

/** The page of an address that may lie anywhere in 64 bits: beyond user space there is no VMA anyway. */
export const pageOfWord = (address: Word): number =>
  typeof address === "number" ? pageOf(address) : Number(address / 4096n);
