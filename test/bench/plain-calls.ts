import { ERRNO, type Errno, MADV, MAP, PROT, type Request, VM } from "@pagetrail/core";
import {
  indexFrom,
  insert,
  mayExpand,
  PAGE,
  type PlainMm,
  type PlainVma,
  plainVma,
  reflag,
  remove,
} from "./plain-mm.ts";

const LOW_PAGES = 16;
const RWX = PROT.READ | PROT.WRITE | PROT.EXEC;
const MAY = VM.MAYREAD | VM.MAYWRITE | VM.MAYEXEC;

/** Executes a call in place. Answers what it returns, or its errno as a negative number. */
export function executePlain(mm: PlainMm, r: Request): number {
  switch (r.call) {
    case "mmap":
      return mmap(mm, r);
    case "munmap":
      return munmap(mm, Number(r.addr), Number(r.length));
    case "mprotect":
      return mprotect(mm, Number(r.addr), Number(r.length), r.prot);
    case "brk":
      return brk(mm, Number(r.addr));
    case "madvise":
      return madvise(mm, Number(r.addr), Number(r.length), r.advice);
    default:
      throw new Error(`${r.call} is not part of the workload`);
  }
}

const refused = (errno: Errno): number => -ERRNO[errno];

function mmap(mm: PlainMm, r: Request & { call: "mmap" }): number {
  const offset = Number(r.offset);
  const pages = Math.ceil(Number(r.length) / PAGE);
  if (offset % PAGE !== 0 || pages === 0) return refused("EINVAL");
  const file = (r.flags & MAP.ANONYMOUS) !== 0 ? 0 : r.file;
  if ((r.flags & MAP.ANONYMOUS) === 0 && file <= 0) return refused("EBADF");
  if (mm.vmas.length > mm.maxMapCount || pages > mm.taskPages) return refused("ENOMEM");
  const fixed = (r.flags & MAP.FIXED) !== 0;
  const addr = Number(r.addr);
  if (fixed && addr % PAGE !== 0) return refused("EINVAL");
  const start = fixed ? addr / PAGE : highestGap(mm, pages);
  const end = start + pages;
  if (start < 0 || end > mm.taskPages) return refused("ENOMEM");
  let flags = (r.prot & RWX) | MAY;
  if ((r.flags & MAP.NORESERVE) !== 0) flags |= VM.NORESERVE;
  if ((r.flags & MAP.STACK) !== 0) flags |= VM.NOHUGEPAGE;
  const replaced = fixed ? pagesIn(mm, start, end) : 0;
  if (!mayExpand(mm, flags, pages - replaced)) return refused("ENOMEM");
  if ((flags & (VM.NORESERVE | VM.WRITE)) === VM.WRITE) {
    if (pages > mm.totalPages) return refused("ENOMEM");
    mm.committed += pages;
    flags |= VM.ACCOUNT;
  }
  if (replaced > 0) remove(mm, start, end);
  insert(mm, plainVma(start, end, flags, file === 0 ? start : offset / PAGE, file));
  return start * PAGE;
}

/** The start of the highest free range below mmap_base; -1 when there is none. */
function highestGap(mm: PlainMm, pages: number): number {
  const { vmas } = mm;
  let high = mm.mmapBase;
  for (let i = Math.min(indexFrom(vmas, high), vmas.length - 1); i >= 0; i--) {
    const vma = vmas[i] as PlainVma;
    if (vma.start >= high) continue;
    if (high - vma.end >= pages) return high - pages;
    high = vma.start;
  }
  return high - pages >= LOW_PAGES ? high - pages : -1;
}

function pagesIn(mm: PlainMm, start: number, end: number): number {
  let pages = 0;
  for (let i = indexFrom(mm.vmas, start); ; i++) {
    const vma = mm.vmas[i];
    if (!vma || vma.start >= end) return pages;
    pages += Math.min(vma.end, end) - Math.max(vma.start, start);
  }
}

function munmap(mm: PlainMm, addr: number, length: number): number {
  const limit = mm.taskPages * PAGE;
  const pages = Math.ceil(length / PAGE);
  if (addr % PAGE !== 0 || addr > limit || length > limit - addr || pages === 0) return refused("EINVAL");
  const start = addr / PAGE;
  const first = mm.vmas[indexFrom(mm.vmas, start)];
  const hole = first !== undefined && first.start < start && start + pages < first.end;
  if (hole && mm.vmas.length >= mm.maxMapCount) return refused("ENOMEM");
  remove(mm, start, start + pages);
  return 0;
}

