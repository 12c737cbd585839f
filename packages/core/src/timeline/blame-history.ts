/** What an event did to a mapping, seen from pages that were there before it. */
export const MARK = {
  GROWN: 1,
  SHRUNK: 2,
  SPLIT: 4,
  MERGED: 8,
  MOVED: 16,
  PROTECTED: 32,
  CHANGED: 64,
  FORKED: 128,
} as const;

/** How a page got the frame that it has. */
export const PAGE = { POPULATED: 0, REPLACED: 1, SWAPPED_IN: 2, MOVED: 3 } as const;

/** A VMA as some event left it: pages [start, end). */
export interface Version {
  readonly start: number;
  readonly end: number;
  readonly seq: number;
  /** 1 read, 2 write, 4 execute, 8 shared. */
  readonly permissions: number;
  readonly edges: readonly Edge[];
}

/** Pages [from, to) of a version were there before: at page + shift, in the VMA that began at page `source`. */
export interface Edge {
  readonly source: number;
  readonly from: number;
  readonly to: number;
  readonly shift: number;
  readonly marks: number;
}

/** Pages [start, end) got what they hold; moved ones had been at page + shift. */
export interface PageRow {
  readonly start: number;
  readonly end: number;
  readonly seq: number;
  readonly code: number;
  readonly shift: number;
}

/** The life of one address space, as far as blame asks. */
export interface SpaceHistory {
  /** The event that made it. */
  readonly born: number;
  /** The address space that it was forked from; 0 for none. */
  readonly parent: number;
  /** The last version of a VMA that began at page `start`, as of event `seq`. */
  versionAt(start: number, seq: number): Version | undefined;
  /** All versions, by start and then by event. */
  versions(): Iterable<Version>;
  /** The last rows that tell of a page, as of event `seq`. */
  pageAt(page: number, seq: number): PageRow | undefined;
  /** In the order of the events. */
  pageRows(): Iterable<PageRow>;
}

const EDGE = 5;
const ROW = 5;

/** One that is still being written: plain lists of numbers. */
export class SpaceHistoryDraft implements SpaceHistory {
  /** The versions that began at a page, in the order of events. */
  readonly #byStart = new Map<number, number[]>();
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #seqs: number[] = [];
  readonly #permissions: number[] = [];
  /** Where a version's edges begin. */
  readonly #first: number[] = [];
  readonly #edges: number[] = [];
  readonly #rows: number[] = [];

  constructor(
    readonly born: number,
    readonly parent: number,
  ) {}

  addVersion(start: number, end: number, seq: number, permissions: number): void {
    const at = this.#starts.length;
    const known = this.#byStart.get(start);
    if (known) known.push(at);
    else this.#byStart.set(start, [at]);
    this.#starts.push(start);
    this.#ends.push(end);
    this.#seqs.push(seq);
    this.#permissions.push(permissions);
    this.#first.push(this.#edges.length);
  }

  /** One more edge of the version that was added last, in order of address. */
  addEdge(source: number, from: number, to: number, shift: number, marks: number): void {
    this.#edges.push(source, from, to, shift, marks);
  }

  addPages(start: number, end: number, seq: number, code: number, shift: number): void {
    this.#rows.push(start, end, seq, code, shift);
  }

  versionAt(start: number, seq: number): Version | undefined {
    const list = this.#byStart.get(start);
    if (!list) return undefined;
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#seqs[list[middle] as number] as number) <= seq) low = middle + 1;
      else high = middle;
    }
    const at = list[low - 1];
    return at === undefined ? undefined : this.#version(at);
  }

  *versions(): Iterable<Version> {
    const starts = [...this.#byStart.keys()].sort((a, b) => a - b);
    for (const start of starts) for (const at of this.#byStart.get(start) ?? []) yield this.#version(at);
  }

  pageAt(page: number, seq: number): PageRow | undefined {
    const rows = this.#rows;
    for (let i = rows.length - ROW; i >= 0; i -= ROW) {
      const inside = (rows[i] as number) <= page && page < (rows[i + 1] as number);
      if (inside && (rows[i + 2] as number) <= seq) return this.#row(i);
    }
    return undefined;
  }

  *pageRows(): Iterable<PageRow> {
    for (let i = 0; i < this.#rows.length; i += ROW) yield this.#row(i);
  }

  #version(at: number): Version {
    const edges: Edge[] = [];
    const end = this.#first[at + 1] ?? this.#edges.length;
    for (let i = this.#first[at] as number; i < end; i += EDGE) {
      const [source, from, to, shift, marks] = this.#edges.slice(i, i + EDGE);
      edges.push({ source, from, to, shift, marks } as Edge);
    }
    const [start, last, seq] = [this.#starts[at], this.#ends[at], this.#seqs[at]];
    return { start, end: last, seq, permissions: this.#permissions[at], edges } as Version;
  }

  #row(i: number): PageRow {
    const [start, end, seq, code, shift] = this.#rows.slice(i, i + ROW);
    return { start, end, seq, code, shift } as PageRow;
  }
}
