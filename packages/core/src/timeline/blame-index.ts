import type { MmId } from "../base/index.ts";
import type { Histories } from "./blame.ts";
import {
  type Edge,
  lastRowOf,
  PAGE,
  type PageRow,
  ROW,
  rowsOf,
  type SpaceHistory,
  type Version,
} from "./blame-history.ts";
import { VarintReader, VarintWriter } from "./varint.ts";

/** The spelling of the blocks below. */
export const BLAME_INDEX_VERSION = 2;

/** Spaces share a block up to this size; a larger one has its own. */
const BLOCK = 256 * 1024;

/** Versions that are read together: of a large space one address needs few. */
const CHUNK = 512;

/**
 * Histories as blocks of bytes. The first says where each address space stands: how many there are, then by id each
 * one's distance from the id before, its birth, its parent, its block and where it begins there.
 *
 * @param together versions that are read together
 */
export function encodeHistories(
  histories: ReadonlyMap<MmId, SpaceHistory>,
  together = CHUNK,
): readonly Uint8Array[] {
  const directory = new VarintWriter();
  const blocks: Uint8Array[] = [];
  let block = new VarintWriter();
  const ids = [...histories.keys()].sort((a, b) => a - b);
  directory.unsigned(ids.length);
  let last = 0;
  for (const id of ids) {
    const history = histories.get(id) as SpaceHistory;
    if (block.length > BLOCK) {
      blocks.push(block.bytes());
      block = new VarintWriter();
    }
    const at = [id - last, history.born, history.parent, blocks.length + 1, block.length];
    for (const n of at) directory.unsigned(n);
    writeSpace(block, history, together);
    last = id;
  }
  return [directory.bytes(), ...blocks, block.bytes()];
}

/** How many chunks there are, by the first version of each where it begins and how many bytes it has; these; the rows. */
function writeSpace(out: VarintWriter, history: SpaceHistory, together: number): void {
  const versions = [...history.versions()];
  const chunks: Uint8Array[] = [];
  out.unsigned(Math.ceil(versions.length / together));
  for (let i = 0; i < versions.length; i += together) {
    const { start, seq } = versions[i] as Version;
    const chunk = chunkOf(versions.slice(i, i + together), history.born);
    for (const n of [start, seq, chunk.length]) out.unsigned(n);
    chunks.push(chunk);
  }
  for (const chunk of chunks) out.append(chunk);
  writeRows(out, history);
}

function chunkOf(versions: readonly Version[], born: number): Uint8Array {
  const out = new VarintWriter();
  out.unsigned(versions.length);
  let [lastStart, lastSeq] = [0, born];
  for (const { start, end, seq, permissions, edges } of versions) {
    out.unsigned(start - lastStart);
    out.unsigned(end - start);
    out.signed(seq - lastSeq);
    out.unsigned(permissions + 16 * edges.length);
    let done = start;
    for (const { source, from, to, shift, marks } of edges) {
      out.signed(source - start);
      out.unsigned(from - done);
      out.unsigned(to - from);
      out.signed(shift);
      out.unsigned(marks);
      done = to;
    }
    [lastStart, lastSeq] = [start, seq];
  }
  return out.bytes();
}

function writeRows(out: VarintWriter, history: SpaceHistory): void {
  const rows = [...history.pageRows()];
  out.unsigned(rows.length);
  let [lastPage, lastRow] = [0, history.born];
  for (const { start, end, seq, code, shift } of rows) {
    out.signed(start - lastPage);
    out.unsigned(end - start);
    out.unsigned(seq - lastRow);
    out.unsigned(code);
    if (code === PAGE.MOVED) out.signed(shift);
    [lastPage, lastRow] = [end, seq];
  }
}

/** Where a space stands. */
interface Place {
  readonly born: number;
  readonly parent: number;
  readonly block: number;
  readonly at: number;
}

/** Numbers of a space in the directory: its id and its place. */
const PLACE = 5;

/** Histories that are read when they are asked for, and kept. */
export class BlameIndex implements Histories {
  readonly #read = new Map<number, SpaceHistory>();
  readonly #blocks = new Map<number, Uint8Array>();

  /** @param places `PLACE` numbers for each space, by id: plain numbers, for most of them are never asked for */
  private constructor(
    private readonly readBlock: (block: number) => Uint8Array | undefined,
    private readonly places: Float64Array,
  ) {}

  /** Undefined where the directory cannot be read. */
  static open(readBlock: (block: number) => Uint8Array | undefined): BlameIndex | undefined {
    const directory = readBlock(0);
    if (!directory) return undefined;
    const reader = new VarintReader(directory);
    const places = new Float64Array(PLACE * reader.unsigned());
    let id = 0;
    for (let at = 0; at < places.length; at += PLACE) {
      id += reader.unsigned();
      places[at] = id;
      for (let i = 1; i < PLACE; i++) places[at + i] = reader.unsigned();
    }
    return new BlameIndex(readBlock, places);
  }

  #placeOf(mm: MmId): Place | undefined {
    const list = this.places;
    let [low, high] = [0, list.length / PLACE];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((list[middle * PLACE] as number) < mm) low = middle + 1;
      else high = middle;
    }
    const [id, born, parent, block, at] = list.subarray(low * PLACE, (low + 1) * PLACE);
    return id === mm ? ({ born, parent, block, at } as Place) : undefined;
  }

  /** @throws DamagedIndex when the bytes are no longer what was written */
  get(mm: MmId): SpaceHistory | undefined {
    const known = this.#read.get(mm);
    const place = known ? undefined : this.#placeOf(mm);
    if (!place) return known;
    const bytes = this.#blocks.get(place.block) ?? this.readBlock(place.block);
    if (!bytes) throw new DamagedIndex();
    this.#blocks.set(place.block, bytes);
    const history = new PackedSpace(place, bytes);
    this.#read.set(mm, history);
    return history;
  }
}

