import { PMD_PAGES } from "../arch/index.ts";
import {
  addressOf,
  addressText,
  done,
  isAligned,
  NO_FILE,
  ok,
  PAGE_SIZE,
  pageOf,
  pageRange,
  type Result,
  rangeText,
  refuse,
  type Vpn,
  type Word,
  wrapAdd,
  wrapAlignUp,
} from "../base/index.ts";
import { moveRing } from "./aio.ts";
import { charge, mayExpandVm, mayLock } from "./limits.ts";
import { type MmEdit, taskPages } from "./mm-edit.ts";
import { MAP, MREMAP } from "./mman.ts";
import { movePageTables } from "./move-page-tables.ts";
import { accountedPages, isSealed, munmapRange } from "./munmap.ts";
import { mmPopulate } from "./populate.ts";
import { type Entry, getUnmappedArea } from "./unmapped-area.ts";
import { VM, VM_LOCKED_MASK } from "./vm-flags.ts";
import { isAnonymous, type Vma } from "./vma.ts";
import { maySplit, mergeNew } from "./vma-merge.ts";

export interface MremapRequest {
  readonly address: Word;
  readonly oldLength: Word;
  readonly newLength: Word;
  readonly flags: number;
  readonly newAddress: Word;
  /** The entry that the call came through; absent for the task's own. */
  readonly entry?: Entry | undefined;
}

/** A move or resize in pages; `to` is where the caller wants it, 0 when anywhere. */
interface Remap {
  readonly from: number;
  readonly oldPages: number;
  readonly newPages: number;
  readonly flags: number;
  readonly to: number;
  readonly entry?: Entry | undefined;
  /** A new address that nothing asked for, and that is none for huge pages: they are refused all the same. */
  readonly strayHuge: boolean;
}

const isGiven = ({ flags }: Remap): boolean => (flags & (MREMAP.FIXED | MREMAP.DONTUNMAP)) !== 0;

/**
 * Resizes or moves a mapping and answers its address in bytes.
 *
 * @refuses EINVAL, ENOMEM, EFAULT, EPERM, EAGAIN, in the kernel's order; a move of several VMAs keeps
 * those already moved
 * @kernel do_mremap, mm/mremap.c (6.18)
 */
export function mremap(edit: MmEdit, request: MremapRequest): Result<number> {
  edit.env.trace?.enter("do_mremap");
  if (edit.env.traits.mremapUnmaps === "first") {
    const moved = mremapUnmapsFirst(edit, request);
    return moved.ok ? ok(addressOf(moved.value)) : moved;
  }
  const checked = checkParams(edit, request);
  if (!checked.ok) return checked;
  const remap = checked.value;
  const moved =
    (remap.flags & MREMAP.FIXED) !== 0 && remap.oldPages === remap.newPages
      ? moveSeveral(edit, remap)
      : remapOne(edit, remap);
  return moved.ok ? ok(addressOf(moved.value)) : moved;
}

/** check_mremap_params. */
function checkParams(edit: MmEdit, request: MremapRequest): Result<Remap> {
  const { address, flags, newAddress, entry } = request;
  const { taskSize } = edit;
  if ((flags & ~(MREMAP.MAYMOVE | MREMAP.FIXED | MREMAP.DONTUNMAP)) !== 0)
    return refuse("EINVAL", "unknown flags");
  if (!isAligned(address, PAGE_SIZE)) return refuse("EINVAL", "address is not page-aligned");
  const oldBytes = wrapAlignUp(request.oldLength, PAGE_SIZE);
  const newBytes = wrapAlignUp(request.newLength, PAGE_SIZE);
  if (newBytes === 0) return refuse("EINVAL", "new length is zero");
  if (newBytes > taskSize) return refuse("EINVAL", "new length exceeds the address space");
  const target = { address, oldBytes, newBytes: Number(newBytes), flags, newAddress };
  if ((flags & (MREMAP.FIXED | MREMAP.DONTUNMAP)) !== 0) {
    const legal = checkTarget(edit, target);
    if (!legal.ok) return legal;
  }
  const given = (flags & (MREMAP.FIXED | MREMAP.DONTUNMAP)) !== 0;
  return ok({
    from: pageInUserSpace(edit, address),
    oldPages: Number(oldBytes) / PAGE_SIZE,
    newPages: Number(newBytes) / PAGE_SIZE,
    flags,
    to: given ? pageOf(Number(newAddress)) : 0,
    entry,
    strayHuge: !given && !isAligned(newAddress, PMD_PAGES * PAGE_SIZE),
  });
}

