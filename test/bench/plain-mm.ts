import { ERRNO, type Errno, type KernelState, MADV, MAP, mmOf, type Pid, PROT, type Request, VM } from "@pagetrail/core";

/** A VMA as a program without history keeps it: a record that is edited in place. Pages. */
export interface PlainVma {
  start: number;
  end: number;
  flags: number;
  pgoff: number;
  file: number;
}

/** One address space as plain mutable data: what replay is measured against. */
export interface PlainMm {
  readonly mmapBase: number;
  readonly taskPages: number;
  readonly maxMapCount: number;
  /** RLIMIT_AS, RLIMIT_DATA and RAM with swap, in pages. */
  readonly mostPages: number;
  readonly mostData: number;
  readonly totalPages: number;
  readonly startBrk: number;
  brk: number;
  /** Sorted by address. */
  vmas: PlainVma[];
  totalVm: number;
  execVm: number;
  dataVm: number;
  hiwaterVm: number;
  committed: number;
  /** How many VMAs map each file, by its number. */
  mappings: number[];
}

const PAGE = 4096;
const LOW_PAGES = 16;
const RWX = PROT.READ | PROT.WRITE | PROT.EXEC;
const MAY = VM.MAYREAD | VM.MAYWRITE | VM.MAYEXEC;

/** The same address space as the model's, in plain data. */
export function plainMm(state: KernelState, pid: Pid): PlainMm {
  const mm = mmOf(state, pid);
  const limits = state.groups.get(pid)?.limits;
  if (!mm || !limits) throw new Error(`process ${pid} has no address space`);
  const { sysctl } = state.profile;
  const mappings: number[] = [0];
  for (const { file, mappings: count } of state.files.values()) mappings[file.id] = count;
  return {
    mmapBase: mm.mmapBase,
    taskPages: mm.layout.taskSize / PAGE,
    maxMapCount: sysctl.maxMapCount,
    mostPages: Math.floor(limits.as.soft / PAGE),
    mostData: Math.floor(limits.data.soft / PAGE),
    totalPages: sysctl.totalPages + sysctl.swapPages,
    startBrk: mm.startBrk,
    brk: mm.brk,
    vmas: mm.vmas.toArray().map((v) => plainVma(v.start, v.end, v.flags, v.pgoff, v.file)),
    totalVm: mm.totalVm,
    execVm: mm.execVm,
    dataVm: mm.dataVm,
    hiwaterVm: mm.hiwaterVm,
    committed: state.committed,
    mappings,
  };
}

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

/** All records are made here, so that the engine sees one shape. */
const plainVma = (start: number, end: number, flags: number, pgoff: number, file: number): PlainVma => ({
  start,
  end,
  flags,
  pgoff,
  file,
});

const refused = (errno: Errno): number => -ERRNO[errno];

/** Index of the first VMA that ends above `page`. */
export function indexFrom(vmas: readonly PlainVma[], page: number): number {
  let low = 0;
  let high = vmas.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((vmas[middle] as PlainVma).end > page) high = middle;
    else low = middle + 1;
  }
  return low;
}

function account(mm: PlainMm, flags: number, pages: number): void {
  mm.totalVm += pages;
  if ((flags & (VM.EXEC | VM.WRITE)) === VM.EXEC) mm.execVm += pages;
  else if ((flags & (VM.WRITE | VM.SHARED)) === VM.WRITE) mm.dataVm += pages;
}

/** may_expand_vm. */
function mayExpand(mm: PlainMm, flags: number, pages: number): boolean {
  if (mm.totalVm + pages > mm.mostPages) return false;
  return (flags & (VM.WRITE | VM.SHARED)) !== VM.WRITE || mm.dataVm + pages <= mm.mostData;
}

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

const alike = (a: PlainVma, b: PlainVma): boolean =>
  a.end === b.start && a.flags === b.flags && a.file === b.file && a.pgoff + (a.end - a.start) === b.pgoff;

/** Adds a VMA where nothing is, as one with its neighbours where they are alike. */
function insert(mm: PlainMm, vma: PlainVma): void {
  const { vmas } = mm;
  const i = indexFrom(vmas, vma.start);
  const left = vmas[i - 1];
  const right = vmas[i];
  const joinsLeft = left !== undefined && alike(left, vma);
  const joinsRight = right !== undefined && alike(vma, right);
  account(mm, vma.flags, vma.end - vma.start);
  if (joinsLeft && joinsRight) {
    left.end = right.end;
    vmas.splice(i, 1);
    countMapping(mm, vma.file, -1);
  } else if (joinsLeft) left.end = vma.end;
  else if (joinsRight) moveStart(right, vma.start);
  else {
    vmas.splice(i, 0, vma);
    countMapping(mm, vma.file, 1);
  }
}