function mprotect(mm: PlainMm, addr: number, length: number, prot: number): number {
  if (addr % PAGE !== 0 || (prot & ~RWX) !== 0) return refused("EINVAL");
  if (length === 0) return 0;
  const end = addr / PAGE + Math.ceil(length / PAGE);
  for (let at = addr / PAGE; at < end; ) {
    const i = indexFrom(mm.vmas, at);
    const vma = mm.vmas[i];
    if (!vma || vma.start > at) return refused("ENOMEM");
    const stop = Math.min(vma.end, end);
    const errno = protect(mm, i, at, stop, prot);
    if (errno !== 0) return errno;
    at = stop;
  }
  return 0;
}

/** mprotect_fixup. */
function protect(mm: PlainMm, i: number, start: number, end: number, prot: number): number {
  const vma = mm.vmas[i] as PlainVma;
  const pages = end - start;
  if ((prot & ~(vma.flags >> 4) & RWX) !== 0) return refused("EACCES");
  let flags = (vma.flags & ~RWX) | prot;
  if (flags === vma.flags) return 0;
  if ((flags & VM.WRITE) !== 0) {
    if ((vma.flags & VM.WRITE) === 0 && !mayExpand(mm, flags, pages)) return refused("ENOMEM");
    if ((vma.flags & (VM.ACCOUNT | VM.WRITE | VM.SHARED | VM.NORESERVE)) === 0) {
      if (pages > mm.totalPages) return refused("ENOMEM");
      mm.committed += pages;
      flags |= VM.ACCOUNT;
    }
  } else if ((flags & VM.ACCOUNT) !== 0 && vma.file === 0) {
    mm.committed -= pages;
    flags &= ~VM.ACCOUNT;
  }
  return reflag(mm, i, start, end, flags) ? 0 : refused("ENOMEM");
}

function brk(mm: PlainMm, wanted: number): number {
  if (wanted < mm.startBrk || (wanted - mm.startBrk) / PAGE > mm.mostData) return mm.brk;
  const from = Math.ceil(mm.brk / PAGE);
  const to = Math.ceil(wanted / PAGE);
  if (to < from) {
    const first = mm.vmas[indexFrom(mm.vmas, to)];
    if (!first || first.start >= from) return mm.brk;
    remove(mm, to, from);
  } else if (to > from) {
    const next = mm.vmas[indexFrom(mm.vmas, from)];
    const flags = VM.READ | VM.WRITE | MAY | VM.ACCOUNT;
    if (next && to + 1 > next.start) return mm.brk;
    if (mm.vmas.length > mm.maxMapCount || !mayExpand(mm, flags, to - from)) return mm.brk;
    if (to - from > mm.totalPages) return mm.brk;
    mm.committed += to - from;
    insert(mm, plainVma(from, to, flags, from, 0));
  }
  mm.brk = wanted;
  return mm.brk;
}

function madvise(mm: PlainMm, addr: number, length: number, advice: number): number {
  if (addr % PAGE !== 0) return refused("EINVAL");
  const end = addr / PAGE + Math.ceil(length / PAGE);
  let hole = false;
  for (let at = addr / PAGE; at < end; ) {
    const i = indexFrom(mm.vmas, at);
    const vma = mm.vmas[i];
    if (!vma || vma.start >= end) return refused("ENOMEM");
    if (vma.start > at) hole = true;
    const stop = Math.min(vma.end, end);
    const errno = advise(mm, i, Math.max(vma.start, at), stop, advice);
    if (errno !== 0) return errno;
    at = stop;
  }
  return hole ? refused("ENOMEM") : 0;
}

function advise(mm: PlainMm, i: number, start: number, end: number, advice: number): number {
  const vma = mm.vmas[i] as PlainVma;
  let flags = vma.flags;
  switch (advice) {
    case MADV.DONTNEED:
      return 0;
    case MADV.FREE:
      return vma.file === 0 ? 0 : refused("EINVAL");
    case MADV.DONTDUMP:
      flags |= VM.DONTDUMP;
      break;
    case MADV.DODUMP:
      flags &= ~VM.DONTDUMP;
      break;
    case MADV.NOHUGEPAGE:
      flags = (flags & ~VM.HUGEPAGE) | VM.NOHUGEPAGE;
      break;
    default:
      throw new Error(`advice ${advice} is not part of the workload`);
  }
  return flags === vma.flags || reflag(mm, i, start, end, flags) ? 0 : refused("EAGAIN");
}
