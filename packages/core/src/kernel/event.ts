import type { Pid } from "../base/index.ts";
import type { Outcome, Request } from "./request.ts";

/** A fact: what was asked, by whom, and what came of it. A log is made of these. */
export interface Event {
  /** Counts from 1. */
  readonly seq: number;
  /** The task that asked. */
  readonly tid: Pid;
  readonly request: Request;
  readonly outcome: Outcome;
  /** What the model would have answered, where the recording says otherwise. */
  readonly divergence?: Outcome;
  /**
   * The program did other things since its last event, so that the memory it has may be taken for written
   * to: for recordings that do not show page faults.
   */
  readonly ran?: true;
  /** The memory at this address was written to since the address space's last event. */
  readonly wrote?: number;
  /** The name under which the recording has the call, where it is not the request's own. */
  readonly as?: string;
  /** Line of the imported recording on which the call returned. */
  readonly line?: number;
  /** Seconds, as the recording counts them. */
  readonly time?: number;
  /** Fields of the request that were estimated rather than seen. */
  readonly assumed?: readonly string[];
}

/** Whether the event is a system call of the recording, rather than something known from elsewhere. */
export const isSystemCall = (event: Event): boolean =>
  event.line !== undefined && event.request.call !== "file";
