import type { Pid } from "../base/index.ts";
import type { Call, Outcome, Request, Scheduled } from "./request.ts";

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
  /** The user stack of the call, innermost frame first, each as `symbol+0x10 (file)`. */
  readonly stack?: readonly string[];
  /** Fields of the request that were estimated rather than seen. */
  readonly assumed?: readonly string[];
}

const SCHEDULED: ReadonlySet<Call> = new Set<Scheduled["call"]>([
  "switch",
  "finish_task_switch",
  "wake",
  "migrate",
  "cpu_online",
  "cpu_offline",
  "kthread",
  "kthread_stop",
  "kthread_park",
  "kthread_unpark",
  "oom_kill",
  "oom_reap",
  "use_mm",
  "unuse_mm",
  "hold",
  "release",
]);

/** Whether no system call asks for it: it happens to CPUs, kernel threads and references. */
export const isScheduled = (r: Request): r is Scheduled => SCHEDULED.has(r.call);

/** Whether the event is a system call of the recording, rather than a fault or something known from elsewhere. */
export const isSystemCall = ({ line, request }: Event): boolean =>
  line !== undefined && request.call !== "file" && request.call !== "access" && !isScheduled(request);

/** Calls whose outcome no rule of the model decides: taken from the recording as they are. */
const UNDECIDED: ReadonlySet<Call> = new Set<Call>([
  ...SCHEDULED,
  "loaded",
  "autoreap",
  "adopt",
  "reveal",
  "layout",
  "file",
  "coredump",
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
