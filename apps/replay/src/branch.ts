import {
  type AskedAgain,
  type Event,
  goOn,
  type KernelState,
  type LogParent,
  type Pid,
  type Request,
  sameOutcome,
} from "@pagetrail/core";
import type { LoadedLog } from "./open-log.ts";

/** What is to be otherwise behind the moment at which a branch begins. */
export interface BranchEdits {
  /** Put right behind that moment, in order. */
  readonly inserted: readonly Event[];
  /** By the number of the event whose place each takes. */
  readonly replaced: ReadonlyMap<number, Event>;
  readonly isDropped: (seq: number) => boolean;
}

/** How the requests of a log came out when they were asked for again. */
export interface BranchCounts {
  /** Asked for again, those that were put in aside. */
  asked: number;
  same: number;
  /** The kernel would have put the mapping at another place. */
  elsewhere: number;
  otherwise: number;
  leftOut: number;
  dropped: number;
}

/** An event that came out otherwise. */
export interface Otherwise {
  readonly was: Event;
  readonly event: Event;
}

/**
 * Where a branch can name its parent by hash: the last seal up to a moment, or the header. The events between are the
 * branch's own.
 */
export function branchingPoint({ seals, hash }: LoadedLog, at: number): Omit<LogParent, "log"> {
  const seal = seals.findLast(({ seq }) => seq <= at);
  return seal ? { seq: seal.seq, hash: seal.sha256 } : { seq: 0, hash };
}

/** The events of a log behind a moment, as they would have come with the edits, and what each was before. */
export function* branchEvents(
  log: LoadedLog,
  from: KernelState,
  { inserted, replaced, isDropped }: BranchEdits,
  counts: BranchCounts,
): Generator<AskedAgain> {
  const isNew = new Set<Event>([...inserted, ...replaced.values()]);
  const { timeline } = log;
  function* asked(): Generator<Event> {
    yield* inserted;
    for (const event of timeline.between(from.seq, timeline.last)) {
      const other = replaced.get(event.seq);
      if (other) yield other;
      else if (isDropped(event.seq)) counts.dropped += 1;
      else yield event;
    }
  }
  for (const again of goOn(from, asked())) {
    if (again.kind === "left out") counts.leftOut += 1;
    else if (!isNew.has(again.was)) count(again, counts);
    yield again;
  }
}

function count({ was, event }: Otherwise, counts: BranchCounts): void {
  counts.asked += 1;
  if (sameOutcome(was.outcome, event.outcome)) counts.same += 1;
  else if ("ret" in was.outcome && "ret" in event.outcome) counts.elsewhere += 1;
  else counts.otherwise += 1;
}

/** A limit as an event that sets it for a process. */
export function limitEvent(pid: number, resource: "as" | "data" | "stack" | "memlock", bytes: number): Event {
  const request: Request = { call: "setrlimit", target: 0 as Pid, resource, soft: bytes, hard: bytes };
  return { seq: 0, tid: pid as Pid, request, outcome: { ret: 0 } };
}
