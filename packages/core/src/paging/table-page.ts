import { TABLE_BITS } from "../arch/index.ts";

/** Whoever may change a table in place: compared by identity, never looked into. */
export type Owner = object;

/** Where table pages come from, and go to. */
export interface TableFrames {
  /** The frame of a new, empty table. */
  allocTable(): number;
  /**
   * @param page for a table below the top that a range goes without: the first page of that range that it covers
   * @param span pages that one entry of the table above covers
   */
  freeTable(pfn: number, page?: number, span?: number): void;
}

/**
 * One table of 512 entries (1,024 on two-level tables): two words an entry, low then high, as the hardware
 * reads them. Above the lowest level `tables` holds the tables that the entries name; where an entry maps
 * memory itself it may hold a table that waits for the entry to be split (a deposit).
 */
export class TablePage {
  constructor(
    readonly owner: Owner,
    /** 0 is the lowest. */
    readonly level: number,
    /** The frame that the table itself stands in. */
    readonly pfn: number,
    readonly words: Uint32Array,
    readonly tables: (TablePage | undefined)[],
    /** Entries that are not empty. */
    public used: number,
  ) {}

  static create(owner: Owner, level: number, pfn: number, entries: number): TablePage {
    return new TablePage(owner, level, pfn, new Uint32Array(2 * entries), [], 0);
  }

  /** This table where it is `owner`'s already, else a copy that is. */
  ownedBy(owner: Owner): TablePage {
    if (this.owner === owner) return this;
    return new TablePage(owner, this.level, this.pfn, this.words.slice(), this.tables.slice(), this.used);
  }

  isEmpty(i: number): boolean {
    return this.words[2 * i] === 0 && this.words[2 * i + 1] === 0;
  }

  /** Writes entry `i`, which keeps `used` right; an entry's own bits may also be changed in place. */
  set(i: number, lo: number, hi: number): void {
    const was = this.isEmpty(i);
    this.words[2 * i] = lo;
    this.words[2 * i + 1] = hi;
    const is = lo === 0 && hi === 0;
    if (was !== is) this.used += is ? -1 : 1;
  }

  clear(i: number): void {
    this.set(i, 0, 0);
  }

  /** Names a table in entry `i`. */
  link(i: number, table: TablePage): void {
    this.tables[i] = table;
    this.set(i, (((table.pfn % 2 ** 20) << 12) | TABLE_BITS) >>> 0, Math.floor(table.pfn / 2 ** 20));
  }

  unlink(i: number): void {
    this.tables[i] = undefined;
    this.clear(i);
  }
}
