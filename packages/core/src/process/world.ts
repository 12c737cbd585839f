import type { Layout } from "../arch/index.ts";
import type { MmId, Pid, Trace } from "../base/index.ts";
import type { MmDraft, MmEdit, MmScalar, MmStruct, OpenFile, Sysctl, VdsoPages } from "../mm/index.ts";
import type { TlbMachine } from "../paging/index.ts";
import type { Cpu, CpuDraft, Scheduling } from "./cpu.ts";
import type { Ref } from "./ledger.ts";
import type { Task, TaskDraft, ThreadGroup, ThreadGroupDraft } from "./task.ts";

/** The state that process operations read and change: one transaction of the kernel room. */
export interface World {
  readonly layout: Layout;
  readonly sysctl: Sysctl;
  readonly vdso: VdsoPages;
  readonly scheduling: Scheduling;
  /** Who asks for the way that an operation takes. */
  readonly trace?: Trace | undefined;
  /** The event that is being done. */
  readonly now: number;

  peekTask(pid: Pid): Task | undefined;
  task(pid: Pid): TaskDraft;
  /** The threads of a process that are still among the tasks, and the tasks whose parent it is. */
  threads(tgid: Pid): readonly Task[];
  children(parent: Pid): readonly Task[];
  addTask(task: Task): void;
  removeTask(pid: Pid): void;
  setParent(pid: Pid, parent: Pid): void;

  cpus(): Iterable<Cpu>;
  peekCpu(id: number): Cpu | undefined;
  cpu(id: number): CpuDraft;
  /** What the CPUs' TLBs hold; undefined where none are modelled. */
  readonly tlb: TlbMachine | undefined;

  /** The ledger of who holds which address space, by `refKey`. */
  peekRef(key: number): Ref | undefined;
  setRef(key: number, ref: Ref | undefined): void;
  namedRefs(): readonly Ref[];
  /** The highest key of the ledger. */
  lastRef(): number;

  peekGroup(tgid: Pid): ThreadGroup | undefined;
  group(tgid: Pid): ThreadGroupDraft;
  addGroup(group: ThreadGroup): void;
  removeGroup(tgid: Pid): void;

  newMmId(): MmId;
  mm(id: MmId): MmDraft;
  /** Sets a field of an address space, with a step. */
  setMm<F extends MmScalar>(id: MmId, field: F, value: MmStruct[F]): void;
  /** @param pages where pages are modelled: a new top table, or what `mm` has, none where they are not known */
  addMm(mm: MmStruct, pages?: "fresh" | "given"): void;
  removeMm(id: MmId): void;
  /** Frees the top table of an address space that nobody refers to any more: mm_free_pgd. */
  freePgd(id: MmId): void;
  /** An address space checked out for an operation on behalf of `task`: its limits and personality. */
  edit(mm: MmDraft, task: Task): MmEdit;
  /** An address space checked out to be taken down, which asks nobody for permission. */
  teardown(mm: MmDraft): MmEdit;

  makeFile(file: Omit<OpenFile, "id">): OpenFile;
}
