import { closeSync, openSync, readSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { gunzipSync } from "node:zlib";
import { LogDecoder, SEGMENT_TEXT_LIMIT } from "@pagetrail/core";
import { attempt, errorCode } from "./io.ts";
import { MEMBER_HEAD, memberHead, unpackMember } from "./packed-member.ts";
import { sha256 } from "./sha256.ts";
import type { StoreItem } from "./store.ts";

const CHUNK = 256 * 1024;
const NEWLINE = 10;

/** What another program packed is unpacked in memory, so it has an end: about ten million events. */
const UNPACKED_LIMIT = 1024 * 1024 * 1024;

/** What a member may hold: a segment's lines, or a header, in bytes. */
const MEMBER_LIMIT = 4 * SEGMENT_TEXT_LIMIT;

/**
 * Reads and checks a log, `-` being standard input; at most a segment is held in memory.
 * A file that another program packed with gzip is unpacked as a whole first.
 */
export function* readLog(path: string): Generator<StoreItem, void> {
  for (const { items } of readTexts(path)) yield* items;
}

/** A piece of a log's text, and what was understood of the log when it was read. */
export interface ReadText {
  readonly text?: Uint8Array;
  readonly items: readonly StoreItem[];
}

/** The same with the text, piece by piece; each piece is gone when the next is asked for. */
export function* readTexts(path: string): Generator<ReadText, void> {
  const file = path === "-" ? "standard input" : path;
  const opened = attempt({ file, verb: "read" }, () => (path === "-" ? 0 : openSync(path, "r")));
  if (!opened.ok) {
    yield { items: [{ kind: "refused", refusal: opened.error }] };
    return;
  }
  try {
    yield* decodeFile(opened.value, file);
  } finally {
    if (path !== "-") closeSync(opened.value);
  }
}

/** How a file is packed: in members of ours, otherwise, or not at all. */
export function packingOf(path: string): "members" | "foreign" | undefined {
  const fd = openSync(path, "r");
  try {
    const start = Buffer.alloc(MEMBER_HEAD);
    const length = fill(fd, start);
    if (!isPacked(start.subarray(0, length))) return undefined;
    return memberHead(start.subarray(0, length)).kind === "foreign" ? "foreign" : "members";
  } finally {
    closeSync(fd);
  }
}

/** Whether the bytes begin as gzip's do. */
const isPacked = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Bytes of a log's text; or what is wrong with the members that hold it, and how many bytes are left over. */
type Chunk =
  | { readonly text: Uint8Array }
  | { readonly text?: never; readonly wrong: "cut" | "damaged"; readonly bytes: number };

function* decodeFile(fd: number, file: string): Generator<ReadText, void> {
  const decoder = new ByteDecoder(file);
  const chunks = readChunks(fd);
  while (!decoder.over) {
    const chunk = attempt({ file, verb: "read" }, () => chunks.next());
    if (!chunk.ok) {
      yield { items: [{ kind: "refused", refusal: chunk.error }] };
      return;
    }
    const { done, value } = chunk.value;
    if (done === true) yield { items: decoder.end() };
    else if (value.text) yield { text: value.text, items: decoder.push(value.text) };
    else yield { items: value.wrong === "cut" ? decoder.end(value.bytes) : decoder.damaged() };
  }
}

/** The bytes of a file or pipe; each chunk is gone when the next is asked for. */
function* readChunks(fd: number): Generator<Chunk, void> {
  const buffer = Buffer.allocUnsafe(CHUNK);
  let length = fill(fd, buffer.subarray(0, MEMBER_HEAD));
  const start = buffer.subarray(0, length);
  if (isPacked(start)) {
    if (memberHead(start).kind === "foreign") yield* unpack(fd, Buffer.from(start));
    else yield* members(fd, Buffer.from(start));
    return;
  }
  while (length > 0) {
    yield { text: buffer.subarray(0, length) };
    length = readSome(fd, buffer);
  }
}

/** The members of a packed log, one after the other. */
function* members(fd: number, first: Buffer): Generator<Chunk, void> {
  let head = first;
  while (head.length > 0) {
    const told = memberHead(head);
    if (told.kind === "cut") return yield { wrong: "cut", bytes: head.length };
    if (told.kind !== "member" || told.bytes > MEMBER_LIMIT)
      return yield { wrong: "damaged", bytes: head.length };
    const member = Buffer.allocUnsafe(told.bytes);
    head.copy(member);
    const length = MEMBER_HEAD + fill(fd, member.subarray(MEMBER_HEAD));
    if (length < told.bytes) return yield { wrong: "cut", bytes: length };
    const text = unpackMember(member, MEMBER_LIMIT);
    // A writer packs whole lines only.
    if (text?.at(-1) !== NEWLINE) {
      yield { wrong: "damaged", bytes: length };
      return;
    }
    yield { text };
    head = Buffer.alloc(MEMBER_HEAD);
    head = head.subarray(0, fill(fd, head));
  }
}

function* unpack(fd: number, first: Uint8Array): Generator<Chunk, void> {
  const packed = [first];
  for (;;) {
    const buffer = Buffer.allocUnsafe(CHUNK);
    const length = fill(fd, buffer);
    if (length === 0) break;
    packed.push(buffer.subarray(0, length));
  }
  const bytes = gunzipSync(Buffer.concat(packed), { maxOutputLength: UNPACKED_LIMIT });
  for (let from = 0; from < bytes.length; from += CHUNK) yield { text: bytes.subarray(from, from + CHUNK) };
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
export class ByteDecoder {
  readonly #file: string;
  readonly #decoder = new LogDecoder({ hash: sha256 });
  readonly #utf8 = new StringDecoder("utf8");
  #size = 0;
  /** The beginnings of the last two lines; the very last may be empty. */
  #lineStart = 0;
  #lineStartBefore = 0;
  /** Whole lines, and the last event that was sealed. */
  #lines = 0;
  #sealed = 0;
  over = false;

  constructor(file: string) {
    this.#file = file;
  }

  push(chunk: Uint8Array): readonly StoreItem[] {
    this.#trackLines(chunk);
    const items = this.#finish(this.#decoder.push(this.#utf8.write(chunk)));
    for (const item of items) if (item.kind === "seal") this.#sealed = item.seal.seq;
    return items;
  }

  /** @param left bytes of a packed member that ends too early */
  end(left = 0): readonly StoreItem[] {
    const items = this.#finish([...this.#decoder.push(this.#utf8.end()), ...this.#decoder.end()]);
    const last = items.at(-1);
    if (left === 0 || last?.kind !== "end") return items;
    const torn = { line: this.#lines + 1, bytes: left, text: "" };
    return [...items.slice(0, -1), { kind: "end", end: { ...last.end, finished: false, torn } }];
  }

  /** A packed member does not hold what was packed. */
  damaged(): readonly StoreItem[] {
    this.over = true;
    const what = `the packed segment behind event ${this.#sealed} is damaged`;
    const advice = "restore the log from a copy, or import the recording again";
    const where = { file: this.#file, line: this.#lines + 1 };
    return [{ kind: "refused", refusal: { fault: "damaged", what, where, advice } }];
  }

  #trackLines(chunk: Uint8Array): void {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) this.#lines += 1;
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
