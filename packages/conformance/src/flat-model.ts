/** What one page of the naive model is. */
export interface FlatPage {
  readonly prot: number;
  readonly shared: boolean;
  /** 0 for anonymous memory. */
  readonly file: number;
  /** Page of the file; 0 for anonymous memory. */
  readonly offset: number;
}

export type FlatAnswer = number | "EINVAL" | "ENOMEM" | "EFAULT" | "EEXIST";

export interface FlatMmap {
  /** Page where it must go, or undefined for anywhere. */
  readonly at: number | undefined;
  readonly replace: boolean;
  readonly pages: number;
  readonly page: FlatPage;
}

/**
 * An address space as a map from page to attributes, without VMAs, trees or merging: slow, and simple
 * enough to be right by looking at it. It knows no limits, locks or seals.
 */
export class FlatModel {
  readonly pages = new Map<number, FlatPage>();
  brkPages = 0;

  constructor(
    readonly top: number,
    readonly brkStart: number,
  ) {}

  fork(): FlatModel {
    const child = new FlatModel(this.top, this.brkStart);
    for (const [number, page] of this.pages) child.pages.set(number, page);
    child.brkPages = this.brkPages;
    return child;
  }

  mmap({ at, replace, pages, page }: FlatMmap): FlatAnswer {
    if (at !== undefined && !replace && !this.isFree(at, pages)) return "EEXIST";
    const start = at ?? this.search(pages);
    this.fill(start, pages, page);
    return start;
  }

  munmap(start: number, pages: number): FlatAnswer {
    for (let i = 0; i < pages; i++) this.pages.delete(start + i);
    return 0;
  }

  mprotect(start: number, pages: number, prot: number): FlatAnswer {
    for (let i = 0; i < pages; i++) {
      const page = this.pages.get(start + i);
      if (!page) return "ENOMEM";
      this.pages.set(start + i, { ...page, prot });
    }
    return 0;
  }

  brk(wanted: number): FlatAnswer {
    const { brkStart, brkPages } = this;
    if (wanted < 0) return brkPages;
    if (wanted > brkPages && !this.isFree(brkStart + brkPages, wanted + 1 - brkPages)) return brkPages;
    if (wanted < brkPages) {
      if (this.isFree(brkStart + wanted, brkPages - wanted)) return brkPages;
      this.munmap(brkStart + wanted, brkPages - wanted);
    }
    const heap: FlatPage = { prot: 3, shared: false, file: 0, offset: 0 };
    if (wanted > brkPages) this.fill(brkStart + brkPages, wanted - brkPages, heap);
    this.brkPages = wanted;
    return wanted;
  }

  /** A range moves to `to`, or grows or shrinks where it is; `keep` leaves a copy behind. */
  mremap(from: number, oldPages: number, newPages: number, to: number | undefined, keep = false): FlatAnswer {
    if (!this.pages.has(from)) return "EFAULT";
    if (to === undefined || to === from) {
      if (newPages <= oldPages) return this.shrink(from, oldPages, newPages);
      if (!this.isFree(from + oldPages, newPages - oldPages)) return "ENOMEM";
      this.extend(from, oldPages, newPages);
      return from;
    }
    this.munmap(to, newPages);
    const moved = Math.min(Math.max(oldPages, 1), newPages);
    for (let i = 0; i < moved; i++) {
      const page = this.pages.get(from + i);
      if (page) this.pages.set(to + i, page);
    }
    if (!keep) this.munmap(from, oldPages);
    this.extend(to, moved, newPages);
    return to;
  }

  /** Whether the pages are all mapped with the same attributes and, for a file, in its order. */
  isUniform(start: number, pages: number): boolean {
    const first = this.pages.get(start);
    if (!first) return false;
    for (let i = 1; i < pages; i++) {
      const page = this.pages.get(start + i);
      const expected = this.continued(first, i);
      if (!page || JSON.stringify(page) !== JSON.stringify(expected)) return false;
    }
    return true;
  }

  private shrink(from: number, oldPages: number, newPages: number): FlatAnswer {
    this.munmap(from + newPages, oldPages - newPages);
    return from;
  }

  /** Goes on behind the last of `pages` pages as that one begins. */
  private extend(start: number, pages: number, newPages: number): void {
    const last = this.pages.get(start + pages - 1);
    if (last)
      for (let i = pages; i < newPages; i++) this.pages.set(start + i, this.continued(last, i - pages + 1));
  }

  private isFree(start: number, pages: number): boolean {
    for (let i = 0; i < pages; i++) if (this.pages.has(start + i)) return false;
    return true;
  }

  private fill(start: number, pages: number, page: FlatPage): void {
    for (let i = 0; i < pages; i++) this.pages.set(start + i, this.continued(page, i));
  }

  private continued(page: FlatPage, by: number): FlatPage {
    return page.file === 0 ? page : { ...page, offset: page.offset + by };
  }

  /** The highest free place below the top of the mapping area. */
  private search(pages: number): number {
    let start = this.top - pages;
    while (!this.isFree(start, pages)) start--;
    return start;
  }
}
