import type { Recorded } from "../record-importer.ts";

/** A record that keeps its place while something about it may still become known. */
export interface Pending {
  record: Recorded;
  settled: boolean;
}

/** Records that wait for one before them to be settled are at most so many. */
const LIMIT = 20_000;

/** Records in the order in which they happened, each given out once all before it are settled. */
export class Outbox {
  #queue: Pending[] = [];
  #head = 0;

  add(record: Recorded, settled = true): Pending {
    const pending = { record, settled };
    this.#queue.push(pending);
    return pending;
  }

  /** What is settled by now, and all of it at the end. */
  *take(all = false): Generator<Recorded> {
    while (this.#head < this.#queue.length) {
      const next = this.#queue[this.#head];
      const waits = next && !next.settled && !all && this.#queue.length - this.#head < LIMIT;
      if (!next || waits) break;
      this.#head += 1;
      yield next.record;
    }
    if (this.#head > LIMIT || this.#head === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}
