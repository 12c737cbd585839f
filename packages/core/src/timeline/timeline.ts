import { assert } from "../base/index.ts";
import { type Event, type KernelState, replayEvents } from "../kernel/index.ts";
import { Checkpoints } from "./checkpoints.ts";
import { EventList, type EventSource } from "./event-source.ts";

/** Events between two states that are kept while there is room. */
const STRIDE = 1024;

/** On the way to a moment, states are held at these distances before it: for a step back, and the next. */
const TRAIL = [1, 4, 16, 64, 256] as const;

export interface TimelineOptions {
  /** Bytes that kept states may take together: `CHECKPOINT_BYTES` unless told otherwise. */
  readonly budget?: number | undefined;
  /** Events between two states that are kept while there is room: 1,024 unless told otherwise. */
  readonly stride?: number | undefined;
  /** States that somebody has kept from before, to begin from: the nearest that is not behind event `seq`. */
  readonly stored?: ((seq: number) => KernelState | undefined) | undefined;
}

/**
 * A log's events and some of its states: any moment is the nearest kept state before it, executed forward. Back costs
 * as much as forward.
 */
export class Timeline {
  readonly #source: EventSource;
  readonly #checkpoints: Checkpoints;
  readonly #stride: number;
  readonly #stored: (seq: number) => KernelState | undefined;
  /**
   * The state that was asked for last and some right before it, ascending: few, and alike, so that they are not
   * counted with those that are kept.
   */
  #trail: readonly KernelState[] = [];
  #executed: number;

  /** @param events the whole log, in order; event n stands at index n - 1 behind `origin` */
  constructor(
    readonly origin: KernelState,
    events: readonly Event[] | EventSource,
    { budget, stride = STRIDE, stored = () => undefined }: TimelineOptions = {},
  ) {
    this.#source = "between" in events ? events : new EventList(origin.seq, events);
    this.#checkpoints = new Checkpoints(origin, budget);
    this.#stride = stride;
    this.#stored = stored;
    this.#executed = origin.seq;
  }

  get first(): number {
    return this.origin.seq;
  }

  get last(): number {
    return this.#source.last;
  }

  /** All events; a source that reads them has to read all of them. */
  get events(): readonly Event[] {
    return this.#source instanceof EventList ? this.#source.events : this.between(this.first, this.last);
  }

  /** The last event that was executed so far, on whatever way. */
  get executed(): number {
    return this.#executed;
  }

  /** Which states are kept. */
  get checkpoints(): Pick<Checkpoints, "size" | "bytes" | "seqs"> {
    return this.#checkpoints;
  }

  /** The event that led to the moment `seq`. */
  eventAt(seq: number): Event | undefined {
    if (seq <= this.first || seq > this.last) return undefined;
    return this.between(seq - 1, seq)[0];
  }

  /** The events behind `from`, up to and including `to`. */
  between(from: number, to: number): readonly Event[] {
    return this.#source.between(from, to);
  }

  /** The state behind event `seq`; the origin is the moment before the first. */
  stateAt(seq: number): KernelState {
    assert(seq >= this.first && seq <= this.last, `position ${seq} is outside ${this.first}..${this.last}`);
    this.#checkpoints.moveTo(seq);
    const held = this.#trail.filter((one) => one.seq <= seq && one.seq >= seq - this.#stride);
    let state = this.#nearestBefore(seq, held.at(-1));
    while (state.seq < seq) {
      const next = this.#nextStop(state.seq, seq);
      const replayed = replayEvents(state, this.between(state.seq, next));
      assert(!replayed.differs, `event ${replayed.differs?.event.seq} replays otherwise than recorded`);
      state = replayed.state;
      if (state.seq % this.#stride === 0) this.#checkpoints.keep(state);
      if (state.seq >= seq - this.#stride) held.push(state);
    }
    this.#trail = held;
    this.#executed = Math.max(this.#executed, seq);
    return state;
  }

  /** What was stored is asked for only where it saves executing some strides. */
  #nearestBefore(seq: number, held: KernelState | undefined): KernelState {
    const kept = this.#checkpoints.before(seq);
    const nearest = held && held.seq > kept.seq ? held : kept;
    if (seq - nearest.seq <= 2 * this.#stride) return nearest;
    const stored = this.#stored(seq);
    if (!stored || stored.seq <= nearest.seq) return nearest;
    this.#checkpoints.keep(stored);
    return stored;
  }

  /** The next moment to stop at on the way: to keep a state, to hold one, or because it is there. */
  #nextStop(at: number, seq: number): number {
    const stride = (Math.floor(at / this.#stride) + 1) * this.#stride;
    for (let i = TRAIL.length - 1; i >= 0; i--) {
      const stop = seq - (TRAIL[i] as number);
      if (stop > at) return Math.min(stride, stop);
    }
    return seq;
  }
}
