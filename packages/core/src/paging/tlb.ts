import { assert } from "../base/index.ts";

/** How a CPU's translation cache is built. */
export interface TlbShape {
  /** Translations that it holds at most. */
  readonly entries: number;
  /** Places that one page can have: `entries` is fully associative, 1 direct mapped. Divides `entries`. */
  readonly ways: number;
  /** Which one goes when all places are taken: least recently used, oldest, or drawn from a seed. */
  readonly replacement: "lru" | "fifo" | { readonly seed: number };
}

/** A page-table entry as the walk found it: the two words of the entry, and the range that it maps. */
export interface Translation {
  /** First page that the entry maps, a multiple of `pages`. */
  readonly vpn: number;
  /** 1, or the pages of a large entry: 512, 1,024 (two-level tables), 262,144. */
  readonly pages: number;
  /** Bits 0 to 31 of the entry, unsigned. */
  readonly lo: number;
  /** Bits 32 to 63, unsigned. */
  readonly hi: number;
}

/** A cached translation, tagged by the address space in which it holds; a global one holds in all. */
export interface TlbEntry extends Translation {
  readonly asid: number;
  readonly global: boolean;
}

const PAGE_GLOBAL = 0x100;
const SMALL: readonly number[] = [1];
const ALL_SIZES: readonly number[] = [1, 512, 1024, 262144];

/** Who may change a set in place. */
type Owner = object;

/** The places of the pages that share an index, the next to be replaced first. */
interface TlbSet {
  readonly owner: Owner | undefined;
  readonly ways: TlbEntry[];
}

const EMPTY: TlbSet = { owner: undefined, ways: [] };

/**
 * The translation cache of one CPU, tagged by address-space identifier. It does what it is told and knows no
 * kernel: who must flush when is the business of tlb-flush.ts.
 *
 * Cloning costs nothing; a set is copied before it is first changed after that. `lookup` counts as a use, which
 * "lru" remembers; `peek` and `entries` only look.
 */
export class Tlb {
  readonly shape: TlbShape;
  #sets: readonly TlbSet[];
  #size: number;
  /** Entries of large pages: while there are none, a lookup probes one set. */
  #large: number;
  #random: number;
  /** Absent while no set may be changed in place. */
  #owner: Owner | undefined;

  private constructor(shape: TlbShape, sets: readonly TlbSet[], size: number, large: number, random: number) {
    this.shape = shape;
    this.#sets = sets;
    this.#size = size;
    this.#large = large;
    this.#random = random;
  }

  static empty(shape: TlbShape): Tlb {
    const { entries, ways, replacement } = shape;
    assert(ways >= 1 && Number.isInteger(entries / ways), `${entries} entries in sets of ${ways}`);
    const sets = Array.from({ length: entries / ways }, () => EMPTY);
    return new Tlb(shape, sets, 0, 0, typeof replacement === "object" ? seedOf(replacement.seed) : 0);
  }

  /** A cache that holds what another one's `sets` told, and draws what that one would have drawn. */
  static restore(shape: TlbShape, sets: readonly (readonly TlbEntry[])[], random: number): Tlb {
    const entries = sets.flat();
    const large = entries.filter(({ pages }) => pages > 1).length;
    const held = sets.map(
      (ways): TlbSet => (ways.length === 0 ? EMPTY : { owner: undefined, ways: [...ways] }),
    );
    return new Tlb(shape, held, entries.length, large, random);
  }

  get size(): number {
    return this.#size;
  }

