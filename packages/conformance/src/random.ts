import fc from "fast-check";

const WORDS = fc.noBias(fc.infiniteStream(fc.noBias(fc.nat(2 ** 31 - 1))));

/** Choices that fast-check draws: the same seed gives the same choices on every machine. */
export class Random {
  readonly #words: Iterator<number>;

  constructor(seed: number) {
    const [stream] = fc.sample(WORDS, { seed, numRuns: 1 });
    if (!stream) throw new Error("fast-check drew nothing");
    this.#words = stream[Symbol.iterator]();
  }

  /** An integer of 0 … below - 1. */
  below(below: number): number {
    return Math.floor(((this.#words.next().value as number) / 2 ** 31) * below);
  }

  chance(probability: number): boolean {
    return this.below(1_000_000) < probability * 1_000_000;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** The sum of those of the bits that chance takes, each with the same probability. */
  bits(from: readonly number[], probability: number): number {
    return from.reduce((sum, bit) => (this.chance(probability) ? sum + bit : sum), 0);
  }
}