function moveStart(vma: PlainVma, start: number): void {
  vma.pgoff += start - vma.start;
  vma.start = start;
}

/** What a VMA has from page `at` on. */
const upperPart = (vma: PlainVma, at: number): PlainVma =>
  plainVma(at, vma.end, vma.flags, vma.pgoff + (at - vma.start), vma.file);

function countMapping(mm: PlainMm, file: number, change: number): void {
  if (file !== 0) mm.mappings[file] = (mm.mappings[file] ?? 0) + change;
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

/** Takes out what is mapped in [start, end). */
function remove(mm: PlainMm, start: number, end: number): void {
  const { vmas } = mm;
  const from = indexFrom(vmas, start);
  const first = vmas[from];
  if (!first || first.start >= end) return;
  mm.hiwaterVm = Math.max(mm.hiwaterVm, mm.totalVm);
  let i = from;
  if (first.start < start) {
    release(mm, first, Math.min(first.end, end) - start);
    if (first.end > end) {
      vmas.splice(i + 1, 0, upperPart(first, end));
      countMapping(mm, first.file, 1);
    }
    first.end = start;
    i += 1;
  }
  let to = i;
  for (let vma = vmas[to]; vma && vma.end <= end; vma = vmas[to]) {
    release(mm, vma, vma.end - vma.start);
    countMapping(mm, vma.file, -1);
    to += 1;
  }
  const last = vmas[to];
  if (last && last.start < end) {
    release(mm, last, end - last.start);
    moveStart(last, end);
  }
  if (to > i) vmas.splice(i, to - i);
}

function release(mm: PlainMm, vma: PlainVma, pages: number): void {
  account(mm, vma.flags, -pages);
  if ((vma.flags & VM.ACCOUNT) !== 0) mm.committed -= pages;
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
  return reflag(mm, i, start, end, flags);
}

/** vma_modify: the pages [start, end) of VMA `i` get these flags; it merges or is split. */
function reflag(mm: PlainMm, i: number, start: number, end: number, flags: number): number {
  const { vmas } = mm;
  const vma = vmas[i] as PlainVma;
  const { file } = vma;
  const atStart = start === vma.start;
  const atEnd = end === vma.end;
  const x = plainVma(start, end, flags, vma.pgoff + (start - vma.start), file);
  const before = atStart ? vmas[i - 1] : undefined;
  const after = atEnd ? vmas[i + 1] : undefined;
  const left = before && alike(before, x) ? before : undefined;
  const right = after && alike(x, after) ? after : undefined;
  const splits = left || right ? 0 : (atStart ? 0 : 1) + (atEnd ? 0 : 1);
  if (vmas.length + splits > mm.maxMapCount) return refused("ENOMEM");
  account(mm, vma.flags, start - end);
  account(mm, flags, end - start);
  if (left && right) {
    left.end = right.end;
    vmas.splice(i, 2);
    countMapping(mm, file, -2);
  } else if (left || right) {
    if (left) left.end = end;
    else if (right) moveStart(right, start);
    if (atStart && atEnd) {
      vmas.splice(i, 1);
      countMapping(mm, file, -1);
    } else if (left) moveStart(vma, end);
    else vma.end = start;
  } else if (splits === 0) vma.flags = flags;
  else split(mm, i, x);
  return 0;
}

/** Puts `x` in the place of a part of VMA `i`. */
function split(mm: PlainMm, i: number, x: PlainVma): void {
  const vma = mm.vmas[i] as PlainVma;
  if (x.start === vma.start) {
    moveStart(vma, x.end);
    mm.vmas.splice(i, 0, x);
  } else if (x.end === vma.end) {
    vma.end = x.start;
    mm.vmas.splice(i + 1, 0, x);
  } else {
    const rest = upperPart(vma, x.end);
    vma.end = x.start;
    mm.vmas.splice(i + 1, 0, x, rest);
    countMapping(mm, vma.file, 1);
  }
  countMapping(mm, vma.file, 1);
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
  return flags === vma.flags ? 0 : reflag(mm, i, start, end, flags);
}
