import type { PagingMode } from "../arch/index.ts";
import { PageTable, type TableFrames } from "../paging/index.ts";

/** The counters of an address space's pages. */
export type MmPageCounters = Pick<
  MmPages,
  "rssFile" | "rssAnon" | "rssShmem" | "swapEnts" | "hugetlb" | "hiwaterRss"
>;

/**
 * What an address space has below its VMAs: page tables, and the counters of the pages in them, in pages.
 * A committed one is never changed; `clone` gives a transaction one of its own.
 */
export class MmPages {
  /** MM_FILEPAGES, MM_ANONPAGES, MM_SHMEMPAGES, MM_SWAPENTS. */
  rssFile = 0;
  rssAnon = 0;
  rssShmem = 0;
  swapEnts = 0;
  /** hugetlb_usage, in pages of 4 KiB; such pages count nowhere else. */
  hugetlb = 0;
  /** The peak of the three rss counters' sum, as of the last time that pages went. */
  hiwaterRss = 0;

  private constructor(readonly table: PageTable) {}

  /** No page yet. */
  static create(mode: PagingMode, frames: TableFrames): MmPages {
    return new MmPages(PageTable.create(mode, frames));
  }

  /** Page tables and counters that another one had. */
  static restore(table: PageTable, counters: MmPageCounters): MmPages {
    return Object.assign(new MmPages(table), counters);
  }

  clone(): MmPages {
    const copy = new MmPages(this.table.clone());
    copy.rssFile = this.rssFile;
    copy.rssAnon = this.rssAnon;
    copy.rssShmem = this.rssShmem;
    copy.swapEnts = this.swapEnts;
    copy.hugetlb = this.hugetlb;
    copy.hiwaterRss = this.hiwaterRss;
    return copy;
  }

  /** What tells the address space from all others that have pages, for counts of who maps what: mm_id. */
  get id(): number {
    return this.table.root.pfn;
  }

  /** get_mm_rss. */
  get rss(): number {
    return this.rssFile + this.rssAnon + this.rssShmem;
  }

  /** Peaks are taken just before pages go: update_hiwater_rss. */
  noteHighWater(): void {
    if (this.rss > this.hiwaterRss) this.hiwaterRss = this.rss;
  }
}
