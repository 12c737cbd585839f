import { closeSync, fsyncSync, ftruncateSync, writeSync } from "node:fs";
import { done, type Result } from "@pagetrail/core";
import { attempt } from "./io.ts";
import { packMember } from "./packed-member.ts";
import type { StoreRefusal } from "./store.ts";

/** Writes a part of the bytes at a position of the file, and says how many. */
export type WriteCall = (
  fd: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: number,
) => number;

/**
 * `events`: each event is on the disk before the writer goes on. `seals`: each seal is. `end`: only the finished log.
 */
export type SyncPolicy = "events" | "seals" | "end";

const BUFFER = 256 * 1024;

/**
 * Lines on their way into an open file. Only whole lines are handed to the system; when it fails in the
 * middle of some, the file is cut back to the lines before them.
 */
export class LineFile {
  readonly #fd: number;
  readonly #file: string;
  readonly #write: WriteCall;
  readonly #packed: boolean;
  #position: number;
  #buffer = "";
  #failed: Result<never, StoreRefusal> | undefined;

  constructor(open: {
    readonly fd: number;
    readonly file: string;
    readonly position: number;
    readonly write?: WriteCall;
    /** What is handed to the system together is a gzip member, and only what `flush` asks for. */
    readonly packed?: boolean;
  }) {
    this.#fd = open.fd;
    this.#file = open.file;
    this.#position = open.position;
    this.#write = open.write ?? writeSync;
    this.#packed = open.packed === true;
  }

  write(line: string): Result<undefined, StoreRefusal> {
    if (this.#failed !== undefined) return this.#failed;
    this.#buffer += line;
    return this.#packed || this.#buffer.length < BUFFER ? done : this.flush();
  }

  flush(): Result<undefined, StoreRefusal> {
    return this.#attempt(() => this.#writeOut());
  }

  sync(): Result<undefined, StoreRefusal> {
    return this.#attempt(() => fsyncSync(this.#fd));
  }

  close(): void {
    closeSync(this.#fd);
  }

  #writeOut(): void {
    if (this.#buffer === "") return;
    const text = Buffer.from(this.#buffer, "utf8");
    const bytes = this.#packed ? packMember(text) : text;
    this.#buffer = "";
    let written = 0;
    try {
      while (written < bytes.length) {
        const left = bytes.length - written;
        const count = this.#write(this.#fd, bytes, written, left, this.#position + written);
        if (count === 0) throw Object.assign(new Error("nothing was written"), { code: "EIO" });
        written += count;
      }
    } catch (error) {
      if (written > 0) ftruncateSync(this.#fd, this.#position);
      throw error;
    }
    this.#position += bytes.length;
  }

  #attempt(action: () => void): Result<undefined, StoreRefusal> {
    if (this.#failed !== undefined) return this.#failed;
    const result = attempt({ file: this.#file, verb: "written" }, action);
    if (result.ok) return done;
    this.#failed = result;
    return result;
  }
}
