import type { Touch } from "../../sightings.ts";
import type { StraceCall } from "../../strace/text/index.ts";
import { classOf } from "./first-match.ts";

/** A record of the trace in its place among all. */
export interface Traced<R> {
  readonly record: R;
  /** When it was made, and when it had certainly returned by; strace's clock. */
  readonly time: number;
  readonly returned: number;
  /** The same call in the recording that has the faults. */
  partner: Witnessed | undefined;
}

export type TracedCall = Traced<StraceCall>;

/** A call as the recording that has the faults shows it. */
export interface Witnessed {
  readonly kind: "witnessed";
  readonly call: StraceCall;
  /** perf's clock. */
  readonly time: number;
  readonly returned: number;
  /** A call of the trace has been found to be the same. */
  taken: boolean;
}

/** What perf says of one thread, in order. */
export type Told = Touch | Witnessed;

/** By the clock's error strace may seem to have noted a call later than perf saw something of it; seconds. */
export const SLOP = 20e-6;
/** Calls that strace noted this long before perf saw them are others; seconds. */
const PATIENCE = 2;

/** Both recordings of one thread, as far as they wait. */
export class Thread {
  /** Calls of the trace that have not been given out. */
  readonly calls: TracedCall[] = [];
  readonly told: Told[] = [];
  /** Whether the trace knows of it: it called something, or a fork returned it. */
  known = false;
  /** The trace shows how it began, or has shown something of it. */
  begun = false;

  /**
   * The call of the trace that a call seen by perf is: the last one with its name and result that strace had
   * noted by then.
   */
  find({ call, time }: Witnessed, offset: number): TracedCall | undefined {
    const at = time + offset;
    for (let i = this.calls.length - 1; i >= 0; i--) {
      const candidate = this.calls[i];
      if (!candidate || candidate.time > at + SLOP) continue;
      if (at - candidate.time > PATIENCE) return undefined;
      if (candidate.partner === undefined && isSame(candidate.record, call)) return candidate;
      if (candidate.partner !== undefined) return undefined;
    }
    return undefined;
  }
}

function isSame(traced: StraceCall, seen: StraceCall): boolean {
  if (classOf(traced.name) !== classOf(seen.name)) return false;
  const [a, b] = [traced.result, seen.result];
  return a.kind !== "value" || b.kind !== "value" || a.hex === b.hex;
}