  /** A second cache with the same entries. From here on neither sees the other's changes. */
  clone(): Tlb {
    this.#owner = undefined;
    return new Tlb(this.shape, this.#sets, this.#size, this.#large, this.#random);
  }

  /** The translation of a page in an address space, which so has been used; undefined for a miss. */
  lookup(asid: number, vpn: number): TlbEntry | undefined {
    const found = this.#locate(asid, vpn);
    if (!found) return undefined;
    const { index, way, entry } = found;
    if (this.shape.replacement === "lru" && way < this.#set(index).ways.length - 1) {
      const { ways } = this.#own(index);
      ways.splice(way, 1);
      ways.push(entry);
    }
    return entry;
  }

  /** The same, as nobody's use. */
  peek(asid: number, vpn: number): TlbEntry | undefined {
    return this.#locate(asid, vpn)?.entry;
  }

  /**
   * Takes in what a walk found, in place of what stood for the same page, and answers the entry that had to go.
   * An entry with the G bit is a global one.
   */
  fill(asid: number, { vpn, pages, lo, hi }: Translation): TlbEntry | undefined {
    assert(ALL_SIZES.includes(pages) && vpn % pages === 0, `an entry for ${pages} pages at ${vpn}`);
    const entry: TlbEntry = { asid, global: (lo & PAGE_GLOBAL) !== 0, vpn, pages, lo, hi };
    const index = this.#indexOf(vpn, pages);
    const { ways } = this.#own(index);
    const same = ways.findIndex((e) => e.vpn === vpn && e.pages === pages && holdsIn(e, asid));
    if (same >= 0) this.#count(ways.splice(same, 1), -1);
    const victim = ways.length < this.shape.ways ? undefined : this.#evict(ways);
    ways.push(entry);
    this.#count([entry], 1);
    return victim;
  }

  /**
   * Drops what translates a page in one address space, of whatever size, and what is global: INVLPG.
   *
   * @returns how many entries went, as the other flushes do
   */
  flushPage(asid: number, vpn: number): number {
    let gone = 0;
    for (const pages of this.#sizes())
      gone += this.#drop(this.#indexOf(vpn, pages), (e) => holdsIn(e, asid) && covers(e, vpn));
    return gone;
  }

  /** Drops what translates any page of [start, end) in one address space, and what is global there. */
  flushRange(asid: number, start: number, end: number): number {
    if (end - start > this.shape.entries)
      return this.#dropAll((e) => holdsIn(e, asid) && e.vpn < end && e.vpn + e.pages > start);
    let gone = 0;
    for (let vpn = start; vpn < end; vpn++) gone += this.flushPage(asid, vpn);
    return gone;
  }

  /** Drops all of one address space but global entries: a load of CR3 with that PCID. */
  flushAsid(asid: number): number {
    return this.#dropAll((e) => !e.global && e.asid === asid);
  }

  /** Drops all but global entries: a load of CR3 without PCIDs. */
  flushNonGlobal(): number {
    return this.#dropAll((e) => !e.global);
  }

  flushAll(): number {
    return this.#dropAll(() => true);
  }

  /** The entries of each set, the next to be replaced first; and the state of what draws. */
  get sets(): readonly (readonly TlbEntry[])[] {
    return this.#sets.map(({ ways }) => ways);
  }

  get random(): number {
    return this.#random;
  }

  /** Every entry, set by set, in the order in which a set would replace them. */
  *entries(): IterableIterator<TlbEntry> {
    for (const { ways } of this.#sets) yield* ways;
  }

  /** All that decides what the cache does next, as text: the same for caches that behave the same. */
  text(): string {
    const sets = this.#sets.map(({ ways }) =>
      ways.map((e) => `${e.global ? "g" : e.asid}:${e.vpn}+${e.pages}=${e.hi},${e.lo}`).join(" "),
    );
    return `${this.#random}|${sets.join("|")}`;
  }

  #locate(asid: number, vpn: number): { index: number; way: number; entry: TlbEntry } | undefined {
    for (const pages of this.#sizes()) {
      const index = this.#indexOf(vpn, pages);
      const { ways } = this.#set(index);
      const way = ways.findIndex((e) => holdsIn(e, asid) && covers(e, vpn));
      const entry = ways[way];
      if (entry) return { index, way, entry };
    }
    return undefined;
  }

  #sizes(): readonly number[] {
    return this.#large > 0 ? ALL_SIZES : SMALL;
  }

  /** A large page has an index by its own size: pages beside one another stand in neighbouring sets. */
  #indexOf(vpn: number, pages: number): number {
    return Math.floor(vpn / pages) % this.#sets.length;
  }

  #set(index: number): TlbSet {
    const set = this.#sets[index];
    assert(set, `set ${index}`);
    return set;
  }

  /** A set that may be changed in place. */
  #own(index: number): TlbSet {
    if (!this.#owner) {
      this.#owner = {};
      this.#sets = this.#sets.slice();
    }
    const set = this.#set(index);
    if (set.owner === this.#owner) return set;
    const mine = { owner: this.#owner, ways: set.ways.slice() };
    (this.#sets as TlbSet[])[index] = mine;
    return mine;
  }

  /** Takes out the entry that has to go, and answers it. */
  #evict(ways: TlbEntry[]): TlbEntry | undefined {
    let at = 0;
    if (typeof this.shape.replacement === "object") {
      this.#random = xorshift(this.#random);
      at = this.#random % ways.length;
    }
    const gone = ways.splice(at, 1);
    this.#count(gone, -1);
    return gone[0];
  }

  #drop(index: number, goes: (entry: TlbEntry) => boolean): number {
    const gone = this.#set(index).ways.filter(goes);
    if (gone.length === 0) return 0;
    const { ways } = this.#own(index);
    ways.splice(0, ways.length, ...ways.filter((entry) => !goes(entry)));
    this.#count(gone, -1);
    return gone.length;
  }

  #dropAll(goes: (entry: TlbEntry) => boolean): number {
    let gone = 0;
    for (let index = 0; index < this.#sets.length; index++) gone += this.#drop(index, goes);
    return gone;
  }

  #count(entries: readonly TlbEntry[], by: 1 | -1): void {
    for (const { pages } of entries) {
      this.#size += by;
      if (pages > 1) this.#large += by;
    }
  }
}

const holdsIn = (entry: TlbEntry, asid: number): boolean => entry.global || entry.asid === asid;

const covers = (entry: TlbEntry, vpn: number): boolean => vpn >= entry.vpn && vpn < entry.vpn + entry.pages;

/** xorshift stands still at 0. */
const seedOf = (seed: number): number => seed >>> 0 || 1;

/** The next of a fixed sequence of 32-bit numbers: Marsaglia's xorshift. */
function xorshift(state: number): number {
  let x = state;
  x ^= x << 13;
  x ^= x >>> 17;
  x ^= x << 5;
  return x >>> 0;
}
