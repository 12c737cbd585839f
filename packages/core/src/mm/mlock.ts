import {
  done,
  PAGE_SIZE,
  pagesText,
  type Result,
  refuse,
  type Word,
  wrapAdd,
  wrapAlignUp,
} from "../base/index.ts";
import { canDoMlock } from "./limits.ts";
import type { MmEdit } from "./mm-edit.ts";
import { MCL, MLOCK_ONFAULT } from "./mman.ts";
import { mmPopulate } from "./populate.ts";
import { VM, VM_LOCKED_MASK } from "./vm-flags.ts";
import { neverLocked, VM_OPS, type Vma } from "./vma.ts";
import { vmaModify } from "./vma-merge.ts";
import { pageOfWord } from "./vma-walk.ts";

/**
 * Locks the pages of [address, address + length); flags are those of mlock2.
 *
 * @refuses EINVAL, EPERM, ENOMEM; VMAs before a hole stay locked, and pages that cannot be brought in
 * leave the range locked
 * @kernel do_mlock, mm/mlock.c (6.18)
 */
export function mlock(edit: MmEdit, address: Word, length: Word, flags = 0): Result<void> {
  edit.env.trace?.enter("do_mlock");
  if ((flags & ~MLOCK_ONFAULT) !== 0) return refuse("EINVAL", "unknown flags");
  if (!canDoMlock(edit.env)) return refuse("EPERM", "RLIMIT_MEMLOCK is 0");
  const { start, bytes } = lockRange(address, length);
  const over = overLimit(edit, start, bytes);
  if (!over.ok) return over;
  const onFault = (flags & MLOCK_ONFAULT) !== 0 ? VM.LOCKONFAULT : 0;
  const applied = applyLock(edit, start, bytes, VM.LOCKED | onFault);
  return applied.ok ? populateLocked(edit, start, bytes) : applied;
}

/** munlock: the same walk, with nothing to permit. */
export function munlock(edit: MmEdit, address: Word, length: Word): Result<void> {
  const { start, bytes } = lockRange(address, length);
  return applyLock(edit, start, bytes, 0);
}

function lockRange(address: Word, length: Word): { start: Word; bytes: Word } {
  const offset = typeof address === "number" ? address % PAGE_SIZE : Number(address % BigInt(PAGE_SIZE));
  const start = typeof address === "number" ? address - offset : address - BigInt(offset);
  return { start, bytes: wrapAlignUp(wrapAdd(length, offset), PAGE_SIZE) };
}

function overLimit(edit: MmEdit, start: Word, bytes: Word): Result<void> {
  const { mm, env } = edit;
  const limit = Math.floor(env.limits.memlock.soft / PAGE_SIZE);
  let wanted = Number(bytes) / PAGE_SIZE + mm.lockedVm;
  if (wanted > limit && !env.capabilities.ipcLock) {
    const from = pageOfWord(start);
    wanted -= lockedPages(edit, from, from + Number(bytes) / PAGE_SIZE);
  }
  if (wanted <= limit || env.capabilities.ipcLock) {
    env.trace?.check(
      wanted <= limit
        ? `RLIMIT_MEMLOCK: ${pagesText(wanted)} <= ${limit}`
        : "CAP_IPC_LOCK lifts RLIMIT_MEMLOCK",
    );
    return done;
  }
  return refuse("ENOMEM", `RLIMIT_MEMLOCK: ${wanted} pages > ${limit}`);
}

/** count_mm_mlocked_page_nr: pages of the range that are locked already. */
const lockedPages = (edit: MmEdit, start: number, end: number): number =>
  edit.mm.vmas
    .collect(start, end)
    .filter((v) => (v.flags & VM.LOCKED) !== 0)
    .reduce((n, v) => n + Math.min(v.end, end) - Math.max(v.start, start), 0);

/** apply_vma_lock_flags. */
function applyLock(edit: MmEdit, address: Word, bytes: Word, flags: number): Result<void> {
  const endAddress = wrapAdd(address, bytes);
  if (endAddress < address) return refuse("EINVAL", "range wraps");
  if (endAddress === address) return done;
  const end = pageOfWord(endAddress);
  for (let at = pageOfWord(address); at < end; ) {
    const vma = edit.lookup(at);
    if (!vma) return refuse("ENOMEM", "the range has a hole");
    const stop = Math.min(vma.end, end);
    const fixed = mlockFixup(edit, vma, at, stop, (vma.flags & ~VM_LOCKED_MASK) | flags);
    if (!fixed.ok) return fixed;
    at = stop;
  }
  return done;
}

function mlockFixup(edit: MmEdit, vma: Vma, start: number, end: number, flags: number): Result<unknown> {
  edit.env.trace?.enter("mlock_fixup");
  if (flags === vma.flags || neverLocked(vma) || vma.ops === VM_OPS.secret) return done;
  return vmaModify(edit, vma, start, end, flags);
}

/** Brings the locked range in; an error is mlock's own answer, and the range stays locked. */
function populateLocked(edit: MmEdit, start: Word, bytes: Word): Result<void> {
  const from = pageOfWord(start);
  return mmPopulate(edit, from, from + Number(bytes) / PAGE_SIZE, "stop");
}

/**
 * Locks what is mapped now, what will be, or both.
 *
 * @refuses EINVAL, EPERM, ENOMEM
 * @kernel SYSCALL_DEFINE1(mlockall), mm/mlock.c (6.18)
 */
export function mlockall(edit: MmEdit, flags: number): Result<void> {
  const known = MCL.CURRENT | MCL.FUTURE | MCL.ONFAULT;
  if (flags === 0 || (flags & ~known) !== 0 || flags === MCL.ONFAULT) return refuse("EINVAL", "flags");
  if (!canDoMlock(edit.env)) return refuse("EPERM", "RLIMIT_MEMLOCK is 0");
  const limit = Math.floor(edit.env.limits.memlock.soft / PAGE_SIZE);
  if ((flags & MCL.CURRENT) !== 0 && edit.mm.totalVm > limit && !edit.env.capabilities.ipcLock)
    return refuse("ENOMEM", `RLIMIT_MEMLOCK: ${edit.mm.totalVm} pages > ${limit}`);
  const onFault = (flags & MCL.ONFAULT) !== 0 ? VM.LOCKONFAULT : 0;
  const future = (flags & MCL.FUTURE) !== 0 ? VM.LOCKED | onFault : 0;
  edit.set("defFlags", (edit.mm.defFlags & ~VM_LOCKED_MASK) | future);
  if ((flags & MCL.CURRENT) !== 0) {
    lockAll(edit, VM.LOCKED | onFault);
    mmPopulate(edit, 0, edit.taskPages, "ignore");
  }
  return done;
}

/** munlockall: clears every lock, present and future. */
export function munlockall(edit: MmEdit): void {
  edit.set("defFlags", edit.mm.defFlags & ~VM_LOCKED_MASK);
  lockAll(edit, 0);
}

/** Every VMA gets exactly these lock flags; what cannot be locked is passed over. */
function lockAll(edit: MmEdit, flags: number): void {
  let vma = edit.findVma(0);
  while (vma) {
    const { end } = vma;
    mlockFixup(edit, vma, vma.start, end, (vma.flags & ~VM_LOCKED_MASK) | flags);
    vma = edit.findVma(end);
  }
}
