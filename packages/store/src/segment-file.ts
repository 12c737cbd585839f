import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { errorCode } from "./io.ts";
import { MEMBER_HEAD, memberHead, unpackMember } from "./packed-member.ts";

/** Where a part of a log's file stands: its header's line, or a segment with its seal. */
export interface Place {
  readonly from: number;
  readonly bytes: number;
}

const CHUNK = 4 * 2 ** 20;
const NEWLINE = 10;
const SEAL = Buffer.from('\n{"seal":');
/** What a part may hold when it is unpacked. */
const PART_LIMIT = 512 * 2 ** 20;

/** A log's file, of which single segments are read: as text, or packed in members. */
export class SegmentFile {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Undefined for what is no file that can be read. */
  static open(path: string): SegmentFile | undefined {
    let fd: number;
    try {
      fd = openSync(path, "r");
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return undefined;
    }
    if (fstatSync(fd).isFile()) return new SegmentFile(fd);
    closeSync(fd);
    return undefined;
  }

  get size(): number {
    return fstatSync(this.#fd).size;
  }

  /** The text of a part; undefined when it is not there, or not what was packed. */
  read({ from, bytes }: Place): Uint8Array | undefined {
    const part = this.#bytes(from, bytes);
    if (!part) return undefined;
    const head = memberHead(part);
    if (head.kind !== "member") return part;
    return head.bytes === bytes ? unpackMember(part, PART_LIMIT) : undefined;
  }

  /**
   * The header and every segment that is sealed, in their order; undefined for a file that is packed otherwise than by
   * us. It looks for seals and checks nothing: whoever reads a part compares it with its seal.
   */
  places(): readonly Place[] | undefined {
    const start = this.#bytes(0, Math.min(MEMBER_HEAD, this.size));
    if (start?.[0] === 0x1f && start[1] === 0x8b) return this.#members();
    return this.#sealed();
  }

  close(): void {
    closeSync(this.#fd);
  }

  #members(): readonly Place[] | undefined {
    const places: Place[] = [];
    const { size } = this;
    for (let from = 0; from < size; ) {
      const head = this.#bytes(from, Math.min(MEMBER_HEAD, size - from));
      const told = head && memberHead(head);
      if (told?.kind !== "member") return undefined;
      places.push({ from, bytes: told.bytes });
      from += told.bytes;
    }
    return places;
  }

  /** A seal begins behind a newline; a part reaches from there to the next. */
  #sealed(): readonly Place[] {
    const places: Place[] = [];
    const { size } = this;
    let [from, seal] = [0, -1];
    for (let at = 0; at < size; at += CHUNK) {
      // A seal's beginning may lie across the end of a chunk.
      const chunk = this.#bytes(at, Math.min(CHUNK + SEAL.length - 1, size - at));
      if (!chunk) return places;
      let look = 0;
      while (look < chunk.length) {
        if (from === 0 || seal >= 0) {
          const end = chunk.indexOf(NEWLINE, look);
          if (end < 0 || end >= CHUNK) break;
          places.push({ from, bytes: at + end + 1 - from });
          from = at + end + 1;
          seal = -1;
          // The next seal may follow at once.
          look = end;
          continue;
        }
        const found = chunk.indexOf(SEAL, look);
        if (found < 0 || found >= CHUNK) break;
        seal = at + found + 1;
        look = found + 1;
      }
    }
    return places;
  }

  #bytes(from: number, count: number): Buffer | undefined {
    if (from < 0 || count < 0 || from + count > this.size) return undefined;
    const bytes = Buffer.allocUnsafe(count);
    for (let at = 0; at < count; ) {
      const got = readSync(this.#fd, bytes, at, count - at, from + at);
      if (got === 0) return undefined;
      at += got;
    }
    return bytes;
  }
}
