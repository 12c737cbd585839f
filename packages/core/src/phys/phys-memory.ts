import { assert } from "../base/index.ts";
import { Table, WordTable } from "../struct/index.ts";
import { FRAME, FRAME_WORDS, PG } from "./page-flags.ts";
import { copyZone, MAX_ORDER_PAGES, minFreePages, ORDERS, type Zone, zonesOf } from "./zone.ts";

/** What memory a page is for: the kernel's own has to be mapped for good, a program's need not. */
export type Purpose = "kernel" | "user";

/** Frames from the first on that hold the kernel's image and what boot allocated: never given out. */
export const RESERVED_FRAMES = MAX_ORDER_PAGES;

/** The frame of zeros that reads of untouched memory share: empty_zero_page. */
export const ZERO_PFN = 1;

/** 2 MiB of zeros, which reads of memory that may have huge pages share: huge_zero_folio. */
export const HUGE_ZERO_PFN = 512;

/** What a page holds that was written to without the bytes being told. */
export const UNTOLD = new Uint8Array(0);

/**
 * The machine's page frames and who may have them: struct page records, zones, the buddy allocator.
 *
 * Kept like everything in the state: `clone` costs nothing, and what one of the two changes afterwards the
 * other does not see. A frame's number stays below 2^31, so that the arithmetic of blocks may use bits.
 *
 * @kernel mm/page_alloc.c (6.18), without its lists of pages for each CPU
 */
export class PhysMemory {
  readonly #frames: WordTable;
  readonly #zones: readonly Zone[];
  /** Bytes of the frames that hold something else than zeros. An array is never changed once it is here. */
  readonly #contents: Table<number, Uint8Array>;

  private constructor(frames: WordTable, zones: readonly Zone[], contents: Table<number, Uint8Array>) {
    this.#frames = frames;
    this.#zones = zones;
    this.#contents = contents;
  }

  /** A machine after boot, with `pages` frames of 4 KiB of which the first 4 MiB are the kernel's. */
  static boot(pages: number, kernelBits: 32 | 64): PhysMemory {
    assert(pages > 4 * RESERVED_FRAMES && pages < 2 ** 31, `${pages} page frames`);
    const ranges = zonesOf(pages - (pages % MAX_ORDER_PAGES), kernelBits);
    const lowmem = ranges.filter((z) => z.name !== "HighMem").reduce((n, z) => n + z.end - z.start, 0);
    const zones = ranges.map((range) => bootZone(range, lowmem));
    const memory = new PhysMemory(WordTable.empty(FRAME_WORDS), zones, Table.empty());
    for (const pfn of [ZERO_PFN, HUGE_ZERO_PFN]) {
      memory.set(pfn, FRAME.FLAGS, PG.RESERVED);
      memory.set(pfn, FRAME.REFCOUNT, 1);
    }
    return memory;
  }

  /** Memory with what another one had. */
  static restore(frames: WordTable, zones: readonly Zone[], contents: Table<number, Uint8Array>): PhysMemory {
    return new PhysMemory(frames, zones, contents);
  }

