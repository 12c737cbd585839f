import type { MmId, Pid } from "../base/index.ts";
import type { Event, KernelState } from "../kernel/index.ts";

/** One moment of a log as an expression sees it: an event with the states before and behind it. */
export interface Moment {
  /** Absent at the start, before the first event: there both states are the first. */
  readonly event: Event | undefined;
  readonly before: KernelState;
  readonly after: KernelState;
  /** The first time that the log tells, in seconds. */
  readonly started: number | undefined;
  /** The address space that a process without one had last; undefined where it never had one. */
  lastSpace(pid: Pid): MmId | undefined;
}