/** The page of an address; of one beyond user space the page behind the last. */
const pageInUserSpace = ({ mm }: MmEdit, address: Word): number =>
  address > addressOf(taskPages(mm)) ? taskPages(mm) : pageOf(Number(address));

function checkTarget(
  edit: MmEdit,
  t: { address: Word; oldBytes: Word; newBytes: number; flags: number; newAddress: Word },
): Result<void> {
  const { taskSize } = edit;
  if (t.newAddress > taskSize - t.newBytes) return refuse("EINVAL", "the new range leaves user space");
  if (!isAligned(t.newAddress, PAGE_SIZE)) return refuse("EINVAL", "new address is not page-aligned");
  if ((t.flags & MREMAP.MAYMOVE) === 0) return refuse("EINVAL", "a given address needs MREMAP_MAYMOVE");
  if ((t.flags & MREMAP.DONTUNMAP) !== 0 && t.oldBytes !== t.newBytes)
    return refuse("EINVAL", "MREMAP_DONTUNMAP cannot resize");
  // The old range's end wraps where its length is absurd, and lies below the new range then.
  if (wrapAdd(t.address, t.oldBytes) > t.newAddress && Number(t.newAddress) + t.newBytes > t.address)
    return refuse("EINVAL", "old and new ranges overlap");
  if (edit.mapCount + 2 >= edit.env.sysctl.maxMapCount - 3)
    return refuse("ENOMEM", "a move needs mappings to spare below max_map_count");
  return done;
}

/** remap_move: several VMAs move together, keeping their distances. */
function moveSeveral(edit: MmEdit, remap: Remap): Result<Vpn> {
  const end = remap.from + remap.oldPages;
  const pieces = edit.mm.vmas.collect(remap.from, end);
  const first = pieces[0];
  if (!first || first.start > remap.from) return refuse("EFAULT", "no mapping at the old address");
  for (const vma of pieces) {
    const several = vma !== first || vma.end < end;
    if (several && hasOwnSearch(edit, vma)) return refuse("EFAULT", "this mapping moves only by itself");
    const from = Math.max(vma.start, remap.from);
    const pages = Math.min(vma.end, end) - from;
    const to = remap.to + (from - remap.from);
    const moved = remapOne(edit, { ...remap, from, oldPages: pages, newPages: pages, to });
    if (!moved.ok) return moved;
  }
  return ok(remap.to as Vpn);
}

/** vma_multi_allowed: a file that places its mappings by a rule of its own might not obey MREMAP_FIXED. */
const hasOwnSearch = (edit: MmEdit, vma: Vma): boolean =>
  vma.file !== 0 && ["shm", "zero"].includes(edit.env.file(vma.file).kind);

function remapOne(edit: MmEdit, asked: Remap): Result<Vpn> {
  const vma = edit.lookup(asked.from);
  if (!vma) return refuse("EFAULT", "no mapping at the old address");
  const checked = checkVma(edit, vma, asked);
  if (!checked.ok) return checked;
  const remap = checked.value;
  return isGiven(remap) ? remapTo(edit, remap) : remapAt(edit, vma, remap);
}

/** check_prep_vma; before it vma_to_resize, mm/mremap.c (6.1). */
function checkVma(edit: MmEdit, vma: Vma, asked: Remap): Result<Remap> {
  if (isSealed(vma)) return refuse("EPERM", "the mapping is sealed");
  const huge = checkHuge(edit, vma, asked);
  if (!huge.ok) return huge;
  const remap = huge.value;
  const { from, oldPages, newPages } = remap;
  if (newPages <= oldPages && !isGiven(remap)) return ok(remap);
  if (oldPages === 0 && (vma.flags & (VM.SHARED | VM.MAYSHARE)) === 0)
    return refuse("EINVAL", "old length 0 duplicates shared mappings only");
  if ((remap.flags & MREMAP.DONTUNMAP) !== 0 && (vma.flags & (VM.DONTEXPAND | VM.PFNMAP)) !== 0)
    return refuse("EINVAL", "MREMAP_DONTUNMAP of a special mapping");
  if (Math.min(oldPages, newPages) > vma.end - from) return refuse("EFAULT", "the range crosses mappings");
  if (newPages <= oldPages) return ok(remap);
  const grown = newPages - oldPages;
  if ((vma.flags & (VM.DONTEXPAND | VM.PFNMAP)) !== 0) return refuse("EFAULT", "the mapping may not grow");
  if ((vma.flags & VM.LOCKED) !== 0 && !mayLock(edit, grown)) return refuse("EAGAIN", "RLIMIT_MEMLOCK");
  const expand = mayExpandVm(edit, vma.flags, grown);
  return expand.ok ? ok(remap) : expand;
}