  clone(): PhysMemory {
    return new PhysMemory(this.#frames.clone(), this.#zones.map(copyZone), this.#contents.clone());
  }

  get zones(): readonly Zone[] {
    return this.#zones;
  }

  /** The records themselves, for a digest or a comparison. */
  get frames(): WordTable {
    return this.#frames;
  }

  /** Frames with contents, for a digest or a comparison. */
  get contents(): Table<number, Uint8Array> {
    return this.#contents;
  }

  /** The bytes of a frame; undefined for zeros. */
  content(pfn: number): Uint8Array | undefined {
    return this.#contents.get(pfn);
  }

  setContent(pfn: number, bytes: Uint8Array | undefined): void {
    if (bytes) this.#contents.set(pfn, bytes);
    else if (this.#contents.size > 0) this.#contents.delete(pfn);
  }

  /** Whether the page holds nothing but zeros, as far as is told: pages_identical with the page of zeros. */
  isZero(pfn: number): boolean {
    const bytes = this.content(pfn);
    return bytes === undefined || (bytes !== UNTOLD && bytes.every((byte) => byte === 0));
  }

  get(pfn: number, field: number): number {
    return this.#frames.get(pfn, field);
  }

  set(pfn: number, field: number, value: number): void {
    this.#frames.set(pfn, field, value);
  }

  /** Adds to a count, and answers what it is then. */
  add(pfn: number, field: number, n: number): number {
    const words = this.#frames.own(pfn);
    const at = this.#frames.offset(pfn) + field;
    const value = (words[at] as number) + n;
    assert(value >= 0, `frame ${pfn} counts below zero`);
    words[at] = value;
    return value;
  }

  has(pfn: number, flag: number): boolean {
    return (this.#frames.get(pfn, FRAME.FLAGS) & flag) !== 0;
  }

  /** Sets some flags and clears others. */
  flag(pfn: number, set: number, clear = 0): void {
    const words = this.#frames.own(pfn);
    const at = this.#frames.offset(pfn) + FRAME.FLAGS;
    words[at] = ((words[at] as number) & ~clear) | set;
  }

  /** The page's number in its file or anonymous mapping. */
  index(pfn: number): number {
    return this.get(pfn, FRAME.INDEX) + this.get(pfn, FRAME.INDEX_HIGH) * 2 ** 32;
  }

  /** Says which page of which anon_vma or file a frame holds. */
  assign(pfn: number, mapping: number, index: number): void {
    const words = this.#frames.own(pfn);
    const at = this.#frames.offset(pfn);
    words[at + FRAME.MAPPING] = mapping;
    words[at + FRAME.INDEX] = index % 2 ** 32;
    words[at + FRAME.INDEX_HIGH] = Math.floor(index / 2 ** 32);
  }

  /**
   * A block of 2^order frames with one reference and nothing else known of it; undefined when there is none.
   *
   * @kernel get_page_from_freelist, rmqueue, mm/page_alloc.c (6.18)
   */
  alloc(order: number, purpose: Purpose, flags = 0): number | undefined {
    return (
      this.#allocAbove("low", order, purpose, flags) ??
      this.#allocAbove("min", order, purpose, flags) ??
      // What the kernel needs to go on may take the last pages.
      (purpose === "kernel" ? this.#allocAbove(undefined, order, purpose, flags) : undefined)
    );
  }

  /**
   * Gives a block back, which joins its buddy as long as that is free too. Nobody holds or maps it any more.
   *
   * @kernel __free_one_page, mm/page_alloc.c (6.18)
   */
  free(pfn: number, order: number): void {
    const zone = this.#zoneOf(pfn);
    zone.free += 2 ** order;
    for (let i = 0; i < 2 ** order; i++) {
      this.#clear(pfn + i);
      this.setContent(pfn + i, undefined);
    }
    let [block, size] = [pfn, order];
    while (size < ORDERS - 1) {
      const buddy = block ^ (1 << size);
      if (!this.#isFreeBlock(buddy, size)) break;
      this.#unlist(zone, buddy, size);
      block = Math.min(block, buddy);
      size++;
    }
    this.#list(zone, block, size);
  }

  /** The first frame of the block that a page was allocated with: compound_head. */
  head(pfn: number): number {
    return this.has(pfn, PG.TAIL) ? pfn - this.get(pfn, FRAME.ORDER) : pfn;
  }

  /** A block of 2^order pages that are held together, as huge pages are: prep_compound_page. */
  makeCompound(head: number, order: number): void {
    this.flag(head, PG.HEAD);
    const shared = this.get(head, FRAME.FLAGS) & ~PG.HEAD;
    for (let i = 1; i < 2 ** order; i++) {
      this.set(head + i, FRAME.FLAGS, PG.TAIL | shared);
      this.set(head + i, FRAME.ORDER, i);
    }
  }

  /**
   * The pages of a compound one become pages of their own, each held by the entries that map it; those that none
   * maps are free. Nobody holds the block otherwise, and no entry maps the whole of it.
   *
   * @kernel __folio_split, mm/huge_memory.c (6.18)
   */
  splitCompound(head: number): void {
    const order = this.get(head, FRAME.ORDER);
    const flags = this.get(head, FRAME.FLAGS) & ~(PG.HEAD | PG.EXCLUSIVE);
    const [mapping, index] = [this.get(head, FRAME.MAPPING), this.index(head)];
    for (let n = 0; n < 2 ** order; n++) {
      const pfn = head + n;
      const mapped = this.get(pfn, FRAME.MAPCOUNT);
      const exclusive = this.get(pfn, FRAME.FLAGS) & PG.EXCLUSIVE;
      this.#begin(pfn, 0, flags | exclusive);
      this.set(pfn, FRAME.MAPCOUNT, mapped);
      this.set(pfn, FRAME.REFCOUNT, mapped);
      this.assign(pfn, mapping, index + n);
      if (mapped === 0) this.free(pfn, 0);
    }
  }

  /** One reference more of the page, or of the block that it is part of: folio_get. */
  hold(pfn: number): void {
    this.add(this.head(pfn), FRAME.REFCOUNT, 1);
  }

  /** One reference less; the last frees the page with the block that it is part of: folio_put. */
  put(pfn: number): void {
    const head = this.head(pfn);
    if (this.add(head, FRAME.REFCOUNT, -1) > 0) return;
    this.free(head, this.has(head, PG.HEAD) ? this.get(head, FRAME.ORDER) : 0);
  }

  /** Entries that map the page, by itself or with its whole block: folio_precise_page_mapcount. */
  mapcount(pfn: number): number {
    const own = this.get(pfn, FRAME.MAPCOUNT);
    const flags = this.get(pfn, FRAME.FLAGS);
    return (flags & (PG.HEAD | PG.TAIL)) === 0 ? own : own + this.get(this.head(pfn), FRAME.ENTIRE);
  }

  /** Free pages of all zones. */
  get freePages(): number {
    return this.#zones.reduce((n, zone) => n + zone.free, 0);
  }

  /** Free blocks of one zone and order, found by their lists; those never handed out are not among them. */
  *listed(zone: Zone, order: number): Iterable<number> {
    for (let at = zone.heads[order] ?? 0; at !== 0; at = this.get(at - 1, FRAME.MAPPING)) yield at - 1;
  }

  /** From the highest zone that has more free pages than its mark. */
  #allocAbove(
    mark: "low" | "min" | undefined,
    order: number,
    purpose: Purpose,
    flags: number,
  ): number | undefined {
    for (let i = this.#zones.length - 1; i >= 0; i--) {
      const zone = this.#zones[i] as Zone;
      if (purpose === "kernel" && zone.name === "HighMem") continue;
      if (zone.free - 2 ** order < (mark ? zone.watermarks[mark] : 0)) continue;
      const pfn = this.#take(zone, order);
      if (pfn === undefined) continue;
      this.#begin(pfn, order, flags);
      return pfn;
    }
    return undefined;
  }

  #zoneOf(pfn: number): Zone {
    const zone = this.#zones.find((z) => pfn >= z.start && pfn < z.end);
    assert(zone, `frame ${pfn} is in no zone`);
    return zone;
  }

  #begin(pfn: number, order: number, flags: number): void {
    const words = this.#frames.own(pfn);
    const at = this.#frames.offset(pfn);
    words.fill(0, at, at + FRAME_WORDS);
    words[at + FRAME.REFCOUNT] = 1;
    words[at + FRAME.FLAGS] = flags;
    words[at + FRAME.ORDER] = order;
  }

  #clear(pfn: number): void {
    const at = this.#frames.offset(pfn);
    this.#frames.own(pfn).fill(0, at, at + FRAME_WORDS);
  }

  /** The first block that is large enough, whose upper halves go back to the lists: expand. */
  #take(zone: Zone, order: number): number | undefined {
    for (let size = order; size < ORDERS; size++) {
      const pfn = this.#first(zone, size);
      if (pfn === undefined) continue;
      while (size > order) {
        size--;
        this.#list(zone, pfn + (1 << size), size);
      }
      zone.free -= 1 << order;
      return pfn;
    }
    return undefined;
  }