/** A block of an index is gone or damaged: whoever reads works without it. */
export class DamagedIndex extends Error {
  override readonly name = "DamagedIndex";

  constructor() {
    super("a block of the blame index is damaged");
  }
}

const VERSION = 5;
const EDGE = 5;

/** Where a chunk begins in its block, and the start and the event of its first version. */
interface ChunkPlace {
  readonly start: number;
  readonly seq: number;
  readonly at: number;
}

/** A history whose parts are read when they are asked for, and kept. */
class PackedSpace implements SpaceHistory {
  readonly born: number;
  readonly parent: number;
  readonly #places: readonly ChunkPlace[];
  readonly #chunks: VersionChunk[] = [];
  readonly #rowsAt: number;
  #rowList: Float64Array | undefined;

  constructor(
    { born, parent, at }: Place,
    private readonly bytes: Uint8Array,
  ) {
    this.born = born;
    this.parent = parent;
    const reader = new VarintReader(bytes, at);
    const heads = Array.from({ length: reader.unsigned() }, () => ({
      start: reader.unsigned(),
      seq: reader.unsigned(),
      length: reader.unsigned(),
    }));
    let end = reader.at;
    this.#places = heads.map(({ start, seq, length }) => {
      end += length;
      return { start, seq, at: end - length };
    });
    this.#rowsAt = end;
  }

  versionAt(start: number, seq: number): Version | undefined {
    let [low, high] = [0, this.#places.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const first = this.#places[middle] as ChunkPlace;
      if (first.start < start || (first.start === start && first.seq <= seq)) low = middle + 1;
      else high = middle;
    }
    return low > 0 ? this.#chunk(low - 1).versionAt(start, seq) : undefined;
  }

  *versions(): Iterable<Version> {
    for (let i = 0; i < this.#places.length; i++) yield* this.#chunk(i).versions();
  }

  pageAt(page: number, seq: number): PageRow | undefined {
    return lastRowOf(this.#rows(), page, seq);
  }

  pageRows(): Iterable<PageRow> {
    return rowsOf(this.#rows());
  }

  #chunk(i: number): VersionChunk {
    const known = this.#chunks[i];
    if (known) return known;
    const { at } = this.#places[i] as ChunkPlace;
    const chunk = new VersionChunk(new VarintReader(this.bytes, at), this.born);
    this.#chunks[i] = chunk;
    return chunk;
  }

  #rows(): Float64Array {
    this.#rowList ??= readRows(new VarintReader(this.bytes, this.#rowsAt), this.born);
    return this.#rowList;
  }
}

function readRows(reader: VarintReader, born: number): Float64Array {
  const count = reader.unsigned();
  const rows = new Float64Array(count * ROW);
  let [page, seq] = [0, born];
  for (let i = 0; i < count; i++) {
    const start = page + reader.signed();
    page = start + reader.unsigned();
    seq += reader.unsigned();
    const code = reader.unsigned();
    rows.set([start, page, seq, code, code === PAGE.MOVED ? reader.signed() : 0], i * ROW);
  }
  return rows;
}

/** Some versions in flat lists, by start and then by event. */
class VersionChunk {
  readonly #versions: Float64Array;
  readonly #edges: number[] = [];

  constructor(reader: VarintReader, born: number) {
    this.#versions = this.#readVersions(reader, born);
  }

  #readVersions(reader: VarintReader, born: number): Float64Array {
    const count = reader.unsigned();
    const versions = new Float64Array((count + 1) * VERSION);
    let [start, seq] = [0, born];
    for (let i = 0; i < count; i++) {
      start += reader.unsigned();
      const pages = reader.unsigned();
      seq += reader.signed();
      const bits = reader.unsigned();
      const at = i * VERSION;
      versions[at] = start;
      versions[at + 1] = start + pages;
      versions[at + 2] = seq;
      versions[at + 3] = bits % 16;
      versions[at + 4] = this.#edges.length;
      let done = start;
      for (let left = Math.floor(bits / 16); left > 0; left--) {
        const source = start + reader.signed();
        const from = done + reader.unsigned();
        done = from + reader.unsigned();
        this.#edges.push(source, from, done, reader.signed(), reader.unsigned());
      }
    }
    // One more, so that the last knows where its edges end; it begins above all.
    versions.set([Number.POSITIVE_INFINITY, 0, 0, 0, this.#edges.length], count * VERSION);
    return versions;
  }

  versionAt(start: number, seq: number): Version | undefined {
    const list = this.#versions;
    let [low, high] = [0, list.length / VERSION - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      const [from, at] = [list[middle * VERSION] as number, list[middle * VERSION + 2] as number];
      if (from < start || (from === start && at <= seq)) low = middle + 1;
      else high = middle;
    }
    return low > 0 && list[(low - 1) * VERSION] === start ? this.#version(low - 1) : undefined;
  }

  *versions(): Iterable<Version> {
    for (let i = 0; i < this.#versions.length / VERSION - 1; i++) yield this.#version(i);
  }

  #version(i: number): Version {
    const [list, all] = [this.#versions, this.#edges];
    const at = i * VERSION;
    const last = list[at + VERSION + 4] as number;
    const edges: Edge[] = [];
    for (let e = list[at + 4] as number; e < last; e += EDGE)
      edges.push({
        source: all[e] as number,
        from: all[e + 1] as number,
        to: all[e + 2] as number,
        shift: all[e + 3] as number,
        marks: all[e + 4] as number,
      });
    return {
      start: list[at] as number,
      end: list[at + 1] as number,
      seq: list[at + 2] as number,
      permissions: list[at + 3] as number,
      edges,
    };
  }
}
