import { PMD_PAGES } from "../arch/index.ts";
import {
  addressOf,
  done,
  isAligned,
  PAGE_SIZE,
  pageOf,
  type Result,
  refuse,
  type Word,
  wrapAdd,
} from "../base/index.ts";
import type { MmEdit } from "./mm-edit.ts";
import { MAP, PROT_RWX } from "./mman.ts";
import { mmap } from "./mmap.ts";
import { munmap } from "./munmap.ts";
import type { OpenFile } from "./open-file.ts";
import { VM } from "./vm-flags.ts";
import type { Vma } from "./vma.ts";

export interface RemapFilePagesRequest {
  readonly address: Word;
  readonly size: Word;
  readonly prot: Word;
  /** Pages of the file. */
  readonly pgoff: Word;
  readonly flags: number;
}

const SPAN = 2n ** 64n;

/**
 * Shows another part of the file in a range of a shared mapping: what is left of a call that once made
 * mappings nonlinear.
 *
 * @param attachments VMAs of all processes that hold a System V segment; infinite before its removal
 * @refuses EINVAL, and whatever mmap of the same file at the new offset refuses
 * @kernel remap_file_pages, mm/mmap.c (6.18)
 */
export function remapFilePages(
  edit: MmEdit,
  request: RemapFilePagesRequest,
  attachments: (segment: OpenFile) => number,
): Result<void> {
  if (request.prot !== 0) return refuse("EINVAL", "the protection is given");
  const start = alignDown(request.address);
  const size = alignDown(request.size);
  const end = wrapAdd(start, size);
  if (end <= start) return refuse("EINVAL", "the range is empty or wraps");
  if (BigInt(request.pgoff) + BigInt(size) / BigInt(PAGE_SIZE) >= SPAN)
    return refuse("EINVAL", "the offset wraps");
  const vma = typeof start === "number" ? edit.lookup(start / PAGE_SIZE) : undefined;
  if (!vma || (vma.flags & VM.SHARED) === 0) return refuse("EINVAL", "no shared mapping at the address");
  if (!isOneFile(edit, vma, end)) return refuse("EINVAL", "not one mapping of one file");
  const file = edit.env.file(vma.file);
  if (file.kind === "hugetlb" && !isAligned(size, (file.hugePages ?? PMD_PAGES) * PAGE_SIZE))
    return refuse("EINVAL", "no whole huge pages");
  if (file.kind === "shm" && isLastAttachment(edit, start, end, attachments(file)))
    return dropSegment(edit, start, size);
  const locked = (vma.flags & VM.LOCKED) !== 0 ? MAP.LOCKED : 0;
  const mapped = mmap(edit, {
    address: start,
    length: size,
    prot: vma.flags & PROT_RWX,
    flags: MAP.SHARED | MAP.FIXED | MAP.POPULATE | locked | (request.flags & MAP.NONBLOCK),
    offset: BigInt.asUintN(64, BigInt(request.pgoff) * BigInt(PAGE_SIZE)),
    file,
  });
  return mapped.ok ? done : mapped;
}

/** Whether the range holds all that keeps a removed segment alive. */
function isLastAttachment(edit: MmEdit, start: Word, end: Word, attachments: number): boolean {
  const vmas = edit.mm.vmas.collect(pageOf(Number(start)), pageOf(Number(end)));
  const inside = vmas.filter((v) => addressOf(v.start) >= start && addressOf(v.end) <= end);
  return inside.length === attachments;
}

/** The segment goes with the old mapping, before the new one can hold it: shm_mmap, ipc/shm.c. */
function dropSegment(edit: MmEdit, start: Word, size: Word): Result<void> {
  const gone = munmap(edit, start, size);
  return gone.ok ? refuse("EINVAL", "the segment was removed, and this was its last mapping") : gone;
}

const alignDown = (n: Word): Word =>
  isAligned(n, PAGE_SIZE) ? n : typeof n === "number" ? n - (n % PAGE_SIZE) : n - (n % BigInt(PAGE_SIZE));

/** Whether the range is covered without a hole by VMAs of one file and the same flags. */
function isOneFile(edit: MmEdit, first: Vma, end: Word): boolean {
  for (let vma = first; addressOf(vma.end) < end; ) {
    const next = edit.lookup(vma.end);
    if (!next || next.file !== first.file || next.flags !== first.flags || next.high !== first.high)
      return false;
    vma = next;
  }
  return true;
}