  #first(zone: Zone, order: number): number | undefined {
    const head = zone.heads[order] as number;
    if (head !== 0) {
      this.#unlist(zone, head - 1, order);
      return head - 1;
    }
    if (order < ORDERS - 1 || zone.untouched === zone.end) return undefined;
    const pfn = zone.untouched;
    zone.untouched += MAX_ORDER_PAGES;
    zone.blocks[order] = (zone.blocks[order] as number) - 1;
    return pfn;
  }

  #isFreeBlock(pfn: number, order: number): boolean {
    return this.has(pfn, PG.BUDDY) && this.get(pfn, FRAME.ORDER) === order;
  }

  #list(zone: Zone, pfn: number, order: number): void {
    const next = zone.heads[order] as number;
    const words = this.#frames.own(pfn);
    const at = this.#frames.offset(pfn);
    words[at + FRAME.FLAGS] = PG.BUDDY;
    words[at + FRAME.ORDER] = order;
    words[at + FRAME.MAPPING] = next;
    words[at + FRAME.INDEX] = 0;
    if (next !== 0) this.set(next - 1, FRAME.INDEX, pfn + 1);
    zone.heads[order] = pfn + 1;
    zone.blocks[order] = (zone.blocks[order] as number) + 1;
  }

  #unlist(zone: Zone, pfn: number, order: number): void {
    const next = this.get(pfn, FRAME.MAPPING);
    const previous = this.get(pfn, FRAME.INDEX);
    if (previous === 0) zone.heads[order] = next;
    else this.set(previous - 1, FRAME.MAPPING, next);
    if (next !== 0) this.set(next - 1, FRAME.INDEX, previous);
    this.#clear(pfn);
    zone.blocks[order] = (zone.blocks[order] as number) - 1;
  }
}

function bootZone({ name, start, end }: Pick<Zone, "name" | "start" | "end">, lowmem: number): Zone {
  const untouched = Math.max(start, RESERVED_FRAMES);
  const free = end - untouched;
  const blocks = new Array<number>(ORDERS).fill(0);
  blocks[ORDERS - 1] = free / MAX_ORDER_PAGES;
  const share = Math.floor((minFreePages(lowmem) * (end - start)) / Math.max(lowmem, end - start));
  const step = Math.max(Math.floor(share / 4), Math.floor((end - start) / 1000));
  const watermarks = { min: share, low: share + step, high: share + 2 * step };
  return { name, start, end, untouched, heads: new Array<number>(ORDERS).fill(0), blocks, free, watermarks };
}
