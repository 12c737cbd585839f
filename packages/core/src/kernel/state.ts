import type { FileId, MmId, Pid } from "../base/index.ts";
import { emptyKspace, type Kspace } from "../kspace/index.ts";
import type { MmStruct, OpenFile, ShmSegment } from "../mm/index.ts";
import type { Cpu, Ref, Task, ThreadGroup } from "../process/index.ts";
import { Table } from "../struct/index.ts";
import { bootCpus } from "./boot-cpus.ts";
import { bootMemory, type MemoryState } from "./memory-state.ts";
import type { Profile } from "./profile.ts";
import { bootTlb, type TlbState } from "./tlb-state.ts";

/** An open file as the state keeps it: while mappings, or the recording, still name it. */
export interface FileRecord {
  readonly file: OpenFile;
  /** VMAs that map it. */
  readonly mappings: number;
}

/** The whole modelled machine at one moment: frozen, sharing what did not change with its past. */
export interface KernelState {
  readonly profile: Profile;
  /** The last event that is part of this state. */
  readonly seq: number;
  readonly tasks: Table<Pid, Task>;
  readonly groups: Table<Pid, ThreadGroup>;
  readonly mms: Table<MmId, MmStruct>;
  readonly files: Table<FileId, FileRecord>;
  readonly shms: Table<number, ShmSegment>;
  /** Empty in a log that does not tell of scheduling. */
  readonly cpus: Table<number, Cpu>;
  /** Who holds which address space, by `refKey`. */
  readonly refs: Table<number, Ref>;
  /** Pids by process and by parent (`kinKey`): an index of the tasks, which says nothing of its own. */
  readonly threads: Table<number, Pid>;
  readonly children: Table<number, Pid>;
  /** Frames, page cache and swap; absent in a log that does not tell of accesses. */
  readonly memory?: MemoryState | undefined;
  /** What the CPUs' TLBs hold; absent where the profile has none. */
  readonly tlb?: TlbState | undefined;
  /** vm_committed_as, in pages. */
  readonly committed: number;
  readonly nextMm: number;
  readonly nextAnonVma: number;
  readonly nextFile: number;
  /** What is mapped in the kernel half. */
  readonly kspace: Kspace;
}

/** Ids of files that the kernel itself makes start here; a recording numbers its own from 1. */
export const KERNEL_FILES = 2 ** 31;

/** More than any pid, so that process and thread fit into one key. */
export const KIN = 2 ** 26;

/** The key of a task in the index of its process's threads, or of its parent's children. */
export const kinKey = (of: Pid, pid: Pid): number => of * KIN + pid;

export const initialState = (profile: Profile): KernelState => ({
  profile,
  seq: 0,
  groups: Table.empty(),
  files: Table.empty(),
  shms: Table.empty(),
  threads: Table.empty(),
  children: Table.empty(),
  memory: bootMemory(profile),
  tlb: bootTlb(profile),
  committed: 0,
  nextAnonVma: 1,
  nextFile: KERNEL_FILES,
  kspace: emptyKspace(),
  ...bootCpus(profile),
});

/** The address space of a process; undefined for one that has none or never was. */
export function mmOf(state: KernelState, pid: Pid): MmStruct | undefined {
  const task = state.tasks.get(pid);
  return task && state.mms.get(task.mm);
}
