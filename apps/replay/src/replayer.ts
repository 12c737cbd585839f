import {
  advanceState,
  type Event,
  hashText,
  type KernelState,
  type Outcome,
  replayEvents,
  type Seal,
  StateDigest,
  sameOutcome,
  type Timeline,
} from "@pagetrail/core";
import { sha256 } from "@pagetrail/store";
import type { LoadedLog } from "./open-log.ts";

/** Where a replay leaves the log: an outcome that is another now, or a state that is. */
export type Difference =
  | {
      readonly kind: "outcome";
      readonly event: Event;
      readonly expected: Outcome;
      readonly predicted: Outcome;
    }
  | { readonly kind: "state"; readonly seq: number; readonly sealed: string; readonly found: string };

/** What one event came to. */
export interface Step {
  readonly before: KernelState;
  readonly after: KernelState;
  readonly predicted: Outcome;
}

/** Events that are executed before anyone else gets a turn. */
const BATCH = 1024;

export const newDigest = (): StateDigest => new StateDigest((text) => hashText(sha256, text));

/** Executes a log again from its start, and checks every outcome and every seal on the way. */
export class Replayer {
  readonly #timeline: Timeline;
  readonly #seals: ReadonlyMap<number, Seal>;
  readonly #digest = newDigest();
  #state: KernelState;
  #sealsChecked = 0;

  constructor({ timeline, seals }: LoadedLog) {
    this.#timeline = timeline;
    this.#seals = new Map(seals.map((seal) => [seal.seq, seal]));
    this.#state = timeline.origin;
  }

  /** Behind the last event that was executed. */
  get state(): KernelState {
    return this.#state;
  }

  /** How many seals' states were found as sealed. */
  get sealsChecked(): number {
    return this.#sealsChecked;
  }

  /** Executes one batch towards event `target`, at most up to the next seal. */
  advance(target: number): Difference | undefined {
    const from = this.#state.seq;
    const to = this.#nextStop(from, target);
    const { first } = this.#timeline;
    const replayed = replayEvents(this.#state, this.#timeline.events.slice(from - first, to - first));
    this.#state = replayed.state;
    if (replayed.differs) return outcomeDifference(replayed.differs.event, replayed.differs.predicted);
    return this.#checkSeal();
  }

  /** Executes the next event by itself. */
  step(event: Event): Step | Difference {
    const before = this.#state;
    const { state, predicted } = advanceState(before, event);
    const difference = sameOutcome(predicted, event.divergence ?? event.outcome)
      ? undefined
      : outcomeDifference(event, predicted);
    if (difference) return difference;
    this.#state = state;
    return this.#checkSeal() ?? { before, after: state, predicted };
  }

  #nextStop(from: number, target: number): number {
    const most = Math.min(target, from + BATCH);
    for (let seq = from + 1; seq < most; seq++) if (this.#seals.has(seq)) return seq;
    return most;
  }

  #checkSeal(): Difference | undefined {
    const seal = this.#seals.get(this.#state.seq);
    if (!seal) return undefined;
    const found = this.#digest.like(seal.state, this.#state);
    if (found !== seal.state) return { kind: "state", seq: seal.seq, sealed: seal.state, found };
    this.#sealsChecked += 1;
    return undefined;
  }
}

const outcomeDifference = (event: Event, predicted: Outcome): Difference => ({
  kind: "outcome",
  event,
  expected: event.divergence ?? event.outcome,
  predicted,
});

export const isDifference = (result: Step | Difference): result is Difference => "kind" in result;
