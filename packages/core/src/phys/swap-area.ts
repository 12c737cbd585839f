import { Table, WordTable } from "../struct/index.ts";

const WORDS = { COUNT: 0, CACHED: 1 } as const;

/**
 * The machine's swap space: slots of a page each, how many entries name each slot, and which frame still holds
 * its page (the swap cache). Slot 0 holds the header of the area, and no page.
 *
 * @kernel struct swap_info_struct, mm/swapfile.c (6.18), as one area
 */
export class SwapArea {
  readonly #slots: WordTable;
  readonly #contents: Table<number, Uint8Array>;
  #used: number;
  #next: number;

  private constructor(
    /** Slots, the header's included. */
    readonly size: number,
    slots: WordTable,
    contents: Table<number, Uint8Array>,
    used: number,
    next: number,
  ) {
    this.#slots = slots;
    this.#contents = contents;
    this.#used = used;
    this.#next = next;
  }

  /** @param size pages of swap; 0 for a machine without */
  static create(size: number): SwapArea {
    return new SwapArea(size, WordTable.empty(2), Table.empty(), 0, 1);
  }

  /** An area with what another one had: its size, slots, contents, how many are used, and where it searches next. */
  static restore(
    size: number,
    slots: WordTable,
    contents: Table<number, Uint8Array>,
    { used, next }: { readonly used: number; readonly next: number },
  ): SwapArea {
    return new SwapArea(size, slots, contents, used, next);
  }

  clone(): SwapArea {
    return new SwapArea(this.size, this.#slots.clone(), this.#contents.clone(), this.#used, this.#next);
  }

  /** Slots in use. */
  get used(): number {
    return this.#used;
  }

  /** Where the search for a free slot goes on. */
  get next(): number {
    return this.#next;
  }

  get slots(): WordTable {
    return this.#slots;
  }

  /** A free slot, one entry naming it; undefined when swap is full. The search goes on behind the last found. */
  alloc(): number | undefined {
    for (let tried = 1; tried < this.size; tried++) {
      const slot = this.#next;
      this.#next = slot + 1 < this.size ? slot + 1 : 1;
      if (this.#slots.get(slot, WORDS.COUNT) > 0 || this.cached(slot) !== undefined) continue;
      this.#slots.set(slot, WORDS.COUNT, 1);
      this.#used++;
      return slot;
    }
    return undefined;
  }

  /** Entries that name a slot. */
  count(slot: number): number {
    return this.#slots.get(slot, WORDS.COUNT);
  }

  /** One more entry names the slot: swap_duplicate. */
  duplicate(slot: number): void {
    this.#slots.set(slot, WORDS.COUNT, this.count(slot) + 1);
  }

  /** One entry less, and how many are left: swap_free. */
  release(slot: number): number {
    const left = this.count(slot) - 1;
    this.#slots.set(slot, WORDS.COUNT, left);
    if (left === 0) {
      this.#used--;
      this.#contents.delete(slot);
    }
    return left;
  }

  /** Slots with contents, for a digest or a comparison. */
  get contents(): Table<number, Uint8Array> {
    return this.#contents;
  }

  /** The bytes of a slot; undefined for zeros. */
  content(slot: number): Uint8Array | undefined {
    return this.#contents.get(slot);
  }

  store(slot: number, bytes: Uint8Array | undefined): void {
    if (bytes) this.#contents.set(slot, bytes);
  }

  /** The frame that still holds the slot's page. */
  cached(slot: number): number | undefined {
    const word = this.#slots.get(slot, WORDS.CACHED);
    return word === 0 ? undefined : word - 1;
  }

  setCached(slot: number, pfn: number | undefined): void {
    this.#slots.set(slot, WORDS.CACHED, pfn === undefined ? 0 : pfn + 1);
  }
}
