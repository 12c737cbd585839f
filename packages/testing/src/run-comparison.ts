import {
  type Event,
  type KernelState,
  type Outcome,
  sameOutcome,
  type Violation,
  violations,
} from "@pagetrail/core";
import { eventText, outcomeText } from "./event-text.ts";
import { newDigest } from "./log-file.ts";
import { type StateSubject, stateOf } from "./maps.ts";
import { momentsOf, type Run } from "./run.ts";

/** Where a run is another when it is done again: an event that ends otherwise, or a state that a seal has otherwise. */
export type ReplayDifference =
  | { readonly event: Event; readonly expected: Outcome; readonly predicted: Outcome }
  | { readonly event: Event; readonly sealed: string; readonly found: string };

/**
 * Does a run again and finds the first difference: an outcome that is not as recorded, where a recorded divergence
 * counts as what the model should say; or, in a log that was read, a state that is not the sealed one.
 */
export function replayDifference(run: Run): ReplayDifference | undefined {
  const seals = new Map(run.seals?.map((seal) => [seal.seq, seal.state]));
  const digest = newDigest();
  for (const { event, after, predicted } of momentsOf(run)) {
    const expected = event.divergence ?? event.outcome;
    if (!sameOutcome(predicted, expected)) return { event, expected, predicted };
    const sealed = seals.get(event.seq);
    const found = sealed === undefined ? undefined : digest.like(sealed, after);
    if (sealed !== undefined && found !== undefined && found !== sealed) return { event, sealed, found };
  }
  return undefined;
}

/** The first event whose outcome in the recording is not the model's. */
export function firstDivergence(
  run: Run,
): { readonly event: Event; readonly predicted: Outcome } | undefined {
  for (const { event, predicted } of momentsOf(run))
    if (!sameOutcome(predicted, event.outcome)) return { event, predicted };
  return undefined;
}

/** Laws that do not hold on a state, and the event behind which that is first so, if it is told by a run. */
export interface Broken {
  readonly event?: Event;
  readonly violations: readonly Violation[];
}

/** The laws that something breaks; of a run, behind the first event that breaks any. */
export function brokenLaws(subject: KernelState | StateSubject | Run): Broken {
  if (!("events" in subject)) return { violations: [...violations(stateOf(subject))] };
  for (const { event, after } of momentsOf(subject)) {
    const found = [...violations(after)];
    if (found.length > 0) return { event, violations: found };
  }
  return { violations: [] };
}

/** Events before the one in question that are shown. */
const BEFORE = 3;

/** The events that lead to one, itself marked. */
export function eventsBefore({ events }: Run, at: Event): string {
  const index = events.findIndex(({ seq }) => seq === at.seq);
  return events
    .slice(Math.max(0, index - BEFORE), index + 1)
    .map((event) => `${event.seq === at.seq ? ">" : " "} ${eventText(event)}`)
    .join("\n");
}

/** Both answers below one another: `-` the recording's, `+` the model's. */
export const answersText = (recorded: Outcome, predicted: Outcome): string =>
  `- recorded  ${outcomeText(recorded)}\n+ model     ${outcomeText(predicted)}`;
