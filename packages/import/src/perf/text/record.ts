import type { ShownFile, StackFrame } from "../../strace/text/index.ts";

/** One thing that the text of perf script says. `line` counts from 1. */
export type PerfRecord =
  | PerfSample
  | PerfMapping
  | PerfComm
  | PerfFork
  | PerfExit
  | PerfLost
  | PerfOther
  | PerfUnreadable;

/** Who did it, and when. */
export interface PerfMoment {
  readonly line: number;
  readonly tid: number;
  /** With -F pid only. */
  readonly pid?: number;
  readonly comm?: string;
  /** Where it happened, unless -F leaves it out. */
  readonly cpu?: number;
  /** Seconds, as perf's clock counts them. */
  readonly time?: number;
}

/** An event that perf sampled, of whatever kind. */
export interface PerfSample extends PerfMoment {
  readonly kind: "sample";
  /** Without modifiers: "page-faults", "syscalls:sys_enter_mmap". */
  readonly event: string;
  /** How many events stand behind this one, where the text says so. */
  readonly period?: number;
  /** What is printed behind the event's name. */
  readonly text: string;
  /** The call chain (-g), innermost frame first. */
  readonly stack?: readonly StackFrame[];
}

/** PERF_RECORD_MMAP and PERF_RECORD_MMAP2 of user memory. */
export interface PerfMapping extends PerfMoment {
  readonly kind: "mapping";
  readonly start: number;
  readonly length: number;
  /** Bytes. */
  readonly offset: number;
  /** As in maps: r-xp. */
  readonly perms: string;
  /** A path, [stack], //anon … */
  readonly file: ShownFile;
}

/** PERF_RECORD_COMM: a task has another name, also because it runs another program. */
export interface PerfComm extends PerfMoment {
  readonly kind: "comm";
  readonly name: string;
  readonly process: number;
  readonly exec: boolean;
}

/** PERF_RECORD_FORK */
export interface PerfFork extends PerfMoment {
  readonly kind: "fork";
  readonly child: PerfTask;
  readonly parent: PerfTask;
}

/** PERF_RECORD_EXIT */
export interface PerfExit extends PerfMoment {
  readonly kind: "exit";
  readonly task: PerfTask;
}

export interface PerfTask {
  readonly pid: number;
  readonly tid: number;
}

/** PERF_RECORD_LOST and its like: events that the recording lacks. */
export interface PerfLost {
  readonly kind: "lost";
  readonly line: number;
  readonly count: number;
}

/** Another PERF_RECORD_, by its name. */
export interface PerfOther {
  readonly kind: "other";
  readonly line: number;
  readonly name: string;
}

export interface PerfUnreadable {
  readonly kind: "unreadable";
  readonly line: number;
  /** The first 200 characters. */
  readonly text: string;
  /** What is wrong with it, and what to do. */
  readonly why: string;
}
