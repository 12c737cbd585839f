import { assert, type MmId } from "../base/index.ts";
import { MARK, PAGE, type SpaceHistory, type Version } from "./blame-history.ts";

/** What an event did to a mapping; `forked`: a fork gave the child its own. */
export type BlameMark =
  | "grown"
  | "shrunk"
  | "split"
  | "merged"
  | "moved"
  | "protected"
  | "changed"
  | "forked";

const MARKS: readonly (readonly [number, BlameMark])[] = [
  [MARK.MOVED, "moved"],
  [MARK.PROTECTED, "protected"],
  [MARK.CHANGED, "changed"],
  [MARK.SPLIT, "split"],
  [MARK.SHRUNK, "shrunk"],
  [MARK.MERGED, "merged"],
  [MARK.GROWN, "grown"],
  [MARK.FORKED, "forked"],
];

/** One station on a range's way. Events in a row that did the same, and no more than resize, are one station. */
export interface BlameStation {
  readonly marks: readonly BlameMark[];
  /** The first and the last of its events, which are one unless `times` says more. */
  readonly first: number;
  readonly seq: number;
  readonly times: number;
  /** Whose VMA it was then, the VMA's pages, and what it allowed: 1 read, 2 write, 4 execute, 8 shared. */
  readonly mm: MmId;
  readonly start: number;
  readonly end: number;
  readonly permissions: number;
  /** Of moved pages: page + shift is where they had been. */
  readonly shift: number;
}

/** Pages [start, end) of one VMA that have one origin. */
export interface BlameRange {
  readonly start: number;
  readonly end: number;
  /** The event that mapped them, and in which address space. */
  readonly created: BlameStation;
  /** What happened since, oldest first. */
  readonly way: readonly BlameStation[];
}

/** How a page got what it holds. */
export interface PageBlame {
  readonly how: "populated" | "replaced" | "swapped in";
  readonly seq: number;
  readonly mm: MmId;
  /** Forks and moves since, newest first. */
  readonly since: readonly { readonly seq: number; readonly how: "forked" | "moved" }[];
}

/** The histories of a log's address spaces, by id. */
export type Histories = { get(mm: MmId): SpaceHistory | undefined };

interface Pages {
  readonly start: number;
  readonly end: number;
}

/** The way so far, newest first: what is behind it is shared by all ranges that came the same way. */
interface Trail {
  readonly station: Omit<BlameStation, "marks"> & { readonly marks: number };
  readonly newer: Trail | undefined;
}

/** Stations of these marks alone say only that the mapping around the pages became another. */
const RESIZED = MARK.GROWN | MARK.SHRUNK | MARK.SPLIT | MARK.MERGED;

/** Pages [low, high) of the VMA that began at `start`, as of event `seq`; the answer is about pages + shift. */
interface Open {
  readonly mm: MmId;
  readonly start: number;
  readonly seq: number;
  readonly low: number;
  readonly high: number;
  readonly shift: number;
  readonly trail: Trail | undefined;
}

/**
 * Where the pages of one VMA come from, in order of address: git blame for an address space.
 *
 * @param vma a VMA of the address space `mm` behind event `seq`
 */
export function blameVma(histories: Histories, mm: MmId, seq: number, vma: Pages): readonly BlameRange[] {
  const found: BlameRange[] = [];
  trace(histories, wholeOf(mm, seq, vma), found);
  return found.sort((a, b) => a.start - b.start);
}

/**
 * The range of a VMA that a page is part of, with its origin. What became of the other ranges is not looked at, so
 * that it costs what the way of one range costs.
 */
export function blameAt(histories: Histories, mm: MmId, seq: number, vma: Pages, page: number): BlameRange {
  const found: BlameRange[] = [];
  trace(histories, wholeOf(mm, seq, vma), found, page);
  const [range] = found;
  assert(range, `the origin of page ${page}`);
  return range;
}

const wholeOf = (mm: MmId, seq: number, { start, end }: Pages): Open => ({
  mm,
  start,
  seq,
  low: start,
  high: end,
  shift: 0,
  trail: undefined,
});

