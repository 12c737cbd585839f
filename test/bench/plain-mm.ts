import { type KernelState, mmOf, type Pid, VM } from "@pagetrail/core";

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

export const PAGE = 4096;

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

/** All records are made here, so that the engine sees one shape. */
export const plainVma = (
  start: number,
  end: number,
  flags: number,
  pgoff: number,
  file: number,
): PlainVma => ({
  start,
  end,
  flags,
  pgoff,
  file,
});

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
export function mayExpand(mm: PlainMm, flags: number, pages: number): boolean {
  if (mm.totalVm + pages > mm.mostPages) return false;
  return (flags & (VM.WRITE | VM.SHARED)) !== VM.WRITE || mm.dataVm + pages <= mm.mostData;
}

const alike = (a: PlainVma, b: PlainVma): boolean =>
  a.end === b.start && a.flags === b.flags && a.file === b.file && a.pgoff + (a.end - a.start) === b.pgoff;

/** Adds a VMA where nothing is, as one with its neighbours where they are alike. */
export function insert(mm: PlainMm, vma: PlainVma): void {
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

/** Takes out what is mapped in [start, end). */
export function remove(mm: PlainMm, start: number, end: number): void {
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

/**
 * vma_modify: the pages [start, end) of VMA `i` get these flags; it merges or is split. Says whether
 * max_map_count let it.
 */
export function reflag(mm: PlainMm, i: number, start: number, end: number, flags: number): boolean {
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
  if (vmas.length + splits > mm.maxMapCount) return false;
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
  return true;
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
