import { assert, type MmId } from "../base/index.ts";
import { type Edge, MARK, PAGE, type SpaceHistory, type Version } from "./blame-history.ts";

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

type Station = Omit<BlameStation, "marks"> & { readonly marks: number };

/** Stations in a row, from the newest on: what is older is shared by all that came the same way. */
interface Chain {
  readonly station: Station;
  readonly older: Chain | undefined;
}

/** The way so far, from the oldest part on: what is newer is shared by all ranges of one mapping. */
interface Trail {
  readonly chain: Chain;
  readonly newer: Trail | undefined;
}

/** Where all pages of a version come from, by way of versions that each come from one VMA as a whole. */
interface Jump {
  /** The VMA that began at this page, as of event `seq`; pages there are `shift` further on. */
  readonly start: number;
  readonly seq: number;
  readonly shift: number;
  readonly chain: Chain;
}

/** Ways that the mappings of one space have in common, so that each is gone once. */
class Jumps {
  readonly #known = new Map<string, Jump>();

  /** @param version comes from one VMA as a whole */
  of(history: SpaceHistory, mm: MmId, version: Version): Jump {
    const row: Version[] = [];
    let jump: Jump | undefined;
    for (let at: Version | undefined = version; at && isWhole(at); at = ahead(history, at)) {
      jump = this.#known.get(keyOf(mm, at));
      if (jump) break;
      row.push(at);
    }
    for (let at = row.pop(); at; at = row.pop()) {
      jump = jumpOver(mm, at, jump);
      this.#known.set(keyOf(mm, at), jump);
    }
    assert(jump, "a way");
    return jump;
  }
}

const keyOf = (mm: MmId, { start, seq }: Version): string => `${mm} ${start} ${seq}`;

const isWhole = ({ start, end, edges }: Version): boolean =>
  edges.length === 1 && edges[0]?.from === start && edges[0].to === end;

/** The version that a whole one comes from. */
const ahead = (history: SpaceHistory, { edges, seq }: Version): Version | undefined =>
  history.versionAt((edges[0] as Edge).source, seq - 1);

function jumpOver(mm: MmId, version: Version, older: Jump | undefined): Jump {
  const { source, shift, marks } = version.edges[0] as Edge;
  const chain = appended(older?.chain, stationOf(mm, version, version.seq, marks, shift));
  return older
    ? { ...older, shift: shift + older.shift, chain }
    : { start: source, seq: version.seq - 1, shift, chain };
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

/** The same for several VMAs of one address space: all of them, say. Ways that they share are gone once. */
export function blameSpace<V extends Pages>(
  histories: Histories,
  mm: MmId,
  seq: number,
  vmas: Iterable<V>,
): readonly { readonly vma: V; readonly range: BlameRange }[] {
  const jumps = new Jumps();
  return [...vmas].flatMap((vma) => {
    const found: BlameRange[] = [];
    trace(histories, wholeOf(mm, seq, vma), found, { jumps });
    return found.sort((a, b) => a.start - b.start).map((range) => ({ vma, range }));
  });
}

/**
 * The range of a VMA that a page is part of, with its origin. What became of the other ranges is not looked at, so
 * that it costs what the way of one range costs.
 */
export function blameAt(histories: Histories, mm: MmId, seq: number, vma: Pages, page: number): BlameRange {
  const found: BlameRange[] = [];
  trace(histories, wholeOf(mm, seq, vma), found, { page });
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
function trace(
  histories: Histories,
  from: Open,
  found: BlameRange[],
  { page, jumps }: { readonly page?: number; readonly jumps?: Jumps } = {},
): void {
  const open: Open[] = [from];
  for (let at = open.pop(); at; at = open.pop()) {
    const history = histories.get(at.mm);
    assert(history, `the history of mm ${at.mm}`);
    const version = history.versionAt(at.start, at.seq);
    if (version && jumps && isWhole(version)) open.push(jumped(at, jumps.of(history, at.mm, version)));
    else if (version) traceVersion(at, version, open, found, page);
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

function jumped(at: Open, { start, seq, shift, chain }: Jump): Open {
  const [low, high] = [at.low + shift, at.high + shift];
  return { ...at, start, seq, low, high, shift: at.shift - shift, trail: { chain, newer: at.trail } };
}

/** The way with one more station at its old end; resizes in a row become one here, so that no range repeats them. */
function lengthened(
  { mm, trail }: Open,
  left: Pages & { readonly permissions: number },
  seq: number,
  marks: number,
  shift: number,
): Trail {
  const station = stationOf(mm, left, seq, marks, shift);
  const next = trail?.chain;
  return next && !next.older && isSameResize(station, next.station)
    ? { chain: appended(undefined, folded(station, next.station)), newer: trail.newer }
    : { chain: appended(undefined, station), newer: trail };
}

const stationOf = (
  mm: MmId,
  { start, end, permissions }: Pages & { readonly permissions: number },
  seq: number,
  marks: number,
  shift: number,
): Station => ({ marks, first: seq, seq, times: 1, mm, start, end, permissions, shift });

const appended = (older: Chain | undefined, station: Station): Chain =>
  older && isSameResize(older.station, station)
    ? { station: folded(older.station, station), older: older.older }
    : { station, older };

const isSameResize = (a: Station, b: Station): boolean =>
  a.mm === b.mm && a.marks === b.marks && a.marks !== 0 && (a.marks & ~RESIZED) === 0;

const folded = (older: Station, newer: Station): Station => ({
  ...newer,
  first: older.first,
  times: older.times + newer.times,
});

function rangeOf(start: number, end: number, origin: Trail): BlameRange {
  const stations: Station[] = [];
  for (let trail: Trail | undefined = origin; trail; trail = trail.newer) {
    const row: Station[] = [];
    for (let at: Chain | undefined = trail.chain; at; at = at.older) row.push(at.station);
    for (let station = row.pop(); station; station = row.pop()) {
      const last = stations.at(-1);
      if (last && isSameResize(last, station)) stations[stations.length - 1] = folded(last, station);
      else stations.push(station);
    }
  }
  const [created, ...way] = stations.map((station) => ({ ...station, marks: marksOf(station.marks) }));
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
