import type { KernelState } from "../kernel/index.ts";
import { rootBytes } from "./root-bytes.ts";

/** What kept states may take together when nobody says otherwise: 256 MiB. */
export const CHECKPOINT_BYTES = 256 * 2 ** 20;

/** A distance from the cursor within which states are thinned no more than right at it. */
const NEAR = 1024;

interface Kept {
  readonly state: KernelState;
  /** Beyond what it shares with the one before it. */
  bytes: number;
}

/**
 * Some states of a log, within a budget of bytes. While there is room all are kept; from then on the ones go whose
 * going leaves the smallest gap for its distance from the cursor, so that they stay dense around the cursor and become
 * exponentially sparser away from it, as in rr.
 */
export class Checkpoints {
  /** By event, ascending. */
  readonly #kept: Kept[] = [];
  readonly #budget: number;
  #bytes = 0;
  #cursor = 0;

  /** @param budget bytes that the states may take; the first of all, of which every log is made again, stays anyway */
  constructor(origin: KernelState, budget: number = CHECKPOINT_BYTES) {
    this.#budget = budget;
    this.#kept.push({ state: origin, bytes: 0 });
  }

  /** How many states are kept, the first of all included. */
  get size(): number {
    return this.#kept.length;
  }

  /** What they take, by estimate, without the first of all. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The events behind which states are kept, ascending. */
  seqs(): readonly number[] {
    return this.#kept.map(({ state }) => state.seq);
  }

  /** The last kept state that is not behind event `seq`. */
  before(seq: number): KernelState {
    return (this.#kept[this.#indexBefore(seq)] as Kept).state;
  }

  /** From here on, states near event `seq` are those that are kept dense. */
  moveTo(seq: number): void {
    this.#cursor = seq;
  }

  /** Keeps a state, and lets go of others where all of them would be too much. */
  keep(state: KernelState): void {
    const at = this.#indexBefore(state.seq);
    const previous = this.#kept[at] as Kept;
    if (previous.state.seq === state.seq) return;
    this.#kept.splice(at + 1, 0, { state, bytes: 0 });
    this.#weigh(at + 1);
    this.#weigh(at + 2);
    this.#thin();
  }

  #indexBefore(seq: number): number {
    let [low, high] = [0, this.#kept.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#kept[middle] as Kept).state.seq <= seq) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  #weigh(at: number): void {
    const kept = this.#kept[at];
    if (!kept) return;
    this.#bytes -= kept.bytes;
    kept.bytes = rootBytes(kept.state, this.#kept[at - 1]?.state);
    this.#bytes += kept.bytes;
  }

  #thin(): void {
    while (this.#bytes > this.#budget && this.#kept.length > 1) {
      const at = this.#leastMissed();
      const [gone] = this.#kept.splice(at, 1);
      this.#bytes -= gone?.bytes ?? 0;
      this.#weigh(at);
    }
  }

  /** Where the smallest gap would be left, measured by how far from the cursor it is. */
  #leastMissed(): number {
    let [least, found] = [Number.POSITIVE_INFINITY, 1];
    for (let i = 1; i < this.#kept.length; i++) {
      const { seq } = (this.#kept[i] as Kept).state;
      const next = this.#kept[i + 1]?.state.seq ?? seq + NEAR;
      const gap = next - (this.#kept[i - 1] as Kept).state.seq;
      const missed = gap / (NEAR + Math.abs(seq - this.#cursor));
      if (missed < least) [least, found] = [missed, i];
    }
    return found;
  }
}
