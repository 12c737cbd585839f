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

/** MAX_RW_COUNT: so many bytes one call may be about; the rest is cut off. */
const MAX_BYTES = 2 ** 31 - 4096;

/**
 * What is wrong with a call before its process is looked up; else its ranges, cut off at the most that one
 * call does.
 *
 * @param taskSize end of what any program of the kernel may point to
 * @param bits of the words that the caller's program has
 * @refuses EINVAL for flags, too many ranges, and a length of half of all memory; EFAULT outside user space
 * @kernel process_madvise, mm/madvise.c; import_iovec, lib/iov_iter.c (6.18)
 */
export function importRanges(
  { ranges, flags }: ProcessMadviseRequest,
  taskSize: number,
  bits: 32 | 64,
): Result<readonly (readonly [Word, number])[]> {
  if (flags !== 0) return refuse("EINVAL", "flags are none yet");
  if (ranges.length > MAX_RANGES) return refuse("EINVAL", "more than UIO_MAXIOV ranges");
  if (ranges.some(([, length]) => BigInt(length) >> BigInt(bits - 1) !== 0n))
    return refuse("EINVAL", "a negative length");
  let left = MAX_BYTES;
  const kept: (readonly [Word, number])[] = [];
  for (const [address, length] of ranges) {
    // One range alone is cut off before it is looked at.
    const seen = ranges.length === 1 ? Math.min(Number(length), MAX_BYTES) : length;
    if (BigInt(address) + BigInt(seen) > taskSize) return refuse("EFAULT", "a range leaves user space");
    const bytes = Math.min(Number(length), left);
    left -= bytes;
    kept.push([address, bytes]);
  }
  return ok(kept);
}

/**
 * Gives advice about several ranges of a process, and answers how many bytes it was given about: the ranges
 * before the first that is refused.
 *
 * @param ranges as `importRanges` leaves them
 * @param own whether it is the caller's own address space
 * @refuses EINVAL for advice that is not for other processes; else what madvise refuses for the first range
 * @kernel process_madvise, vector_madvise, mm/madvise.c (6.18)
 */
export function processMadvise(
  edit: MmEdit,
  { ranges, advice }: Pick<ProcessMadviseRequest, "ranges" | "advice">,
  own: boolean,
): Result<number> {
  if (!REMOTE.has(advice) && (!own || edit.env.traits.processMadvise === "remote only"))
    return refuse("EINVAL", `advice ${advice} is not for other processes`);
  if (ranges.every(([, length]) => length === 0)) return ok(0);
  let advised = 0;
  for (const [i, [address, length]] of ranges.entries()) {
    // Only the first is looked at without a length: going on to the next range passes over all of none.
    if (length === 0 && i > 0) continue;
    const given = madvise(edit, address, length, advice);
    if (!given.ok) return advised > 0 ? ok(advised) : given;
    advised += Number(length);
  }
  return ok(advised);
}
