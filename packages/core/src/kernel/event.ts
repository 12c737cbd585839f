import type { Pid } from "../base/index.ts";
import type { Call, Outcome, Request } from "./request.ts";

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
   * to: for recordings that do not show page faults. While it does no more than open and read files, as the
   * dynamic loader does ("loading"), that does not go for the zeros behind a mapped file.
   */
  readonly ran?: true | "loading";
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

/** Whether the event is a system call of the recording, rather than a fault or something known from elsewhere. */
export const isSystemCall = (event: Event): boolean =>
  event.line !== undefined && event.request.call !== "file" && event.request.call !== "access";

/** Calls whose outcome no rule of the model decides: taken from the recording as they are. */
const UNDECIDED: ReadonlySet<Call> = new Set<Call>([
  "adopt",
  "reveal",
  "layout",
  "file",
  "kill",
  "abandon",
  "reap",
  "access",
  "cached",
  "exit",
  "exit_group",
  "shmget",
  "shmrm",
  "unlink",
  "rename",
  "given",
]);

/**
 * Whether the model says by itself how the call ends; only those count towards its accuracy. An outcome
 * from which a layout was learnt is no prediction.
 */
export function isDecided({ request, assumed }: Pick<Event, "request" | "assumed">): boolean {
  if (assumed?.includes("outcome")) return false;
  if (request.call === "clone") return request.child !== 0;
  if (request.call === "execve") return request.load !== undefined || request.refused !== undefined;
  return !UNDECIDED.has(request.call);
}
