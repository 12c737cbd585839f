import { PERSONALITY, STACK_GUARD_GAP } from "../arch/index.ts";
import { done, NO_FILE, PAGE_SIZE, type Result, refuse, type Vpn, type Word } from "../base/index.ts";
import { charge, limitText, mayExpandVm, mayLock } from "./limits.ts";
import { brkPage, type MmEdit } from "./mm-edit.ts";
import { munmapRange } from "./munmap.ts";
import { mmPopulate } from "./populate.ts";
import { VM, VM_DATA_DEFAULT } from "./vm-flags.ts";
import { startGap, VM_OPS, Vma } from "./vma.ts";
import { mergeNew } from "./vma-merge.ts";

/**
 * Moves the program break and answers the break that results: the old one when the kernel will not.
 *
 * @returns the break in bytes, with the reason when it stayed where it was
 * @kernel SYSCALL_DEFINE1(brk), mm/mmap.c (6.18)
 */
export function brk(edit: MmEdit, wanted: Word): { readonly brk: number; readonly why?: string } {
  const moved = moveBrk(edit, wanted);
  if (!moved.ok) edit.env.trace?.choose(`the break stays where it is: ${moved.error.why}`);
  return moved.ok ? { brk: edit.mm.brk } : { brk: edit.mm.brk, why: moved.error.why };
}

function moveBrk(edit: MmEdit, wanted: Word): Result<void> {
  const { mm } = edit;
  const { soft } = edit.env.limits.data;
  edit.env.trace?.enter("__do_sys_brk");
  if (wanted < mm.startBrk) return refuse("ENOMEM", "below the start of the heap");
  const target = Number(wanted);
  if (target - mm.startBrk + (mm.endData - mm.startData) > soft) return refuse("ENOMEM", "RLIMIT_DATA");
  edit.env.trace?.check(`the heap stays below RLIMIT_DATA, ${limitText(soft)} pages`);
  const from = brkPage(mm.brk);
  const to = brkPage(target);
  const resized = to < from ? shrink(edit, to, from) : to > from ? grow(edit, from, to) : done;
  if (resized.ok) edit.set("brk", target);
  return resized;
}

function shrink(edit: MmEdit, to: Vpn, from: Vpn): Result<void> {
  const first = edit.findVma(to);
  if (edit.env.traits.brkNeedsMapping && (!first || first.start >= from))
    return refuse("EINVAL", "no heap mapping to shrink");
  return munmapRange(edit, to, from);
}

function grow(edit: MmEdit, from: Vpn, to: Vpn): Result<void> {
  const pages = to - from;
  if (to > edit.taskPages) return refuse("ENOMEM", "beyond user space");
  if ((edit.mm.defFlags & VM.LOCKED) !== 0 && !mayLock(edit, pages))
    return refuse("EAGAIN", "RLIMIT_MEMLOCK");
  const next = edit.findVma(from);
  if (next && to + 1 > startGap(next, STACK_GUARD_GAP))
    return refuse("ENOMEM", `the next mapping at page ${next.start} leaves no free page`);
  const added = doBrkFlags(edit, from, to, 0);
  if (added.ok && (edit.mm.defFlags & VM.LOCKED) !== 0) mmPopulate(edit, from, to, "ignore");
  return added;
}

/**
 * Adds anonymous writable memory that continues the heap or a program's bss.
 *
 * @param extra VM_EXEC for a bss of an executable segment
 * @param joins what it may become one with: the heap below it, or for exec any mapping that ends there
 * @refuses ENOMEM
 * @kernel do_brk_flags, mm/vma.c (6.18): merges only with the VMA below, brk only above start_brk; mm/mmap.c
 * (5.4): with both neighbours, wherever they lie
 */
export function doBrkFlags(
  edit: MmEdit,
  start: Vpn,
  end: Vpn,
  extra: number,
  joins: "heap" | "any" = "heap",
): Result<void> {
  const { mm } = edit;
  edit.env.trace?.enter("do_brk_flags");
  const implied = (edit.env.personality & PERSONALITY.READ_IMPLIES_EXEC) !== 0 ? VM.EXEC : 0;
  const mergeable = mm.mergeAny ? VM.MERGEABLE : 0;
  const flags = VM_DATA_DEFAULT | implied | VM.ACCOUNT | mm.defFlags | mergeable | extra;
  const expand = mayExpandVm(edit, flags, end - start);
  if (!expand.ok) return expand;
  if (edit.mapCount > edit.env.sysctl.maxMapCount)
    return refuse("ENOMEM", "more mappings than max_map_count");
  const charged = charge(edit, end - start);
  if (!charged.ok) return charged;
  const x = new Vma(start, end, flags, 0, start, NO_FILE, VM_OPS.anon, 0, 0);
  if (edit.env.traits.brkJoins === "neighbours") {
    mergeNew(edit, x);
    return done;
  }
  const previous = edit.previous(x);
  const inHeap = previous !== undefined && previous.end * PAGE_SIZE > mm.startBrk && mm.startBrk > 0;
  if (joins === "any" || inHeap) mergeNew(edit, x, "before");
  else edit.addVma(x);
  return done;
}
