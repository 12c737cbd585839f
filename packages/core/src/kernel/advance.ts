import type { Journal, Step } from "../base/index.ts";
import type { Event } from "./event.ts";
import { execute } from "./execute.ts";
import { follow } from "./follow.ts";
import { type Outcome, sameOutcome } from "./request.ts";
import type { KernelState } from "./state.ts";
import { Transaction } from "./transaction.ts";

/** One event done: the state behind it, and what the model says of it by itself. */
export interface Advanced {
  readonly state: KernelState;
  readonly predicted: Outcome;
}

/**
 * Executes an event on a state. Where the model contradicts the event's outcome the state follows the
 * event, and `predicted` tells the other side.
 */
export function advanceState(
  state: KernelState,
  event: Omit<Event, "divergence">,
  journal?: Journal,
): Advanced {
  const first = new Attempt(state, journal);
  const predicted = execute(first.tx, event);
  if (sameOutcome(predicted, event.outcome)) return { state: first.commit(event.seq), predicted };
  const forced = new Attempt(state, journal);
  follow(forced.tx, event);
  return { state: forced.commit(event.seq), predicted };
}

/** A transaction of which the journal hears only once it is committed. */
class Attempt {
  readonly tx: Transaction;
  readonly #steps: Step[] = [];

  constructor(
    state: KernelState,
    private readonly journal: Journal | undefined,
  ) {
    this.tx = new Transaction(state, journal && { note: (step) => this.#steps.push(step) });
  }

  commit(seq: number): KernelState {
    const state = this.tx.commit(seq);
    for (const step of this.#steps) this.journal?.note(step);
    return state;
  }
}

/** What a batch found: the state behind its last event, or the first event that replays otherwise. */
export type Replayed =
  | { readonly state: KernelState; readonly differs?: undefined }
  | { readonly state: KernelState; readonly differs: { readonly event: Event; readonly predicted: Outcome } };

/**
 * Executes recorded events in as few transactions as can be: one for every run of events in which model
 * and recording agree. Each outcome and each divergence is checked against the event's own.
 */
export function replayEvents(from: KernelState, events: Iterable<Event>): Replayed {
  let state = from;
  let tx: Transaction | undefined;
  let seq = from.seq;
  for (const event of events) {
    if (event.divergence === undefined) {
      tx ??= new Transaction(state);
      const predicted = execute(tx, event);
      seq = event.seq;
      if (!sameOutcome(predicted, event.outcome)) return { state, differs: { event, predicted } };
      continue;
    }
    if (tx) state = tx.commit(seq);
    tx = undefined;
    const advanced = advanceState(state, event);
    if (!sameOutcome(advanced.predicted, event.divergence))
      return { state, differs: { event, predicted: advanced.predicted } };
    state = advanced.state;
    seq = event.seq;
  }
  return { state: tx ? tx.commit(seq) : state };
}
