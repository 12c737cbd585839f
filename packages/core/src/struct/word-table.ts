import { assert } from "../base/assert.ts";

/** Records of one chunk, and chunks of one directory. Powers of two; together a directory has 32,768 records. */
const CHUNK_RECORDS = 128;
const DIRECTORY_CHUNKS = 256;
const DIRECTORY_RECORDS = CHUNK_RECORDS * DIRECTORY_CHUNKS;

/** Whoever may change a chunk in place: compared by identity, never looked into. */
type Owner = object;

class Chunk {
  constructor(
    readonly owner: Owner,
    readonly words: Uint32Array,
  ) {}
}

class Directory {
  constructor(
    readonly owner: Owner,
    readonly chunks: (Chunk | undefined)[],
  ) {}
}

/** Learns of a chunk: its first record's number, and its words on either side; absent where none was written. */
export type ChunkVisitor = (
  first: number,
  before: Uint32Array | undefined,
  after: Uint32Array | undefined,
) => void;

/**
 * Records of a few 32-bit words each, by number; one that was never written is all zeros.
 *
 * Chunks of records are copied before they are changed, unless this table has already copied them since the
 * last `clone`: cloning costs nothing, a burst of edits copies each chunk once, and what is never written
 * takes no room.
 */
export class WordTable {
  #directories: (Directory | undefined)[];
  #owner: Owner | undefined;
  readonly #zeros: Uint32Array;

  private constructor(
    readonly stride: number,
    directories: (Directory | undefined)[],
    zeros: Uint32Array,
  ) {
    this.#directories = directories;
    this.#zeros = zeros;
  }

  /** @param stride words of a record */
  static empty(stride: number): WordTable {
    return new WordTable(stride, [], new Uint32Array(stride * CHUNK_RECORDS));
  }

  /** A table of the chunks that another one's `forEachChunk` told of. */
  static from(
    stride: number,
    chunks: Iterable<readonly [first: number, words: ArrayLike<number>]>,
  ): WordTable {
    const table = WordTable.empty(stride);
    for (const [first, words] of chunks) table.own(first).set(words);
    return table;
  }

  /** A second table with the same records. From here on neither sees the other's edits. */
  clone(): WordTable {
    this.#owner = undefined;
    return new WordTable(this.stride, this.#directories, this.#zeros);
  }

  /** Word `field` of record `i`. */
  get(i: number, field: number): number {
    const directory = this.#directories[Math.floor(i / DIRECTORY_RECORDS)];
    const chunk = directory?.chunks[Math.floor(i / CHUNK_RECORDS) % DIRECTORY_CHUNKS];
    return chunk === undefined ? 0 : (chunk.words[(i % CHUNK_RECORDS) * this.stride + field] as number);
  }

  set(i: number, field: number, value: number): void {
    this.own(i)[(i % CHUNK_RECORDS) * this.stride + field] = value;
  }

  /** Where record `i` begins in the words that `own` and `peek` give. */
  offset(i: number): number {
    return (i % CHUNK_RECORDS) * this.stride;
  }

  /** The chunk's words that record `i` stands in, for reading. */
  peek(i: number): Uint32Array {
    const directory = this.#directories[Math.floor(i / DIRECTORY_RECORDS)];
    return directory?.chunks[Math.floor(i / CHUNK_RECORDS) % DIRECTORY_CHUNKS]?.words ?? this.#zeros;
  }

  /** The same words, the caller's own to change until the next `clone`. */
  own(i: number): Uint32Array {
    const owner = this.#owner ?? this.#begin();
    const d = Math.floor(i / DIRECTORY_RECORDS);
    let directory = this.#directories[d];
    if (directory === undefined || directory.owner !== owner) {
      assert(i >= 0, `record ${i}`);
      directory = new Directory(owner, directory ? directory.chunks.slice() : []);
      this.#directories[d] = directory;
    }
    const c = Math.floor(i / CHUNK_RECORDS) % DIRECTORY_CHUNKS;
    let chunk = directory.chunks[c];
    if (chunk === undefined || chunk.owner !== owner) {
      chunk = new Chunk(owner, chunk ? chunk.words.slice() : new Uint32Array(this.#zeros.length));
      directory.chunks[c] = chunk;
    }
    return chunk.words;
  }

  /** Every chunk that was ever written, in ascending order. The words must not be changed. */
  forEachChunk(visit: (first: number, words: Uint32Array) => void): void {
    WordTable.empty(this.stride).diff(this, (first, _, words) => words && visit(first, words));
  }

  /** Visits the chunks that the two tables do not share, in ascending order. */
  diff(other: WordTable, visit: ChunkVisitor): void {
    const count = Math.max(this.#directories.length, other.#directories.length);
    for (let d = 0; d < count; d++) {
      const [mine, theirs] = [this.#directories[d], other.#directories[d]];
      if (mine === theirs) continue;
      const chunks = Math.max(mine?.chunks.length ?? 0, theirs?.chunks.length ?? 0);
      for (let c = 0; c < chunks; c++) {
        const [before, after] = [mine?.chunks[c], theirs?.chunks[c]];
        if (before !== after) visit(d * DIRECTORY_RECORDS + c * CHUNK_RECORDS, before?.words, after?.words);
      }
    }
  }

  /** The directories of chunks that were ever written, each with its first record; for what goes by what is shared. */
  *directories(): Iterable<
    readonly [first: number, id: object, chunks: readonly (Uint32Array | undefined)[]]
  > {
    for (const [d, directory] of this.#directories.entries())
      if (directory)
        yield [d * DIRECTORY_RECORDS, directory, Array.from(directory.chunks, (chunk) => chunk?.words)];
  }

  #begin(): Owner {
    this.#directories = this.#directories.slice();
    this.#owner = {};
    return this.#owner;
  }
}
