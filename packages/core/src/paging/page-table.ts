import { isLarge, PAGING_MODES, type PagingMode, spansOf } from "../arch/index.ts";
import { assert } from "../base/index.ts";
import { type Owner, type TableFrames, TablePage } from "./table-page.ts";

/** Pages that an entry covers, and entries of a table, level by level. */
const SPANS = eachMode(spansOf);
const ENTRIES = eachMode(({ levels }) => levels.map(({ bits }) => 2 ** bits));

function eachMode(
  of: (mode: PagingMode) => readonly number[],
): Record<PagingMode["name"], readonly number[]> {
  return {
    "2-level": of(PAGING_MODES["2-level"]),
    pae: of(PAGING_MODES.pae),
    "4-level": of(PAGING_MODES["4-level"]),
    "5-level": of(PAGING_MODES["5-level"]),
  };
}

/** Learns of what a range of pages meets. Tables may be changed only in a visit that owns them. */
export interface RangeVisitor {
  /** A table below the top, before its entries; `page` is the first that it covers. Empty tables have no more. */
  table?(table: TablePage, page: number): void;
  /** Entries [from, to) of a lowest table; entry `from` maps page `page`. */
  leaf(table: TablePage, from: number, to: number, page: number): void;
  /** An entry above the lowest level that maps memory itself; `page` is the first of its pages. */
  large?(table: TablePage, i: number, page: number): void;
}

/** One step of a walk: the table, and which of its entries the address chooses. */
export interface WalkStep {
  readonly table: TablePage;
  readonly index: number;
}

/**
 * The page tables of one address space: a radix tree in the hardware's own format.
 *
 * Tables are copied before they are changed, unless this tree has already copied them since the last `clone`:
 * cloning costs nothing, a burst of changes copies each table once. Pages are counted; every address below the
 * top of the tree has one path.
 */
export class PageTable {
  #root: TablePage;
  #owner: Owner | undefined;
  readonly #spans: readonly number[];
  /** Entries of each level's tables. */
  readonly #entries: readonly number[];
  readonly #top: number;
  /** The lowest table that was asked for last: most walks stay in it. */
  #last: TablePage | undefined;
  #lastFirst = -1;

  private constructor(
    readonly mode: PagingMode,
    root: TablePage,
    /** Table pages that VmPTE counts: those below pgd and p4d. */
    public counted: number,
  ) {
    this.#root = root;
    this.#spans = SPANS[mode.name];
    this.#entries = ENTRIES[mode.name];
    this.#top = mode.levels.length - 1;
  }

  /** pgd_alloc: an empty tree. */
  static create(mode: PagingMode, frames: TableFrames): PageTable {
    const bits = mode.levels.at(-1)?.bits ?? 0;
    const root = TablePage.create({}, mode.levels.length - 1, frames.allocTable(), 2 ** bits);
    return new PageTable(mode, root, 0);
  }