function checkHuge(edit: MmEdit, vma: Vma, asked: Remap): Result<Remap> {
  if ((vma.flags & VM.HUGETLB) === 0) return ok(asked);
  if (!edit.env.traits.movesHugetlb) return refuse("EINVAL", "hugetlb mappings can only shrink");
  const up = (n: number): number => Math.ceil(n / PMD_PAGES) * PMD_PAGES;
  const remap = { ...asked, oldPages: up(asked.oldPages), newPages: up(asked.newPages) };
  if (asked.from % PMD_PAGES !== 0 || asked.to % PMD_PAGES !== 0 || asked.strayHuge)
    return refuse("EINVAL", "not aligned to the huge page size");
  return remap.newPages > remap.oldPages ? refuse("EINVAL", "hugetlb mappings cannot grow") : ok(remap);
}

/** shrink_vma: old_len may lie, and run over holes and other mappings, but not out of user space. */
function cutTail(edit: MmEdit, { from, oldPages, newPages }: Remap): Result<void> {
  if (from + oldPages > edit.taskPages) return refuse("EINVAL", "the old range leaves user space");
  return munmapRange(edit, from + newPages, from + oldPages);
}

/** mremap_at: in place, or anywhere if it may move. */
function remapAt(edit: MmEdit, vma: Vma, remap: Remap): Result<Vpn> {
  const { from, oldPages, newPages } = remap;
  if (newPages === oldPages) return ok(from as Vpn);
  if (newPages < oldPages) {
    const cut = cutTail(edit, remap);
    return cut.ok ? ok(from as Vpn) : cut;
  }
  const end = from + newPages;
  const fits = from + oldPages === vma.end && end <= edit.taskPages && !edit.mm.vmas.overlaps(vma.end, end);
  edit.env.trace?.choose(
    fits
      ? `it grows in place up to ${addressText(end)}`
      : `what lies behind ${addressText(vma.end)} is not free`,
  );
  if (fits && oldPages > 0) return expandInPlace(edit, vma, remap);
  if ((remap.flags & MREMAP.MAYMOVE) === 0) return refuse("ENOMEM", "no room to grow in place");
  return findAndMove(edit, vma, remap, 0);
}

function expandInPlace(edit: MmEdit, vma: Vma, remap: Remap): Result<Vpn> {
  const grown = remap.newPages - remap.oldPages;
  if ((vma.flags & VM.ACCOUNT) !== 0) {
    const charged = charge(edit, grown);
    if (!charged.ok) return charged;
  }
  const { grownJoinsNext, closeHooksGrow } = edit.env.traits;
  if (grownJoinsNext && (closeHooksGrow || !vma.ops.close))
    mergeNew(edit, vma.resized(vma.end, vma.end + grown));
  else edit.replaceVma(vma, vma.resized(vma.start, vma.end + grown));
  if ((vma.flags & VM.LOCKED) !== 0) mmPopulate(edit, vma.end, vma.end + grown, "ignore");
  return ok(remap.from as Vpn);
}

/** mremap_to: at the address given, or (DONTUNMAP alone) with it as a hint. */
function remapTo(edit: MmEdit, asked: Remap): Result<Vpn> {
  let remap = asked;
  const fixed = (remap.flags & MREMAP.FIXED) !== 0;
  if (fixed) {
    const cleared = munmapRange(edit, remap.to, remap.to + remap.newPages);
    if (!cleared.ok) return cleared;
  }
  if (remap.newPages < remap.oldPages) {
    const cut = cutTail(edit, remap);
    if (!cut.ok) return cut;
    remap = { ...remap, oldPages: remap.newPages };
  }
  // The unmapping may have split the source, or (old length 0) taken it away.
  const source = edit.lookup(remap.from);
  if (!source) return refuse("EFAULT", "the new range took the old mapping away");
  return moveTo(edit, source, remap);
}

