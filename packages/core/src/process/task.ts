import { assert, type MmId, type Pid } from "../base/index.ts";
import type { Capabilities, Rlimits } from "../mm/index.ts";
import { lifeOf, type TaskKind, type TaskSignal, type TaskState } from "./task-life.ts";

/** No address space: kernel threads, and tasks past exit_mm. */
export const NO_MM = 0 as MmId;

/** The process that orphans go to, where the log has it. */
export const INIT = 1 as Pid;

/**
 * The key under which a CPU's idle task stands among the tasks. The kernel gives all of them the pid 0; `pidOf`
 * says that again.
 */
export const idlePid = (cpu: number): Pid => (-1 - cpu) as Pid;

/** The pid as the kernel shows it. */
export const pidOf = (task: Pick<Task, "pid">): number => Math.max(task.pid, 0);

/** task_struct: one thread. `mm` is NO_MM once it has left its address space. */
export interface Task {
  readonly pid: Pid;
  /** Absent for a user task. */
  readonly kind?: TaskKind | undefined;
  /** The thread group, which user space calls the process. */
  readonly tgid: Pid;
  readonly parent: Pid;
  readonly state: TaskState;
  readonly mm: MmId;
  /**
   * The address space whose page tables are loaded while the task runs: its own, or a borrowed one. NO_MM for a
   * task without its own that does not run.
   */
  readonly activeMm: MmId;
  /** The CPU that it runs on: on_cpu. Only a log that tells of CPUs knows. */
  readonly onCpu?: number | undefined;
  /** It left its CPU when it had exited, or called vfork, but not for the last time. */
  readonly preempted?: true | undefined;
  /** The CPU whose run queue it is on, or was on last. */
  readonly cpu?: number | undefined;
  readonly comm: string;
  readonly personality: number;
  /** Faults that were served, without and with input: min_flt, maj_flt. */
  readonly minFlt: number;
  readonly majFlt: number;
  /** The task that sleeps in vfork until this one execs or exits; 0 for none. */
  readonly vforkParent: Pid;
  /** What somebody waits for a kernel thread to do: KTHREAD_SHOULD_STOP, KTHREAD_SHOULD_PARK. */
  readonly asked?: "stop" | "park" | undefined;
}

export type TaskDraft = { -readonly [K in keyof Task]: Task[K] };

/** What all threads of a process share: signal_struct and the credentials as far as the model asks. */
export interface ThreadGroup {
  readonly tgid: Pid;
  readonly limits: Rlimits;
  readonly capabilities: Capabilities;
  /** Tasks of the group that have not exited. */
  readonly live: number;
  /** PR_SET_CHILD_SUBREAPER: orphans among its descendants become its children. */
  readonly subreaper?: true | undefined;
  /** The thread that writes a core dump, for which all others wait: core_state. */
  readonly dumper?: Pid | undefined;
  /** The OOM killer chose the process; its address space is pinned until it is gone: signal->oom_mm. */
  readonly oomMm?: MmId | undefined;
  /** SIGCHLD is ignored, or SA_NOCLDWAIT set: its children leave no zombies. */
  readonly autoreap?: true | undefined;
}

export type ThreadGroupDraft = { -readonly [K in keyof ThreadGroup]: ThreadGroup[K] };

/** Moves a task along its chart; an undrawn transition is a bug of the model. */
export function advance(task: TaskDraft, signal: TaskSignal): void {
  const next = lifeOf(task.kind).next(task.state, signal);
  assert(next, `task ${task.pid}: ${signal} is not drawn from ${task.state}`);
  task.state = next;
}

export const isLive = (task: Task): boolean => task.state !== "zombie" && task.state !== "dead";

/** How a task is born where CPUs are told of, and where not: wake_up_new_task. */
export function bornState(scheduled: boolean, kind?: TaskKind): TaskState {
  const life = lifeOf(kind);
  const state = life.next(life.initial, scheduled ? "wakeNew" : "unobserved");
  assert(state, "a new task can be woken");
  return state;
}
