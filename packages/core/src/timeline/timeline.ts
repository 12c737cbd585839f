import { assert } from "../base/index.ts";
import { type Event, type KernelState, replayEvents } from "../kernel/index.ts";

/** Events between two states that are kept for good. */
const STRIDE = 256;

/**
 * A log's events and some of its states: any moment is the nearest kept state before it, executed
 * forward.
 */
export class Timeline {
  readonly #kept = new Map<number, KernelState>();

  /** @param events the whole log, in order; event n stands at index n - 1 behind `origin` */
  constructor(
    readonly origin: KernelState,
    readonly events: readonly Event[],
  ) {
    this.#kept.set(origin.seq, origin);
  }

  get first(): number {
    return this.origin.seq;
  }

  get last(): number {
    return this.origin.seq + this.events.length;
  }

  /** The event that led to the moment `seq`. */
  eventAt(seq: number): Event | undefined {
    return this.events[seq - this.first - 1];
  }

  /** The state behind event `seq`; the origin is the moment before the first. */
  stateAt(seq: number): KernelState {
    assert(seq >= this.first && seq <= this.last, `position ${seq} is outside ${this.first}..${this.last}`);
    let state = this.nearestBefore(seq);
    while (state.seq < seq) {
      const next = Math.min(this.nextStop(state.seq), seq);
      const replayed = replayEvents(state, this.between(state.seq, next));
      assert(!replayed.differs, `event ${replayed.differs?.event.seq} replays otherwise than recorded`);
      state = replayed.state;
      if (state.seq % STRIDE === 0) this.#kept.set(state.seq, state);
    }
    return state;
  }

  private nextStop(seq: number): number {
    return (Math.floor(seq / STRIDE) + 1) * STRIDE;
  }

  private nearestBefore(seq: number): KernelState {
    for (let at = seq - (seq % STRIDE); at > this.first; at -= STRIDE) {
      const kept = this.#kept.get(at);
      if (kept) return kept;
    }
    return this.origin;
  }

  private between(from: number, to: number): readonly Event[] {
    return this.events.slice(from - this.first, to - this.first);
  }
}