function moveTo(edit: MmEdit, source: Vma, remap: Remap): Result<Vpn> {
  const fixed = (remap.flags & MREMAP.FIXED) !== 0;
  if ((remap.flags & MREMAP.DONTUNMAP) !== 0) {
    const expand = mayExpandVm(edit, source.flags, remap.oldPages);
    if (!expand.ok) return expand;
  }
  const { mmapMinAddr } = edit.env.sysctl;
  if (fixed && addressOf(remap.to) < mmapMinAddr && !edit.env.capabilities.sysRawio)
    return refuse("EPERM", `below vm.mmap_min_addr (${mmapMinAddr}) without CAP_SYS_RAWIO`);
  return fixed ? moveVma(edit, source, remap, remap.to) : findAndMove(edit, source, remap, remap.to);
}

function findAndMove(edit: MmEdit, vma: Vma, remap: Remap, hint: number): Result<Vpn> {
  const file = vma.file === NO_FILE ? undefined : edit.env.file(vma.file);
  const place = getUnmappedArea(edit, {
    pages: remap.newPages,
    hint,
    flags: (vma.flags & VM.MAYSHARE) !== 0 ? MAP.SHARED : MAP.PRIVATE,
    pgoff: vma.pgoff + (remap.from - vma.start),
    file,
    entry: remap.entry,
  });
  return place.ok ? moveVma(edit, vma, remap, place.value) : place;
}

/** move_vma, mm/mremap.c: a copy at the new place, then the old range goes or stays empty. */
function moveVma(edit: MmEdit, vma: Vma, remap: Remap, to: number): Result<Vpn> {
  const { from, oldPages, newPages } = remap;
  edit.env.trace?.enter("move_vma");
  edit.env.trace?.choose(`${rangeText(from, from + oldPages)} moves to ${rangeText(to, to + newPages)}`);
  const keep = (remap.flags & MREMAP.DONTUNMAP) !== 0;
  if (edit.mapCount >= edit.env.sysctl.maxMapCount - 3)
    return refuse("ENOMEM", "a move needs mappings to spare below max_map_count");
  if (
    (from !== vma.start && !maySplit(vma, from)) ||
    (from + oldPages !== vma.end && oldPages > 0 && !maySplit(vma, from + oldPages))
  )
    return refuse("EINVAL", "a part of this mapping cannot move");
  const told = moveRing(edit, vma, to);
  if (!told.ok) return told;
  const charged = (vma.flags & VM.ACCOUNT) !== 0 ? (keep ? newPages : newPages - oldPages) : 0;
  const paid = charge(edit, charged);
  if (!paid.ok) return paid;

  const highest = edit.mm.hiwaterVm;
  // Memory that no fault has touched is as if it had been made at its new place.
  const fresh = isAnonymous(vma) && vma.anonVma === 0;
  const pgoff = fresh ? to : vma.pgoff + (from - vma.start);
  mergeNew(edit, vma.movedTo(pageRange(to, to + newPages), pgoff));
  movePageTables(edit, vma, from, to, Math.min(oldPages, newPages));
  // The copy has the reservations; those of a part that stays behind are nobody's for good.
  if (vma.resv > 0) edit.replaceVma(vma, vma.withResv(0));
  if (keep) emptySource(edit, from, oldPages);
  else unmapSource(edit, from, oldPages);
  edit.set("hiwaterVm", highest);
  if ((vma.flags & VM.LOCKED) !== 0 && newPages > oldPages)
    mmPopulate(edit, to + oldPages, to + newPages, "ignore");
  return ok(to as Vpn);
}

/** The old range goes; what it was charged went along with the copy. */
function unmapSource(edit: MmEdit, from: number, pages: number): void {
  if (pages === 0) return;
  const before = accountedPages(edit.mm.vmas.collect(from, from + pages));
  const gone = munmapRange(edit, from, from + pages);
  if (gone.ok && before > 0) edit.env.commitment.committed += pages;
}

/** dontunmap_complete: the source keeps its range, loses its locks, and if whole its anon_vma. */
function emptySource(edit: MmEdit, from: number, pages: number): void {
  const source = edit.lookup(from);
  if (!source) return;
  const whole = source.start === from && source.end === from + pages;
  const unlocked = source.reflagged(source.flags & ~VM_LOCKED_MASK);
  const locked = edit.mm.lockedVm;
  edit.replaceVmas([source], [whole ? unlocked.withAnon(0, 0) : unlocked]);
  // Some releases forget to take the unlocked pages off the count.
  if (edit.env.traits.dontunmapKeepsLockedCount) edit.set("lockedVm", locked);
}

/**
 * mremap of the releases that clear the new range before they ask whether the old one may move, and so leave
 * a hole there when it may not. One mapping moves at a time.
 *
 * @kernel SYSCALL_DEFINE5(mremap), mm/mremap.c (5.4, 6.1)
 */
