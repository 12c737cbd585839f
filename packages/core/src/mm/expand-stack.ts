import { LOW_LIMIT, STACK_GUARD_GAP } from "../arch/index.ts";
import { addressText, done, PAGE_SIZE, pagesText, type Result, refuse } from "../base/index.ts";
import { anonVmaPrepare, writeFault } from "./anon-vma.ts";
import { charge, mayExpandVm, mayLock } from "./limits.ts";
import type { MmEdit } from "./mm-edit.ts";
import { VM } from "./vm-flags.ts";
import { isAccessible, type Vma } from "./vma.ts";

/**
 * Grows a VMA that grows down until it contains `page`, as a fault below it does.
 *
 * @refuses ENOMEM for every limit; the fault then ends in SIGSEGV
 * @kernel expand_downwards, acct_stack_growth, mm/vma.c (6.18)
 */
export function expandStack(edit: MmEdit, vma: Vma, page: number): Result<void> {
  edit.env.trace?.enter("expand_downwards");
  if ((vma.flags & VM.GROWSDOWN) === 0) return refuse("EFAULT", "the mapping does not grow down");
  if (page < LOW_LIMIT) return refuse("EPERM", "below vm.mmap_min_addr");
  const previous = edit.previous(vma);
  const blocked =
    previous !== undefined &&
    (previous.flags & VM.GROWSDOWN) === 0 &&
    isAccessible(previous) &&
    page - previous.end < STACK_GUARD_GAP;
  if (blocked || (previous && previous.end > page))
    return refuse("ENOMEM", "the stack guard gap would close");
  const prepared = anonVmaPrepare(edit, vma);
  const grow = prepared.start - page;
  const expand = mayExpandVm(edit, prepared.flags, grow);
  if (!expand.ok) return expand;
  if ((prepared.end - page) * PAGE_SIZE > edit.env.limits.stack.soft) return refuse("ENOMEM", "RLIMIT_STACK");
  if ((prepared.flags & VM.LOCKED) !== 0 && !mayLock(edit, grow)) return refuse("ENOMEM", "RLIMIT_MEMLOCK");
  // Charged even where VM_ACCOUNT is missing: the kernel never gives that part back.
  const charged = charge(edit, grow);
  if (!charged.ok) return charged;
  edit.env.trace?.choose(`the stack grows by ${pagesText(grow)} down to ${addressText(page)}`);
  edit.replaceVma(prepared, prepared.resized(page, prepared.end));
  return done;
}

/**
 * What an access at `page` does to the VMAs: nothing, or the growth of the stack above it.
 *
 * @refuses EFAULT when no mapping can answer for the page
 * @kernel lock_mm_and_find_vma, mm/mmap_lock.c (6.18)
 */
export function findOrExpand(edit: MmEdit, page: number): Result<void> {
  const vma = edit.findVma(page);
  if (vma && vma.start <= page) return done;
  if (!vma || (vma.flags & VM.GROWSDOWN) === 0) return refuse("EFAULT", "no mapping at the address");
  return expandStack(edit, vma, page);
}

/** What an access at `page` that a recording shows does to the VMAs; one that nothing answers for does nothing. */
export function touch(edit: MmEdit, page: number, written: boolean): void {
  if (findOrExpand(edit, page).ok && written) writeFault(edit, page);
}
