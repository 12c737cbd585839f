import { Table } from "../struct/index.ts";

/** Pages whose frames stand together in one record of the tree. */
const RUN = 64;

/**
 * The page cache of one file (struct address_space): which frame holds which of its pages. The file holds one
 * reference of every frame. `clone` costs nothing.
 */
export class PageCache {
  /** Frames of 64 pages each, plus 1; 0 where a page is not cached. The words of a record are never changed. */
  readonly #runs: Table<number, Uint32Array>;
  #count: number;

  private constructor(runs: Table<number, Uint32Array>, count: number) {
    this.#runs = runs;
    this.#count = count;
  }

  static empty(): PageCache {
    return new PageCache(Table.empty(), 0);
  }

  clone(): PageCache {
    return new PageCache(this.#runs.clone(), this.#count);
  }

  /** nrpages: how many pages are cached. */
  get count(): number {
    return this.#count;
  }

  /** The frame of page `index` of the file; undefined when it is not cached. */
  get(index: number): number | undefined {
    const run = this.#runs.get(Math.floor(index / RUN));
    const word = run?.[index % RUN] ?? 0;
    return word === 0 ? undefined : word - 1;
  }

  add(index: number, pfn: number): void {
    this.#put(index, pfn + 1);
    this.#count++;
  }

  delete(index: number): void {
    this.#put(index, 0);
    this.#count--;
  }

  /** Cached pages of [start, end), in ascending order: page and frame. */
  *range(start = 0, end = Number.POSITIVE_INFINITY): Iterable<readonly [index: number, pfn: number]> {
    for (const [key, words] of this.#runs.entries()) {
      if ((key + 1) * RUN <= start) continue;
      if (key * RUN >= end) return;
      for (let i = 0; i < RUN; i++) {
        const index = key * RUN + i;
        const word = words[i] as number;
        if (word !== 0 && index >= start && index < end) yield [index, word - 1];
      }
    }
  }

  #put(index: number, word: number): void {
    const key = Math.floor(index / RUN);
    const run = this.#runs.get(key)?.slice() ?? new Uint32Array(RUN);
    run[index % RUN] = word;
    if (word === 0 && run.every((w) => w === 0)) this.#runs.delete(key);
    else this.#runs.set(key, run);
  }
}
