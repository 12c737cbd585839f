import { ok, type Result, refuse, type Word } from "../base/index.ts";
import { madvise } from "./madvise.ts";
import type { MmEdit } from "./mm-edit.ts";
import { MADV } from "./mman.ts";

/** UIO_MAXIOV: so many ranges one call may name. */
const MAX_RANGES = 1024;

/** What may be advised about another process's memory. */
const REMOTE: ReadonlySet<number> = new Set([MADV.COLD, MADV.PAGEOUT, MADV.WILLNEED, MADV.COLLAPSE]);

export interface ProcessMadviseRequest {
  /** Address and length of each. */
  readonly ranges: readonly (readonly [Word, Word])[];
  readonly advice: number;
  readonly flags: Word;
}

/**
 * Gives advice about several ranges of a process, and answers how many bytes it was given about: the ranges
 * before the first that is refused.
 *
 * @param own whether it is the caller's own address space
 * @refuses EINVAL for flags, too many ranges, and advice that is not for other processes; else what madvise
 * refuses for the first range
 * @kernel process_madvise, vector_madvise, mm/madvise.c (6.18)
 */
export function processMadvise(edit: MmEdit, request: ProcessMadviseRequest, own: boolean): Result<number> {
  const { ranges, advice, flags } = request;
  if (flags !== 0) return refuse("EINVAL", "flags are none yet");
  if (ranges.length > MAX_RANGES) return refuse("EINVAL", "more than UIO_MAXIOV ranges");
  if (!REMOTE.has(advice) && (!own || edit.env.traits.processMadvise === "remote only"))
    return refuse("EINVAL", `advice ${advice} is not for other processes`);
  let advised = 0;
  for (const [address, length] of ranges) {
    const given = madvise(edit, address, length, advice);
    if (!given.ok) return advised > 0 ? ok(advised) : given;
    advised += Number(length);
  }
  return ok(advised);
}
