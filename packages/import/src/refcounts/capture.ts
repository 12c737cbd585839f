/** The address of a descriptor as the capture prints it; "0" is NULL. */
export type Pointer = string;

export const NULL: Pointer = "0";

/** A task as one event shows it. What the capture could not name is undefined. */
export interface TaskSample {
  readonly pid: number;
  readonly tgid: number | undefined;
  readonly comm: string;
  /** Whether it is a kernel thread, where the format says so. */
  readonly kernel: boolean | undefined;
  readonly mm: Pointer | undefined;
  /** NULL for a task that does not run and has no mm of its own. */
  readonly activeMm: Pointer | undefined;
}

/** mm_users and mm_count of a descriptor, read at one event. */
export interface CountSample {
  readonly mm: Pointer;
  readonly users: number;
  readonly count: number;
}

interface Common {
  readonly line: number;
  /** Nanoseconds of the machine's clock. */
  readonly time: bigint;
  readonly cpu: number;
  readonly counts: readonly CountSample[];
}

export interface SwitchEvent extends Common {
  readonly kind: "switch";
  readonly prev: TaskSample;
  readonly next: TaskSample;
  /** How the previous task leaves: R, S, D, I, T, t, P, or X when it has exited. */
  readonly state: string;
}

export interface NewTaskEvent extends Common {
  readonly kind: "newtask";
  readonly parent: TaskSample;
  readonly child: TaskSample;
  readonly flags: number;
}

export interface TaskEvent extends Common {
  readonly kind: "exec" | "exit" | "free" | "wakenew";
  readonly task: TaskSample;
  /** Of an exec: the pid that the task had before. */
  readonly oldPid?: number;
}

/** The mappings of an address space without users are about to be taken down. */
export interface ExitMmapEvent extends Common {
  readonly kind: "exit_mmap";
  readonly task: TaskSample;
  readonly torn: Pointer;
}

/** One event of a capture; it was recorded before it acted. */
export type CaptureEvent = SwitchEvent | NewTaskEvent | TaskEvent | ExitMmapEvent;
