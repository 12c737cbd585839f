import type { KernelState, Result } from "@pagetrail/core";
import { type LoadedLog, stateAt } from "./open-log.ts";
import type { Output } from "./output.ts";
import { findMoment } from "./position.ts";
import { type Problem, refused } from "./problem.ts";

/** The state at a position that the user wrote, which may be none of the log. */
export function stateOf(log: LoadedLog, position: string, out: Output): Result<KernelState, Problem> {
  const moment = findMoment(position, log);
  if (!moment.ok) return refused({ what: moment.error, where: log.name, advice: "see pagetrail events" });
  if (moment.value.note) out.note(moment.value.note);
  return stateAt(log, moment.value.seq);
}

/** `event 57 of 230 (line 31)`: where in a log something is shown. */
export function describeMoment({ timeline }: LoadedLog, seq: number): string {
  if (seq === timeline.first)
    return `the start, before the first of ${timeline.last - timeline.first} events`;
  const line = timeline.eventAt(seq)?.line;
  return `event ${seq} of ${timeline.last}${line === undefined ? "" : ` (line ${line})`}`;
}
