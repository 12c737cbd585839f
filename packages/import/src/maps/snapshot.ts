import {
  type FileId,
  type MmStruct,
  NO_FILE,
  PAGE_SIZE,
  type Pid,
  type Request,
  VM,
  VM_MAY,
  type Vma,
  vpn,
} from "@pagetrail/core";
import type { ShownMemory, ShownTask } from "../sightings.ts";
import type { ShownFile } from "../strace/text/index.ts";
import type { MapsText, ShownVma } from "./maps-text.ts";

/** What /proc says of a process's memory. */
export interface ProcMemory extends MapsText {
  /** From /proc/PID/stat, which root may read: bytes. */
  readonly startBrk?: number;
  readonly startStack?: number;
}

/** A process that runs already, as /proc shows it. */
export interface ShownProcess {
  readonly pid: number;
  readonly tasks: readonly { readonly tid: number; readonly comm: string }[];
  readonly memory: ProcMemory;
}

/** The same as records of an import. */
export function* processRecords({ pid, tasks, memory }: ShownProcess): Generator<ShownTask | ShownMemory> {
  for (const { tid, comm } of [...tasks].sort((a, b) => Number(b.tid === pid) - Number(a.tid === pid)))
    yield { kind: "task", tid, tgid: pid as Pid, comm, isWhole: true };
  yield { kind: "snapshot", tid: pid, memory };
}

/**
 * What has to be told so that an address space is as /proc shows it: where heap and stack lie, what is gone, and
 * what is new. A mapping that is as it was is not told again.
 *
 * Of what maps does not tell, private writable memory is taken for written to and for accounted; smaps tells it.
 *
 * @param fileOf makes a mapped file known, and gives its number
 */
export function* snapshotRequests(
  mm: MmStruct | undefined,
  memory: ProcMemory,
  fileOf: (file: ShownFile) => FileId,
): Generator<Request> {
  const shown = memory.mappings.filter(({ name }) => name !== "[vsyscall]");
  const layout = layoutOf(shown, memory);
  if (!mm || !sameLayout(mm, layout)) yield layout;
  const wanted = shown.map((mapping) => appearance(mapping, memory.kind, fileOf));
  const standing = new Map(mm?.vmas.toArray().map((vma) => [vma.start, vma]));
  const fresh = wanted.filter((one) => {
    const vma = standing.get(one.start);
    const same = vma !== undefined && isSame(vma, one);
    if (same) standing.delete(vma.start);
    return !same;
  });
  for (const { start, end } of standing.values()) yield { call: "disappears", start, end };
  yield* fresh;
}

type Appearance = Request & { readonly call: "appears" };
type Layout = Request & { readonly call: "layout" };

function appearance(
  { vma, name, device, inode, sizes }: ShownVma,
  kind: MapsText["kind"],
  fileOf: (file: ShownFile) => FileId,
): Appearance {
  const isPrivate = (vma.flags & (VM.WRITE | VM.SHARED)) === VM.WRITE;
  const identity = device === undefined || inode === undefined ? {} : { device, inode };
  const file = vma.file === NO_FILE ? NO_FILE : fileOf({ path: name, ...identity });
  const written = kind === "smaps" ? (sizes.get("Anonymous") ?? 0) > 0 : isPrivate;
  const supposed = VM_MAY | (isPrivate ? VM.ACCOUNT : 0) | (name === "[stack]" ? VM.GROWSDOWN : 0);
  return {
    call: "appears",
    start: vma.start,
    end: vma.end,
    flags: kind === "smaps" ? vma.flags : vma.flags | supposed,
    high: vma.high,
    pgoff: vma.pgoff,
    file,
    ...(vma.ops.label === undefined ? {} : { label: vma.ops.label }),
    ...(written ? { written: 1 } : {}),
  };
}

const isSame = (vma: Vma, one: Appearance): boolean =>
  vma.end === one.end &&
  vma.flags === one.flags &&
  vma.high === one.high &&
  vma.file === one.file &&
  (vma.file === NO_FILE || vma.pgoff === one.pgoff) &&
  vma.ops.label === one.label;

/** mmap searches downward from the highest mapping below the stack: there exec put the first. */
function layoutOf(shown: readonly ShownVma[], { startBrk, startStack }: ProcMemory): Layout {
  const heap = shown.find(({ name }) => name === "[heap]")?.vma;
  const stack = shown.find(({ name }) => name === "[stack]")?.vma;
  const below = shown.filter(({ vma }) => !stack || vma.end <= stack.start);
  const begin = startBrk ?? (heap ? heap.start * PAGE_SIZE : 0);
  const within = stack ? stack.end * PAGE_SIZE - WORD : 0;
  return {
    call: "layout",
    mmapBase: vpn(below.at(-1)?.vma.end ?? 0),
    brk: heap ? heap.end * PAGE_SIZE : begin,
    startBrk: begin,
    startStack: startStack ?? within,
  };
}

const WORD = 8;

const sameLayout = (mm: MmStruct, { brk, startBrk, startStack }: Layout): boolean =>
  mm.brk === brk && mm.startBrk === startBrk && mm.startStack === startStack;
