import type { MmId, Step } from "../base/index.ts";
import type { Kspace } from "../kspace/index.ts";
import type { MmPages, MmStep, MmStruct, VmaStep } from "../mm/index.ts";
import type { MemoryState } from "./memory-state.ts";
import type { KernelState } from "./state.ts";
import type { TlbState } from "./tlb-state.ts";

/** An address space came into being, or was freed. */
export interface SpaceStep extends Step {
  readonly kind: "space";
  readonly mm: MmId;
  readonly before: MmStruct | undefined;
  readonly after: MmStruct | undefined;
}

/** Tables whose records are told as a whole, at the end of a transaction. */
export type RecordTable = "tasks" | "groups" | "files" | "shms" | "cpus" | "refs";

/** A task, a thread group, an open file, a segment, a CPU or a line of the ledger came, went or changed. */
export interface RecordStep extends Step {
  readonly kind: "task" | "group" | "file" | "shm" | "cpu" | "ref";
  readonly table: RecordTable;
  readonly key: number;
  readonly before: object | undefined;
  readonly after: object | undefined;
}

/** What the machine counts: committed pages, and the next names that it gives. */
export type Counters = Pick<KernelState, "seq" | "committed" | "nextMm" | "nextAnonVma" | "nextFile">;

export interface CounterStep extends Step {
  readonly kind: "counters";
  readonly before: Counters;
  readonly after: Counters;
}

/** Page tables or resident pages of an address space changed. */
export interface PteStep extends Step {
  readonly kind: "pte";
  readonly mm: MmId;
  readonly before: MmPages | undefined;
  readonly after: MmPages | undefined;
}

/** Frames, page cache or swap changed. */
export interface FrameStep extends Step {
  readonly kind: "frame";
  readonly before: MemoryState;
  readonly after: MemoryState;
}

/** What TLBs hold, or what is known of them, changed. */
export interface TlbStep extends Step {
  readonly kind: "tlb";
  readonly before: TlbState;
  readonly after: TlbState;
}

/** Something in the kernel half was mapped, or no longer is. */
export interface KspaceStep extends Step {
  readonly kind: "kspace";
  readonly before: Kspace;
  readonly after: Kspace;
}

/** Everything that a transaction can do to a state. */
export type KernelStep =
  | VmaStep
  | MmStep
  | SpaceStep
  | RecordStep
  | KspaceStep
  | TlbStep
  | CounterStep
  | PteStep
  | FrameStep;

export const RECORD_KINDS: Readonly<Record<RecordTable, RecordStep["kind"]>> = {
  tasks: "task",
  groups: "group",
  files: "file",
  shms: "shm",
  cpus: "cpu",
  refs: "ref",
};

export const countersOf = ({ seq, committed, nextMm, nextAnonVma, nextFile }: KernelState): Counters => ({
  seq,
  committed,
  nextMm,
  nextAnonVma,
  nextFile,
});
