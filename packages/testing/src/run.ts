import {
  advanceState,
  type Event,
  initialState,
  type KernelState,
  type Outcome,
  type Profile,
  type Seal,
} from "@pagetrail/core";

/** What a log holds: events on a machine, from its first moment. */
export interface Run {
  readonly profile: Profile;
  readonly events: readonly Event[];
  /** What a log that was read vouches for. */
  readonly seals?: readonly Seal[] | undefined;
}

/** One event of a run, done again. */
export interface Moment {
  readonly event: Event;
  readonly before: KernelState;
  readonly after: KernelState;
  /** What the model says by itself. */
  readonly predicted: Outcome;
}

/** Does a run again, event by event; where model and recording differ it follows the recording. */
export function* momentsOf({ profile, events }: Run): Generator<Moment, void> {
  let before = initialState(profile);
  for (const event of events) {
    const { state: after, predicted } = advanceState(before, event);
    yield { event, before, after, predicted };
    before = after;
  }
}

/**
 * The state of a run behind an event, the last unless told otherwise.
 *
 * @param seq an event's number; 0 is before the first
 */
export function stateAt(run: Run, seq: number = run.events.length): KernelState {
  let state = initialState(run.profile);
  if (!Number.isInteger(seq) || seq < 0 || seq > run.events.length)
    throw new RangeError(`the run has no event ${seq}: its last is ${run.events.length}`);
  for (const event of run.events.slice(0, seq)) state = advanceState(state, event).state;
  return state;
}

/** The state before the first event of which something is so, such as the exit of a process. Throws if there is none. */
export function stateBefore(run: Run, isSo: (event: Event) => boolean): KernelState {
  const index = run.events.findIndex(isSo);
  if (index < 0) throw new RangeError(`none of ${run.events.length} events is such a one`);
  return stateAt(run, index);
}
