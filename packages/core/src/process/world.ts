import type { Layout } from "../arch/index.ts";
import type { MmId, Pid } from "../base/index.ts";
import type { MmDraft, MmEdit, MmScalar, MmStruct, OpenFile, Sysctl, VdsoPages } from "../mm/index.ts";
import type { Task, TaskDraft, ThreadGroup, ThreadGroupDraft } from "./task.ts";

/** The state that process operations read and change: one transaction of the kernel room. */
export interface World {
  readonly layout: Layout;
  readonly sysctl: Sysctl;
  readonly vdso: VdsoPages;

  peekTask(pid: Pid): Task | undefined;
  task(pid: Pid): TaskDraft;
  tasks(): Iterable<Task>;
  addTask(task: Task): void;
  removeTask(pid: Pid): void;

  peekGroup(tgid: Pid): ThreadGroup | undefined;
  group(tgid: Pid): ThreadGroupDraft;
  addGroup(group: ThreadGroup): void;
  removeGroup(tgid: Pid): void;

  newMmId(): MmId;
  mm(id: MmId): MmDraft;
  /** Sets a field of an address space, with a step. */
  setMm<F extends MmScalar>(id: MmId, field: F, value: MmStruct[F]): void;
  addMm(mm: MmStruct): void;
  removeMm(id: MmId): void;
  /** Frees the top table of an address space that nobody refers to any more: mm_free_pgd. */
  freePgd(id: MmId): void;
  /** An address space checked out for an operation on behalf of `task`: its limits and personality. */
  edit(mm: MmDraft, task: Task): MmEdit;

  makeFile(file: Omit<OpenFile, "id">): OpenFile;
}