/** Goes back from one VMA to where its pages were made; with a page, only on the way of that page. */
function trace(histories: Histories, from: Open, found: BlameRange[], page?: number): void {
  const open: Open[] = [from];
  for (let at = open.pop(); at; at = open.pop()) {
    const history = histories.get(at.mm);
    assert(history, `the history of mm ${at.mm}`);
    const version = history.versionAt(at.start, at.seq);
    if (version) traceVersion(at, version, open, found, page);
    else {
      const { born, parent } = history;
      assert(parent !== 0 && born <= at.seq, `the origin of the VMA at page ${at.start} of mm ${at.mm}`);
      const trail = lengthened(at, { start: at.low, end: at.high, permissions: -1 }, born, MARK.FORKED, 0);
      open.push({ ...at, mm: parent as MmId, seq: born - 1, trail });
    }
  }
}

/** Pages that an edge covers come from there; the event made the others. */
function traceVersion(
  at: Open,
  version: Version,
  open: Open[],
  found: BlameRange[],
  page: number | undefined,
): void {
  const { seq, edges } = version;
  const isAsked = (low: number, high: number): boolean =>
    page === undefined || (page >= low + at.shift && page < high + at.shift);
  const made = (low: number, high: number): void => {
    if (low >= high || !isAsked(low, high)) return;
    found.push(rangeOf(low + at.shift, high + at.shift, lengthened(at, version, seq, 0, 0)));
  };
  let done = at.low;
  for (const { source, from, to, shift, marks } of edges) {
    const [low, high] = [Math.max(from, done), Math.min(to, at.high)];
    if (low >= high) continue;
    made(done, low);
    done = high;
    if (!isAsked(low, high)) continue;
    const trail = lengthened(at, version, seq, marks, shift);
    open.push({
      mm: at.mm,
      start: source,
      seq: seq - 1,
      low: low + shift,
      high: high + shift,
      shift: at.shift - shift,
      trail,
    });
  }
  made(done, at.high);
}

function lengthened(
  { mm, trail }: Open,
  { start, end, permissions }: Pages & { readonly permissions: number },
  seq: number,
  marks: number,
  shift: number,
): Trail {
  const newer = trail?.station;
  if (newer && newer.mm === mm && newer.marks === marks && marks !== 0 && (marks & ~RESIZED) === 0)
    return { station: { ...newer, first: seq, times: newer.times + 1 }, newer: trail.newer };
  return {
    station: { marks, first: seq, seq, times: 1, mm, start, end, permissions, shift },
    newer: trail,
  };
}

function rangeOf(start: number, end: number, origin: Trail): BlameRange {
  const stations: BlameStation[] = [];
  for (let trail: Trail | undefined = origin; trail; trail = trail.newer)
    stations.push({ ...trail.station, marks: marksOf(trail.station.marks) });
  const [created, ...way] = stations;
  assert(created, "an origin");
  return { start, end, created, way };
}

const marksOf = (bits: number): readonly BlameMark[] =>
  MARKS.filter(([bit]) => (bits & bit) !== 0).map(([, mark]) => mark);

/**
 * Which event gave a page the frame that it has: the fault that populated it, the write that copied it, or the fault
 * that brought it back from swap. Undefined where no event is known to have.
 *
 * @param page a page that is mapped behind event `seq`
 */
export function blamePage(histories: Histories, mm: MmId, seq: number, page: number): PageBlame | undefined {
  const since: { readonly seq: number; readonly how: "forked" | "moved" }[] = [];
  let [space, at, until] = [mm, page, seq];
  for (let history = histories.get(space); history; history = histories.get(space)) {
    const row = history.pageAt(at, until);
    if (row && row.code !== PAGE.MOVED) {
      const how = (["populated", "replaced", "swapped in"] as const)[row.code] ?? "populated";
      return { how, seq: row.seq, mm: space, since };
    }
    if (row) {
      since.push({ seq: row.seq, how: "moved" });
      at += row.shift;
      until = row.seq - 1;
    } else {
      if (history.parent === 0 || history.born > until) return undefined;
      since.push({ seq: history.born, how: "forked" });
      space = history.parent as MmId;
      until = history.born - 1;
    }
  }
  return undefined;
}
