import { type KernelState, type MmStruct, maps as mapsText, mmOf, type Pid } from "@pagetrail/core";
import { type Run, stateAt } from "./run.ts";

/** A line of `/proc/PID/maps`. What a short line leaves out is undefined. */
export interface Mapping {
  /** The first byte. */
  readonly start: number;
  /** The first byte behind it. */
  readonly end: number;
  /** As the kernel prints them: `rw-p`. */
  readonly permissions: string;
  /** Of the file, in bytes. */
  readonly offset?: number;
  readonly device?: string;
  readonly inode?: number;
  /** A file's path, or a name such as `[heap]`; empty for none. */
  readonly name?: string;
  /** The line as it stands in the text. */
  readonly line: string;
}

const LINE =
  /^([0-9a-f]+)-([0-9a-f]+)\s+([r-][w-][x-][ps])(?:\s+([0-9a-f]{8,})\s+([0-9a-f]+:[0-9a-f]+)\s+(\d+))?(?:\s+(.*))?$/;

/** The mappings of an address space, in order of address. */
export class Maps {
  private constructor(readonly mappings: readonly Mapping[]) {}

  /**
   * Reads a text of `/proc/PID/maps`. A line may be shortened to range and permissions, with or without a name; empty
   * lines and spaces around lines count for nothing. Throws at any other line.
   */
  static parse(text: string): Maps {
    return new Maps(
      text.split("\n").flatMap((line) => {
        const trimmed = line.trim();
        return trimmed === "" ? [] : [parseMapping(trimmed)];
      }),
    );
  }

  /** Bytes of all mappings together, the page `[vsyscall]` aside, as the kernel counts them. */
  get bytes(): number {
    return this.mappings
      .filter(({ name }) => name !== VSYSCALL_NAME)
      .reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** The text, a line a mapping. */
  toString(): string {
    return this.mappings.map(({ line }) => line).join("\n");
  }
}

/** The name of the page that every process of a 64-bit kernel has at the end of its maps. */
export const VSYSCALL_NAME = "[vsyscall]";

/** Reads one line of maps, whole or shortened. */
export function parseMapping(line: string): Mapping {
  const parts = LINE.exec(line);
  const [, start = "", end = "", permissions = "", offset, device, inode, name] = parts ?? [];
  if (!parts || bytesOf(start) >= bytesOf(end)) throw new Error(`this is no line of maps: ${line}`);
  const file =
    offset === undefined || device === undefined
      ? name !== undefined && { name }
      : { offset: bytesOf(offset), device, inode: Number(inode), name: name ?? "" };
  return { start: bytesOf(start), end: bytesOf(end), permissions, ...file, line };
}

/** Whole pages below 2^64 are numbers without loss. */
const bytesOf = (hex: string): number => Number(BigInt(`0x${hex}`));

/** What has one address space to look at: a process of a state, a machine or a strip, or a text of maps. */
export type MapsSubject = string | Maps | Run | KernelState | StateSubject;

/** What stands at some moment, and the process that is meant. */
export interface StateSubject {
  readonly state: KernelState;
  /** Needed only where several processes have an address space. */
  readonly process?: Pid | number | undefined;
}

/**
 * The mappings that something has; those of a run are what it ends with.
 *
 * @param process the process that is meant, where there are several
 */
export function mapsOf(subject: MapsSubject, process?: number): Maps {
  if (typeof subject === "string") return Maps.parse(subject);
  if (subject instanceof Maps) return subject;
  const state = stateOf(subject);
  const told = process ?? ("process" in subject ? subject.process : undefined);
  const mm = told === undefined ? onlyMm(state) : mmOf(state, told as Pid);
  if (!mm) throw new Error(`process ${told} has no address space behind event ${state.seq}`);
  return Maps.parse(mapsText(state, mm));
}

/** The state that something stands at; that of a run is its last. */
export function stateOf(subject: Run | KernelState | StateSubject): KernelState {
  if ("state" in subject) return subject.state;
  return "tasks" in subject ? subject : stateAt(subject);
}

function onlyMm(state: KernelState): MmStruct {
  const found = processesOf(state);
  const [only] = found;
  if (only && found.length === 1) return only.mm;
  const pids = found.map(({ pid }) => pid).join(", ");
  throw new Error(
    found.length === 0
      ? `no process has an address space behind event ${state.seq}: stateAt and stateBefore give earlier states`
      : `which process? ${pids} have an address space behind event ${state.seq}: pass { state, process }`,
  );
}

/** Processes that have an address space, with the name of each. */
export function processesOf(
  state: KernelState,
): readonly { readonly pid: Pid; readonly comm: string; readonly mm: MmStruct }[] {
  const found = new Map<Pid, { readonly pid: Pid; readonly comm: string; readonly mm: MmStruct }>();
  for (const { pid, tgid, comm } of state.tasks.values()) {
    const mm = mmOf(state, pid);
    if (mm && !found.has(tgid)) found.set(tgid, { pid: tgid, comm, mm });
  }
  return [...found.values()];
}

/** Bytes as text: in K, M or G where they are whole. */
export function sizeText(bytes: number): string {
  for (const [unit, size] of UNITS) if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  return String(bytes);
}

const UNITS = [
  ["G", 2 ** 30],
  ["M", 2 ** 20],
  ["K", 2 ** 10],
] as const;
