import type { ClockFit } from "../../sink.ts";

/** The last so many calls tell where the clocks stand now: they may drift apart. */
const WINDOW = 64;
/** A call whose distance is off by more than this was taken for another one; seconds. */
const OUTLIER = 0.05;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/**
 * How far the clock of strace is ahead of perf's.
 *
 * strace notes the time of a call while it holds the task at the call's door; perf sees the task come in after
 * that. So no call is seen by perf before strace has noted it, and the largest distance is the nearest to the
 * truth: it misses only what strace took at its quickest.
 */
export class Clock {
  readonly #distances: number[];
  #offset: number;
  #matched = 0;

  /** @param distances of calls that are certain to be the same, before the first is matched */
  constructor(distances: readonly number[]) {
    this.#distances = distances.slice(0, WINDOW);
    this.#offset = distances.length === 0 ? 0 : Math.max(...this.#distances);
  }

  /** Seconds to be added to perf's times to give strace's. */
  get offset(): number {
    return this.#offset;
  }

  get fit(): ClockFit {
    const residual = median(this.#distances.map((distance) => this.#offset - distance));
    return { offset: this.#offset, residual, matched: this.#matched };
  }

  /** @param distance of a call that both saw: strace's time less perf's */
  add(distance: number): void {
    if (this.#distances.length > 0 && Math.abs(distance - median(this.#distances)) > OUTLIER) return;
    this.#matched += 1;
    this.#distances.push(distance);
    if (this.#distances.length > WINDOW) this.#distances.shift();
    this.#offset = Math.max(...this.#distances);
  }
}