  /** A second tree with the same entries. From here on neither sees the other's changes. */
  clone(): PageTable {
    this.#owner = undefined;
    this.#last = undefined;
    return new PageTable(this.mode, this.#root, this.counted);
  }

  get root(): TablePage {
    return this.#root;
  }

  /** The top level's frame: what CR3 holds. */
  get pgd(): number {
    return this.#root.pfn;
  }

  /** Pages that an entry of a level covers. */
  span(level: number): number {
    return this.#spans[level] as number;
  }

  /** Which entry of a level's table a page has. */
  index(level: number, page: number): number {
    const entries = this.#entries[level] as number;
    return level === 0 ? page % entries : Math.floor(page / this.span(level)) % entries;
  }

  /** The steps from the top to the lowest table, or to the entry that is empty or maps memory itself. */
  walk(page: number): readonly WalkStep[] {
    const steps: WalkStep[] = [];
    let table: TablePage | undefined = this.#root;
    while (table) {
      const index = this.index(table.level, page);
      steps.push({ table, index });
      table = this.#below(table, index);
    }
    return steps;
  }

  /** The table of a level on the way to a page, for reading; undefined where the way ends above it. */
  find(level: number, page: number): TablePage | undefined {
    if (level === 0 && this.#isLast(page)) return this.#last;
    let table: TablePage | undefined = this.#root;
    while (table && table.level > level) table = this.#below(table, this.index(table.level, page));
    return table;
  }

  /** The same, to be changed. */
  own(level: number, page: number): TablePage | undefined {
    return this.find(level, page) && this.#descend(level, page, undefined);
  }

  /** The same, with whatever tables are missing on the way. No entry on the way maps memory itself. */
  make(level: number, page: number, frames: TableFrames): TablePage {
    const table = this.#descend(level, page, frames);
    assert(table, `page ${page} is mapped above level ${level}`);
    return table;
  }

  /** Visits what [start, end) meets, in ascending order, for reading. */
  visit(start: number, end: number, visitor: RangeVisitor): void {
    this.#visit(this.#root, start, end, visitor, undefined);
  }

  /** Visits what [start, end) meets, in ascending order, to be changed. */
  visitOwned(start: number, end: number, visitor: RangeVisitor): void {
    if (start >= end) return;
    this.#root = this.#root.ownedBy(this.#begin());
    this.#visit(this.#root, start, end, visitor, this.#begin());
  }

  /**
   * Frees the tables below the top that [start, end) meets and whose whole span lies in [floor, ceiling).
   * Their entries are empty by then.
   *
   * @kernel free_pgd_range, mm/memory.c (6.18)
   */
  freeRange(start: number, end: number, floor: number, ceiling: number, frames: TableFrames): void {
    if (start >= end) return;
    this.#last = undefined;
    this.#lastFirst = -1;
    this.#root = this.#root.ownedBy(this.#begin());
    this.#freeBelow(this.#root, start, end, floor, ceiling, frames);
  }

  /** Takes out the lowest table of a page, which is empty: try_to_free_pte, mm/pt_reclaim.c. */
  freeLeaf(page: number, frames: TableFrames): void {
    const above = this.own(1, page);
    const i = this.index(1, page);
    const table = above?.tables[i];
    if (!above || !table) return;
    this.#last = undefined;
    this.#lastFirst = -1;
    this.#free(above, i, table, frames);
  }

  /** Lays a table aside behind entry `i`, which maps memory itself: pgtable_trans_huge_deposit. */
  deposit(above: TablePage, i: number, frames: TableFrames): void {
    above.tables[i] = this.#newTable(above.level - 1, frames);
  }

  /** Takes the deposit of entry `i` away and frees it. */
  withdraw(above: TablePage, i: number, frames: TableFrames): void {
    const table = above.tables[i];
    assert(table, "a deposit");
    above.tables[i] = undefined;
    this.#count(table, -1);
    frames.freeTable(table.pfn);
  }

  /** The deposit of entry `i` takes the entry's place, to be filled. */
  split(above: TablePage, i: number): TablePage {
    const table = above.tables[i]?.ownedBy(this.#begin());
    assert(table, "a deposit");
    above.link(i, table);
    return table;
  }

  /** Whether an entry above the lowest level maps memory itself. */
  isLarge(table: TablePage, i: number): boolean {
    return isLarge(table.words[2 * i] as number);
  }

  /**
   * Moves one entry with all that is behind it to another page's entry of that level, whose table is there.
   *
   * @returns false when that entry is not empty, and nothing has moved
   * @kernel move_normal_pmd, move_normal_pud, mm/mremap.c; move_huge_pmd, mm/huge_memory.c (6.18)
   */
  moveEntry(level: number, from: number, to: number): boolean {
    const target = this.own(level, to);
    const source = this.own(level, from);
    const [i, n] = [this.index(level, from), this.index(level, to)];
    assert(source && target, "tables to move between");
    if (!target.isEmpty(n)) return false;
    const below = source.tables[i];
    target.set(n, source.words[2 * i] as number, source.words[2 * i + 1] as number);
    if (below) target.tables[n] = below;
    source.unlink(i);
    this.#last = undefined;
    this.#lastFirst = -1;
    return true;
  }

  /** Frees every table but the top; all are empty. */
  freeAll(frames: TableFrames): void {
    this.freeRange(
      0,
      this.span(this.#top) * (this.#entries[this.#top] as number),
      0,
      Number.POSITIVE_INFINITY,
      frames,
    );
  }

  /** Visits every table that this tree does not share with `other`: the tables of both sides at one place. */
  diff(
    other: PageTable,
    visit: (page: number, mine: TablePage | undefined, theirs: TablePage | undefined) => void,
  ): void {
    this.#diff(0, this.#root, other.#root, visit);
  }

  #diff(
    page: number,
    mine: TablePage | undefined,
    theirs: TablePage | undefined,
    visit: (page: number, mine: TablePage | undefined, theirs: TablePage | undefined) => void,
  ): void {
    if (mine === theirs) return;
    visit(page, mine, theirs);
    const level = mine?.level ?? theirs?.level ?? 0;
    const count = Math.max(mine?.tables.length ?? 0, theirs?.tables.length ?? 0);
    for (let i = 0; i < count; i++)
      this.#diff(page + i * this.span(level), mine?.tables[i], theirs?.tables[i], visit);
  }

  /** The table below an entry; none where it is empty or maps memory itself. */
  #below(table: TablePage, i: number): TablePage | undefined {
    return isLarge(table.words[2 * i] as number) ? undefined : table.tables[i];
  }

  #isLast(page: number): boolean {
    return this.#last !== undefined && page >= this.#lastFirst && page < this.#lastFirst + this.span(1);
  }

  #remember(table: TablePage, page: number): TablePage {
    this.#last = table;
    this.#lastFirst = page - (page % this.span(1));
    return table;
  }

