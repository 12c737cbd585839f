import { PERSONALITY } from "../arch/index.ts";
import {
  done,
  isAligned,
  PAGE_SIZE,
  pageOf,
  type Result,
  rangeText,
  refuse,
  type Word,
  wrapAdd,
  wrapAlignUp,
} from "../base/index.ts";
import { changeProtection } from "./change-protection.ts";
import { charge, mayExpandVm, uncharge } from "./limits.ts";
import type { MmEdit } from "./mm-edit.ts";
import { PROT, PROT_RWX } from "./mman.ts";
import { gathered } from "./mmu-gather.ts";
import { isSealed } from "./munmap.ts";
import { mmPopulate } from "./populate.ts";
import { VM, VM_ACCESS_FLAGS } from "./vm-flags.ts";
import { isAnonymous, statOf, type Vma } from "./vma.ts";
import { vmaModify } from "./vma-merge.ts";

/**
 * Changes the protection of [address, address + length).
 *
 * @refuses EINVAL, ENOMEM, EACCES, EPERM; VMAs before the one that fails keep their new protection
 * @kernel do_mprotect_pkey, mm/mprotect.c (6.18)
 */
export function mprotect(edit: MmEdit, address: Word, length: Word, prot: number): Result<void> {
  return pkeyMprotect(edit, address, length, prot, NO_KEY);
}

/** pkey_mprotect with it is mprotect. */
const NO_KEY = -1;

/**
 * Changes the protection of a range, and the protection key that its pages carry. A machine without such
 * keys has none to give, so that naming one is refused once the other arguments hold.
 *
 * @refuses as mprotect, and EINVAL for any key
 * @kernel do_mprotect_pkey, mm/mprotect.c; mm_pkey_is_allocated, arch/x86/include/asm/pkeys.h (6.18)
 */
export function pkeyMprotect(
  edit: MmEdit,
  address: Word,
  length: Word,
  prot: number,
  pkey: number,
): Result<void> {
  edit.env.trace?.enter("do_mprotect_pkey");
  const grows = prot & (PROT.GROWSDOWN | PROT.GROWSUP);
  if (grows === (PROT.GROWSDOWN | PROT.GROWSUP)) return refuse("EINVAL", "grows down and up");
  if (!isAligned(address, PAGE_SIZE)) return refuse("EINVAL", "address is not page-aligned");
  if (length === 0) return done;
  const bytes = wrapAlignUp(length, PAGE_SIZE);
  const endAddress = wrapAdd(address, bytes);
  if (endAddress <= address) return refuse("ENOMEM", "range wraps");
  const wanted = prot & ~grows;
  if ((wanted & ~(PROT_RWX | PROT.SEM)) !== 0) return refuse("EINVAL", "unknown protection bits");
  if (pkey !== NO_KEY) return refuse("EINVAL", `protection key ${pkey} is not allocated`);
  if (typeof address !== "number") return refuse("ENOMEM", "no mapping in the range");
  const end = pageOf(Number(endAddress));
  return gathered(edit, () => protectRange(edit, pageOf(address), end, wanted & PROT_RWX, grows));
}

function protectRange(edit: MmEdit, from: number, end: number, prot: number, grows: number): Result<void> {
  const first = edit.findVma(from);
  if (!first) return refuse("ENOMEM", "no mapping in the range");
  let start = from;
  if (grows === PROT.GROWSDOWN) {
    if (first.start >= end) return refuse("ENOMEM", "no mapping in the range");
    start = first.start;
    if ((first.flags & VM.GROWSDOWN) === 0) return refuse("EINVAL", "the mapping does not grow down");
  } else {
    if (first.start > start) return refuse("ENOMEM", "the range starts in a hole");
    if (grows === PROT.GROWSUP) return refuse("EINVAL", "no mapping grows up on x86");
  }
  let vma: Vma | undefined = first;
  let at = start;
  for (;;) {
    const stop: number = Math.min(vma.end, end);
    const changed = protectVma(edit, vma, at, stop, prot);
    if (!changed.ok || stop === end) return changed;
    at = stop;
    vma = edit.lookup(at);
    if (!vma) return refuse("ENOMEM", "the range has a hole");
  }
}

function protectVma(edit: MmEdit, vma: Vma, start: number, end: number, asked: number): Result<void> {
  const implied =
    (edit.env.personality & PERSONALITY.READ_IMPLIES_EXEC) !== 0 &&
    (asked & PROT.READ) !== 0 &&
    (vma.flags & VM.MAYEXEC) !== 0;
  const prot = implied ? asked | PROT.EXEC : asked;
  // Each access bit has its MAY bit four places up.
  if ((prot & ~(vma.flags >> 4) & PROT_RWX) !== 0)
    return refuse("EACCES", "the mapping may never have this access");
  if (
    edit.mm.mdwe !== 0 &&
    (prot & PROT.EXEC) !== 0 &&
    ((prot & PROT.WRITE) !== 0 || (vma.flags & VM.EXEC) === 0)
  )
    return refuse("EACCES", "PR_SET_MDWE: memory may not become executable");
  if (isSealed(vma)) return refuse("EPERM", "the mapping is sealed");
  const flags = (vma.flags & ~VM_ACCESS_FLAGS) | prot;
  if (flags === vma.flags) edit.env.trace?.choose(`${rangeText(start, end)} has this access already`);
  return flags === vma.flags ? done : mprotectFixup(edit, vma, start, end, flags);
}

/** mprotect_fixup: charges what becomes writable, releases what no longer can be written. */
function mprotectFixup(edit: MmEdit, vma: Vma, start: number, end: number, wanted: number): Result<void> {
  const pages = end - start;
  edit.env.trace?.enter("mprotect_fixup");
  edit.env.trace?.check(`the access of ${rangeText(start, end)} may change`);
  let flags = wanted;
  let charged = 0;
  let released = 0;
  if ((flags & VM.WRITE) !== 0) {
    if (statOf(flags) === "data" && statOf(vma.flags) !== "data") {
      const expand = mayExpandVm(edit, flags, pages);
      if (!expand.ok && mayExpandVm(edit, vma.flags, pages).ok) return expand;
    }
    if ((vma.flags & (VM.ACCOUNT | VM.WRITE | VM.HUGETLB | VM.SHARED | VM.NORESERVE)) === 0) {
      const paid = charge(edit, pages);
      if (!paid.ok) return paid;
      charged = pages;
      flags |= VM.ACCOUNT;
    }
  } else if (
    edit.env.traits.mprotectUncharges &&
    (flags & VM.ACCOUNT) !== 0 &&
    isAnonymous(vma) &&
    vma.anonVma === 0
  ) {
    released = pages;
    flags &= ~VM.ACCOUNT;
  }
  const modified = vmaModify(edit, vma, start, end, flags);
  if (!modified.ok) {
    uncharge(edit, charged);
    return modified;
  }
  uncharge(edit, released);
  changeProtection(edit, start, end);
  const locked = (vma.flags & (VM.LOCKED | VM.WRITE | VM.SHARED)) === VM.LOCKED && (flags & VM.WRITE) !== 0;
  if (locked) populateWritable(edit, start, end);
  return done;
}

/** Brings locked memory in that has become writable, without ever letting the mmap lock go: populate_vma_page_range. */
function populateWritable(edit: MmEdit, start: number, end: number): void {
  const vma = edit.lookup(start);
  if (!edit.env.memory || !vma) mmPopulate(edit, start, end, "ignore");
  else if ((vma.flags & VM.LOCKONFAULT) === 0) edit.env.memory.faults.faultIn(edit, vma, start, end, true);
}
