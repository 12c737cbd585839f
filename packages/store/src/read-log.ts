import { closeSync, openSync, readSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { gunzipSync } from "node:zlib";
import { LogDecoder } from "@pagetrail/core";
import { attempt, errorCode } from "./io.ts";
import { sha256 } from "./sha256.ts";
import type { StoreItem } from "./store.ts";

const CHUNK = 256 * 1024;

/** A packed log is unpacked in memory, so it has an end: about ten million events. */
const UNPACKED_LIMIT = 1024 * 1024 * 1024;

/**
 * Reads and checks a log, `-` being standard input; at most a segment is held in memory.
 * A file packed with gzip is unpacked as a whole first.
 */
export function* readLog(path: string): Generator<StoreItem, void> {
  const file = path === "-" ? "standard input" : path;
  const opened = attempt({ file, verb: "read" }, () => (path === "-" ? 0 : openSync(path, "r")));
  if (!opened.ok) {
    yield { kind: "refused", refusal: opened.error };
    return;
  }
  try {
    yield* decodeFile(opened.value, file);
  } finally {
    if (path !== "-") closeSync(opened.value);
  }
}

export function isPackedFile(path: string): boolean {
  const fd = openSync(path, "r");
  try {
    const start = Buffer.alloc(2);
    readSync(fd, start, 0, start.length, 0);
    return isPacked(start);
  } finally {
    closeSync(fd);
  }
}

/** Whether the bytes begin as gzip's do. */
const isPacked = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

function* decodeFile(fd: number, file: string): Generator<StoreItem, void> {
  const decoder = new ByteDecoder(file);
  const chunks = readChunks(fd);
  while (!decoder.over) {
    const chunk = attempt({ file, verb: "read" }, () => chunks.next());
    if (!chunk.ok) {
      yield { kind: "refused", refusal: chunk.error };
      return;
    }
    yield* chunk.value.done === true ? decoder.end() : decoder.push(chunk.value.value);
  }
}

/** The bytes of a file or pipe; each chunk is gone when the next is asked for. */
function* readChunks(fd: number): Generator<Uint8Array, void> {
  const buffer = Buffer.allocUnsafe(CHUNK);
  let length = fill(fd, buffer.subarray(0, 2));
  if (isPacked(buffer.subarray(0, length))) {
    yield* unpack(fd, buffer.subarray(0, length));
    return;
  }
  while (length > 0) {
    yield buffer.subarray(0, length);
    length = readSome(fd, buffer);
  }
}

function* unpack(fd: number, first: Uint8Array): Generator<Uint8Array, void> {
  const packed = [first];
  for (;;) {
    const buffer = Buffer.allocUnsafe(CHUNK);
    const length = fill(fd, buffer);
    if (length === 0) break;
    packed.push(buffer.subarray(0, length));
  }
  const bytes = gunzipSync(Buffer.concat(packed), { maxOutputLength: UNPACKED_LIMIT });
  for (let from = 0; from < bytes.length; from += CHUNK) yield bytes.subarray(from, from + CHUNK);
}

/** Reads until the buffer is full or the input ends; pipes come in small pieces. */
function fill(fd: number, buffer: Buffer): number {
  let length = 0;
  while (length < buffer.length) {
    const count = readSome(fd, buffer.subarray(length));
    if (count === 0) break;
    length += count;
  }
  return length;
}

/** Waits where standard input is a pipe or terminal that would rather be asked again. */
function readSome(fd: number, buffer: Buffer): number {
  for (;;) {
    try {
      return readSync(fd, buffer, 0, buffer.length, null);
    } catch (error) {
      if (errorCode(error) === "EOF") return 0;
      if (errorCode(error) !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** Decodes bytes, and knows where lines begin in them, which the text alone does not tell. */
class ByteDecoder {
  readonly #file: string;
  readonly #decoder = new LogDecoder({ hash: sha256 });
  readonly #utf8 = new StringDecoder("utf8");
  #size = 0;
  /** The beginnings of the last two lines; the very last may be empty. */
  #lineStart = 0;
  #lineStartBefore = 0;
  over = false;

  constructor(file: string) {
    this.#file = file;
  }

  push(chunk: Uint8Array): readonly StoreItem[] {
    this.#trackLines(chunk);
    return this.#finish(this.#decoder.push(this.#utf8.write(chunk)));
  }

  end(): readonly StoreItem[] {
    const items = [...this.#decoder.push(this.#utf8.end()), ...this.#decoder.end()];
    return this.#finish(items);
  }

  #trackLines(chunk: Uint8Array): void {
    const last = chunk.lastIndexOf(10);
    if (last >= 0) {
      const before = last === 0 ? -1 : chunk.lastIndexOf(10, last - 1);
      this.#lineStartBefore = before < 0 ? this.#lineStart : this.#size + before + 1;
      this.#lineStart = this.#size + last + 1;
    }
    this.#size += chunk.length;
  }

  /** Adds the file's name to a refusal, and the exact length to a torn tail. */
  #finish(items: readonly StoreItem[]): readonly StoreItem[] {
    const last = items.at(-1);
    if (last?.kind !== "refused" && last?.kind !== "end") return items;
    this.over = true;
    return [...items.slice(0, -1), last.kind === "refused" ? this.#placed(last) : this.#measured(last)];
  }

  #placed({ refusal }: StoreItem & { kind: "refused" }): StoreItem {
    return { kind: "refused", refusal: { ...refusal, where: { file: this.#file, ...refusal.where } } };
  }

  #measured({ end }: StoreItem & { kind: "end" }): StoreItem {
    if (end.torn === undefined) return { kind: "end", end };
    const from = this.#lineStart === this.#size ? this.#lineStartBefore : this.#lineStart;
    return { kind: "end", end: { ...end, torn: { ...end.torn, bytes: this.#size - from } } };
  }
}