  #descend(level: number, page: number, frames: TableFrames | undefined): TablePage | undefined {
    const owner = this.#begin();
    if (level === 0 && this.#isLast(page) && this.#last?.owner === owner) return this.#last;
    let table = this.#root.ownedBy(owner);
    this.#root = table;
    while (table.level > level) {
      const i = this.index(table.level, page);
      let below = table.tables[i];
      if (isLarge(table.words[2 * i] as number)) return undefined;
      if (!below) {
        if (!frames) return undefined;
        below = this.#newTable(table.level - 1, frames);
        table.link(i, below);
      } else if (below.owner !== owner) {
        below = below.ownedBy(owner);
        table.tables[i] = below;
      }
      table = below;
    }
    return level === 0 ? this.#remember(table, page) : table;
  }

  #newTable(level: number, frames: TableFrames): TablePage {
    const entries = this.#entries[level] as number;
    const table = TablePage.create(this.#begin(), level, frames.allocTable(), entries);
    this.#count(table, 1);
    return table;
  }

  #count(table: TablePage, n: number): void {
    const name = this.mode.levels[table.level]?.name;
    if (name === "pte" || name === "pmd" || name === "pud") this.counted += n;
  }

  #visit(
    table: TablePage,
    start: number,
    end: number,
    visitor: RangeVisitor,
    owner: Owner | undefined,
    first = 0,
  ): void {
    const { level } = table;
    const span = this.span(level);
    const entries = table.words.length / 2;
    const from = Math.max(0, Math.floor((start - first) / span));
    const to = Math.min(entries, Math.ceil((end - first) / span));
    if (level === 0) {
      visitor.leaf(table, from, to, first + from);
      return;
    }
    for (let i = from; i < to; i++) {
      if (table.isEmpty(i)) continue;
      const page = first + i * span;
      if (isLarge(table.words[2 * i] as number)) {
        visitor.large?.(table, i, page);
        // What a visit splits is visited in its parts.
        if (isLarge(table.words[2 * i] as number) || table.isEmpty(i)) continue;
      }
      let below = table.tables[i];
      if (!below) continue;
      visitor.table?.(below, page);
      if (below.used === 0) continue;
      if (owner && below.owner !== owner) {
        below = below.ownedBy(owner);
        table.tables[i] = below;
        this.#last = undefined;
      }
      this.#visit(below, start, end, visitor, owner, page);
    }
  }

  #freeBelow(
    table: TablePage,
    start: number,
    end: number,
    floor: number,
    ceiling: number,
    frames: TableFrames,
    first = 0,
  ): void {
    const span = this.span(table.level);
    const from = Math.max(0, Math.floor((start - first) / span));
    const to = Math.min(table.words.length / 2, Math.ceil((end - first) / span));
    for (let i = from; i < to; i++) {
      let below = table.tables[i];
      if (!below || isLarge(table.words[2 * i] as number)) continue;
      const page = first + i * span;
      if (below.level > 0) {
        below = below.ownedBy(this.#begin());
        table.tables[i] = below;
        this.#freeBelow(below, start, end, floor, ceiling, frames, page);
      }
      if (page >= floor && page + span <= ceiling)
        this.#free(table, i, below, frames, Math.max(page, start - (start % this.span(1))));
    }
  }

  #free(above: TablePage, i: number, table: TablePage, frames: TableFrames, page?: number): void {
    assert(table.used === 0, "a table that is freed is empty");
    above.unlink(i);
    this.#count(table, -1);
    frames.freeTable(table.pfn, page, this.span(above.level));
  }

  #begin(): Owner {
    this.#owner ??= {};
    return this.#owner;
  }
}