function mremapUnmapsFirst(edit: MmEdit, request: MremapRequest): Result<Vpn> {
  const params = looseParams(edit, request);
  if (!params.ok) return params;
  let remap = params.value;
  const { mremapNeedsMapping } = edit.env.traits;
  if (mremapNeedsMapping) {
    const there = edit.lookup(remap.from);
    if (!there) return refuse("EFAULT", "no mapping at the old address");
    const huge = checkHuge(edit, there, remap);
    if (!huge.ok) return huge;
    remap = huge.value;
  }
  if (isGiven(remap)) return remapToUnmapsFirst(edit, remap, request);
  if (remap.newPages <= remap.oldPages) {
    const cut = remap.newPages < remap.oldPages ? cutTail(edit, remap) : done;
    return cut.ok ? ok(remap.from as Vpn) : cut;
  }
  const vma = edit.lookup(remap.from);
  if (!vma) return refuse("EFAULT", "no mapping at the old address");
  const checked = checkVma(edit, vma, remap);
  return checked.ok ? remapAt(edit, vma, checked.value) : checked;
}

/** What these releases check before they look at any mapping; the new range comes later. */
function looseParams(edit: MmEdit, request: MremapRequest): Result<Remap> {
  const { address, flags, newAddress, entry } = request;
  const known = MREMAP.MAYMOVE | MREMAP.FIXED | (edit.env.traits.mremapDontunmap ? MREMAP.DONTUNMAP : 0);
  if ((flags & ~known) !== 0) return refuse("EINVAL", "unknown flags");
  const given = (flags & (MREMAP.FIXED | MREMAP.DONTUNMAP)) !== 0;
  if (given && (flags & MREMAP.MAYMOVE) === 0)
    return refuse("EINVAL", "a given address needs MREMAP_MAYMOVE");
  if ((flags & MREMAP.DONTUNMAP) !== 0 && request.oldLength !== request.newLength)
    return refuse("EINVAL", "MREMAP_DONTUNMAP cannot resize");
  if (!isAligned(address, PAGE_SIZE)) return refuse("EINVAL", "address is not page-aligned");
  const newBytes = wrapAlignUp(request.newLength, PAGE_SIZE);
  if (newBytes === 0) return refuse("EINVAL", "new length is zero");
  return ok({
    from: pageInUserSpace(edit, address),
    oldPages: Number(wrapAlignUp(request.oldLength, PAGE_SIZE)) / PAGE_SIZE,
    newPages: Number(newBytes) / PAGE_SIZE,
    flags,
    to: given ? pageOf(Number(newAddress)) : 0,
    entry,
    strayHuge: false,
  });
}

/** mremap_to, mm/mremap.c (6.1): the new range is free before the old one is looked at. */
function remapToUnmapsFirst(edit: MmEdit, asked: Remap, request: MremapRequest): Result<Vpn> {
  const { address, newAddress } = request;
  const oldBytes = wrapAlignUp(request.oldLength, PAGE_SIZE);
  const newBytes = asked.newPages * PAGE_SIZE;
  if (!isAligned(newAddress, PAGE_SIZE)) return refuse("EINVAL", "new address is not page-aligned");
  if (newBytes > edit.taskSize || newAddress > edit.taskSize - newBytes)
    return refuse("EINVAL", "the new range leaves user space");
  if (wrapAdd(address, oldBytes) > newAddress && Number(newAddress) + newBytes > address)
    return refuse("EINVAL", "old and new ranges overlap");
  if (edit.mapCount + 2 >= edit.env.sysctl.maxMapCount - 3)
    return refuse("ENOMEM", "a move needs mappings to spare below max_map_count");
  const fixed = (asked.flags & MREMAP.FIXED) !== 0;
  const cleared = fixed ? munmapRange(edit, asked.to, asked.to + asked.newPages) : done;
  if (!cleared.ok) return cleared;
  const cut = asked.newPages < asked.oldPages ? cutTail(edit, asked) : done;
  if (!cut.ok) return cut;
  const remap = { ...asked, oldPages: Math.min(asked.oldPages, asked.newPages) };
  const vma = edit.lookup(remap.from);
  if (!vma) return refuse("EFAULT", "no mapping at the old address");
  const checked = checkVma(edit, vma, remap);
  return checked.ok ? moveTo(edit, vma, checked.value) : checked;
}
