import type { AccessKind, Pid } from "@pagetrail/core";
import type { ProcMemory } from "./maps/snapshot.ts";
import type { ShownFile, StackFrame } from "./strace/text/index.ts";

/** What a recording can show besides calls. */
export type Sighting = Touch | ShownMapping | ShownTask | ShownMemory | ShownSwitch;

/** A page fault in user memory. */
export interface Touch {
  readonly kind: "touch";
  readonly tid: number;
  readonly addr: number;
  /** Undefined where the recording does not tell. */
  readonly access: AccessKind | undefined;
  /** The kernel touched it for the program, inside a call. */
  readonly inKernel: boolean;
  /** It touched the memory of a program that it was putting into place: part of the exec before it. */
  readonly ofExec?: true;
  /** The recording has every fault of this kind, so that memory without one was not touched. */
  readonly complete: boolean;
  /** Where it stands in the recording that the log's lines are about. */
  readonly line?: number;
  /** Seconds. */
  readonly time?: number;
  /** User frames, innermost first. */
  readonly stack?: readonly StackFrame[];
}

/** A mapping that is there, and no call of the recording made it. */
export interface ShownMapping {
  readonly kind: "mapping";
  readonly tid: number;
  readonly start: number;
  readonly length: number;
  /** Bytes. */
  readonly offset: number;
  /** As in maps: r-xp. */
  readonly perms: string;
  /** Undefined for anonymous memory. */
  readonly file: ShownFile | undefined;
  /** Seconds. */
  readonly time?: number;
}

/** A task as a context switch names it; pid 0 is a CPU's idle task. */
export interface SwitchedTask {
  readonly pid: number;
  readonly comm: string;
  /** The recording shows memory or calls of its own: it is no kernel thread. */
  readonly isUser: boolean;
}

/** A CPU turned from one task to another. */
export interface ShownSwitch {
  readonly kind: "switch";
  readonly cpu: number;
  readonly prev: SwitchedTask;
  /** The letter of the state in which the first left. */
  readonly state: string;
  readonly next: SwitchedTask;
  readonly line?: number;
  /** Seconds. */
  readonly time?: number;
}

/** All of a process's mappings, as /proc shows them. */
export interface ShownMemory {
  readonly kind: "snapshot";
  readonly tid: number;
  readonly memory: ProcMemory;
  /** Seconds. */
  readonly time?: number;
}

/** A task from before the recording. */
export interface ShownTask {
  readonly kind: "task";
  readonly tid: number;
  readonly tgid: Pid;
  readonly comm: string;
  /** All of its mappings are told, too. */
  readonly isWhole?: true;
}
