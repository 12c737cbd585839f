import {
  done,
  isAligned,
  PAGE_SIZE,
  type Result,
  refuse,
  type Word,
  wrapAdd,
  wrapAlignUp,
} from "../base/index.ts";
import type { MmEdit } from "./mm-edit.ts";
import { MS } from "./mman.ts";
import { VM } from "./vm-flags.ts";
import { VM_OPS, type Vma } from "./vma.ts";
import { pageOfWord, walkVmas } from "./vma-walk.ts";

/**
 * Writes back shared file pages; changes no mapping.
 *
 * @refuses EINVAL, ENOMEM (wrap; a hole, at the end), EBUSY (invalidating locked memory)
 * @kernel SYSCALL_DEFINE3(msync), mm/msync.c (6.18)
 */
export function msync(edit: MmEdit, address: Word, length: Word, flags: number): Result<void> {
  if ((flags & ~(MS.ASYNC | MS.INVALIDATE | MS.SYNC)) !== 0) return refuse("EINVAL", "unknown flags");
  if (!isAligned(address, PAGE_SIZE)) return refuse("EINVAL", "address is not page-aligned");
  if ((flags & MS.ASYNC) !== 0 && (flags & MS.SYNC) !== 0) return refuse("EINVAL", "MS_ASYNC with MS_SYNC");
  const end = wrapAdd(address, wrapAlignUp(length, PAGE_SIZE));
  if (end < address) return refuse("ENOMEM", "range wraps");
  if (end === address) return done;
  return walkVmas(edit, pageOfWord(address), pageOfWord(end), (vma) => syncVma(vma, flags));
}

function syncVma(vma: Vma, flags: number): Result<void> {
  if ((flags & MS.INVALIDATE) !== 0 && (vma.flags & VM.LOCKED) !== 0)
    return refuse("EBUSY", "MS_INVALIDATE of locked memory");
  const hasNoFsync = vma.ops === VM_OPS.secret || vma.ops === VM_OPS.aio;
  return (flags & MS.SYNC) !== 0 && (vma.flags & VM.SHARED) !== 0 && hasNoFsync
    ? refuse("EINVAL", "the file cannot be written back")
    : done;
}

/**
 * Tells which pages are resident; changes nothing.
 *
 * @refuses EINVAL; ENOMEM for a range outside user space or with a hole
 * @kernel SYSCALL_DEFINE3(mincore), mm/mincore.c (6.18)
 */
export function mincore(edit: MmEdit, address: Word, length: Word): Result<void> {
  if (!isAligned(address, PAGE_SIZE)) return refuse("EINVAL", "address is not page-aligned");
  const end = wrapAdd(address, length);
  if (end < address || end > edit.mm.layout.taskSize) return refuse("ENOMEM", "range leaves user space");
  const from = pageOfWord(address);
  const to = from + Math.ceil(Number(length) / PAGE_SIZE);
  for (let at = from; at < to; ) {
    const vma = edit.lookup(at);
    if (!vma) return refuse("ENOMEM", "the range has a hole");
    at = vma.end;
  }
  return done;
}
