import { assert, type MmId, type Pid } from "../base/index.ts";
import type { Capabilities, Rlimits } from "../mm/index.ts";
import { type TaskSignal, type TaskState, taskLife } from "./task-life.ts";

/** No address space: kernel threads, and tasks past exit_mm. */
export const NO_MM = 0 as MmId;

/** task_struct: one thread. `mm` is NO_MM once it has left its address space. */
export interface Task {
  readonly pid: Pid;
  /** The thread group, which user space calls the process. */
  readonly tgid: Pid;
  readonly parent: Pid;
  readonly state: TaskState;
  readonly mm: MmId;
  readonly activeMm: MmId;
  readonly comm: string;
  readonly personality: number;
  /** Faults that were served, without and with input: min_flt, maj_flt. */
  readonly minFlt: number;
  readonly majFlt: number;
  /** The task that sleeps in vfork until this one execs or exits; 0 for none. */
  readonly vforkParent: Pid;
}

export type TaskDraft = { -readonly [K in keyof Task]: Task[K] };

/** What all threads of a process share: signal_struct and the credentials as far as the model asks. */
export interface ThreadGroup {
  readonly tgid: Pid;
  readonly limits: Rlimits;
  readonly capabilities: Capabilities;
  /** Tasks of the group that have not exited. */
  readonly live: number;
}

export type ThreadGroupDraft = { -readonly [K in keyof ThreadGroup]: ThreadGroup[K] };

/** Moves a task along its chart; an undrawn transition is a bug of the model. */
export function advance(task: TaskDraft, signal: TaskSignal): void {
  const next = taskLife.next(task.state, signal);
  assert(next, `task ${task.pid}: ${signal} is not drawn from ${task.state}`);
  task.state = next;
}

export const isLive = (task: Task): boolean => task.state === "running" || task.state === "vforked";
