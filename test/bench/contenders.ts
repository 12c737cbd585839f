import {
  advanceState,
  ERRNO,
  type Errno,
  type Event,
  type KernelState,
  type Outcome,
  replayEvents,
} from "@pagetrail/core";
import { executePlain } from "./plain-calls.ts";
import type { PlainMm } from "./plain-mm.ts";

/** A call's return value, or its errno as a negative number. */
const numberOf = (outcome: Outcome): number => {
  if ("ret" in outcome) return Number(outcome.ret);
  return "errno" in outcome ? -ERRNO[outcome.errno as Errno] : Number.NaN;
};

/** Executes events on plain data, and checks every outcome as the replay does. */
export function replayPlain(mm: PlainMm, events: readonly Event[]): void {
  for (const { seq, request, outcome } of events) {
    const ret = executePlain(mm, request);
    if ("ret" in outcome ? ret !== outcome.ret : ret !== numberOf(outcome))
      throw new Error(`event ${seq}: plain data answers ${ret}, the log ${numberOf(outcome)}`);
  }
}

/** The same on the model, in one transaction. */
export function replayAll(origin: KernelState, events: readonly Event[]): KernelState {
  const { state, differs } = replayEvents(origin, events);
  if (differs) throw new Error(`event ${differs.event.seq} replays otherwise than recorded`);
  return state;
}

/** The same with a transaction for every event. */
export function replaySingly(origin: KernelState, events: readonly Event[]): KernelState {
  let state = origin;
  for (const event of events) state = advanceState(state, event).state;
  return state;
}
