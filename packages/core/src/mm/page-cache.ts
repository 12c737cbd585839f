import { Table } from "../struct/index.ts";

/** Pages whose frames stand together in one record of the tree. */
const RUN = 64;

/** What tells the slot of a page in swap from a frame. */
const IN_SWAP = 2 ** 31;

/**
 * The page cache of one file (struct address_space): which frame holds which of its pages. The file holds one
 * reference of every frame. `clone` costs nothing.
 */
export class PageCache {
  /**
   * Frames of 64 pages each, plus 1, or the slots of pages of shared memory that are in swap; 0 where a page is
   * neither. The words of a record are never changed.
   */
  readonly #runs: Table<number, Uint32Array>;
  #count: number;
  #swapped: number;

  private constructor(runs: Table<number, Uint32Array>, count: number, swapped: number) {
    this.#runs = runs;
    this.#count = count;
    this.#swapped = swapped;
  }

  static empty(): PageCache {
    return new PageCache(Table.empty(), 0, 0);
  }

  /** A cache with the records of another one. */
  static restore(runs: Table<number, Uint32Array>): PageCache {
    let [count, swapped] = [0, 0];
    for (const words of runs.values())
      for (const word of words) {
        if (word >= IN_SWAP) swapped++;
        else if (word !== 0) count++;
      }
    return new PageCache(runs, count, swapped);
  }

  clone(): PageCache {
    return new PageCache(this.#runs.clone(), this.#count, this.#swapped);
  }

  /** The records themselves, for a digest or a comparison. */
  get runs(): Table<number, Uint32Array> {
    return this.#runs;
  }

  /** nrpages: how many pages are cached. */
  get count(): number {
    return this.#count;
  }

  /** How many pages are in swap: shmem_inode_info.swapped. */
  get swapped(): number {
    return this.#swapped;
  }

  /** The frame of page `index` of the file; undefined when it is not cached. */
  get(index: number): number | undefined {
    const word = this.#word(index);
    return word === 0 || word >= IN_SWAP ? undefined : word - 1;
  }

  /** The slot of a page that is in swap. */
  slot(index: number): number | undefined {
    const word = this.#word(index);
    return word < IN_SWAP ? undefined : word - IN_SWAP;
  }

  add(index: number, pfn: number): void {
    this.#put(index, pfn + 1);
    this.#count++;
  }

  /** A page that was cached is in swap from now on. */
  swapOut(index: number, slot: number): void {
    this.#put(index, IN_SWAP + slot);
    this.#count--;
    this.#swapped++;
  }

  /** A page is in swap no more. */
  forgetSlot(index: number): void {
    this.#put(index, 0);
    this.#swapped--;
  }

  delete(index: number): void {
    this.#put(index, 0);
    this.#count--;
  }

  /** Cached pages of [start, end), in ascending order: page and frame. */
  *range(start = 0, end = Number.POSITIVE_INFINITY): Iterable<readonly [index: number, pfn: number]> {
    for (const [index, word] of this.#words(start, end)) if (word < IN_SWAP) yield [index, word - 1];
  }

  /** Pages of [start, end) that are in swap, in ascending order: page and slot. */
  *slots(start = 0, end = Number.POSITIVE_INFINITY): Iterable<readonly [index: number, slot: number]> {
    if (this.#swapped === 0) return;
    for (const [index, word] of this.#words(start, end)) if (word >= IN_SWAP) yield [index, word - IN_SWAP];
  }

  #word(index: number): number {
    return this.#runs.get(Math.floor(index / RUN))?.[index % RUN] ?? 0;
  }

  *#words(start: number, end: number): Iterable<readonly [index: number, word: number]> {
    for (const [key, words] of this.#runs.entries()) {
      if ((key + 1) * RUN <= start) continue;
      if (key * RUN >= end) return;
      for (let i = 0; i < RUN; i++) {
        const index = key * RUN + i;
        const word = words[i] as number;
        if (word !== 0 && index >= start && index < end) yield [index, word];
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
