import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { errorCode } from "./io.ts";

/** What is worked out from a log and kept beside it, in the file `LOG.KIND`. */
export type SidecarKind = "blame" | "search" | "checkpoints";

/** Which spelling of its content a sidecar has, and up to which of the log's seals it tells. */
export interface SidecarHead {
  readonly kind: SidecarKind;
  readonly version: number;
  /** The chained hash of the last seal that it covers, and that seal's last event. */
  readonly log: string;
  readonly seq: number;
}

export const sidecarPath = (log: string, kind: SidecarKind): string => `${log}.${kind}`;

/** Longer first lines are not looked at. */
const HEAD_LIMIT = 16 * 1024 * 1024;
const HEAD_CHUNK = 64 * 1024;

type Block = { readonly from: number; readonly bytes: number; readonly crc: number };

/**
 * A sidecar that was found. Whether it tells of the log as it is now, the caller sees by comparing `head` with the
 * log's own seal. Each block is read when it is asked for.
 */
export class Sidecar {
  readonly #fd: number;
  readonly #blocks: readonly Block[];

  private constructor(
    readonly head: SidecarHead,
    fd: number,
    blocks: readonly Block[],
  ) {
    this.#fd = fd;
    this.#blocks = blocks;
  }

  /** Undefined when there is none, or none that can be used: it is only a memory of what can be worked out again. */
  static open(log: string, kind: SidecarKind, version: number): Sidecar | undefined {
    let fd: number;
    try {
      fd = openSync(sidecarPath(log, kind), "r");
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return undefined;
    }
    const line = fstatSync(fd).isFile() ? readLine(fd) : undefined;
    const head = line && parseHead(line.text, line.bytes);
    if (head && head.kind === kind && head.version === version) return new Sidecar(head, fd, head.blocks);
    closeSync(fd);
    return undefined;
  }

  get blocks(): number {
    return this.#blocks.length;
  }

  /** A block's bytes; undefined when they are not those that were written. */
  read(block: number): Uint8Array | undefined {
    const { from, bytes, crc } = this.#blocks[block] ?? { from: 0, bytes: 0, crc: -1 };
    if (from + bytes > fstatSync(this.#fd).size) return undefined;
    const content = Buffer.allocUnsafe(bytes);
    for (let at = 0; at < bytes; ) {
      const count = readSync(this.#fd, content, at, bytes - at, from + at);
      if (count === 0) return undefined;
      at += count;
    }
    return crc32(content) === crc ? content : undefined;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/**
 * Puts a sidecar in the place of the one that may be there, at once or not at all. False where that cannot be: the
 * folder may not be written, or is full.
 */
export function writeSidecar(log: string, head: SidecarHead, blocks: readonly Uint8Array[]): boolean {
  const path = sidecarPath(log, head.kind);
  const partial = `${path}.partial-${process.pid}`;
  try {
    const fd = openSync(partial, "w");
    try {
      const { kind, version, log: hash, seq } = head;
      const contents = blocks.map((block) => [block.length, crc32(block)]);
      const line = JSON.stringify({ sidecar: kind, version, log: hash, seq, blocks: contents });
      for (const block of [Buffer.from(`${line}\n`), ...blocks]) writeWhole(fd, block);
    } finally {
      closeSync(fd);
    }
    renameSync(partial, path);
    return true;
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    rmSync(partial, { force: true });
    return false;
  }
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

function readLine(fd: number): { readonly text: string; readonly bytes: number } | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; at < HEAD_LIMIT; at += HEAD_CHUNK) {
    const chunk = Buffer.allocUnsafe(HEAD_CHUNK);
    const count = readSync(fd, chunk, 0, HEAD_CHUNK, at);
    const end = chunk.subarray(0, count).indexOf(10);
    chunks.push(chunk.subarray(0, end < 0 ? count : end));
    if (end >= 0) return { text: Buffer.concat(chunks).toString(), bytes: at + end + 1 };
    if (count < HEAD_CHUNK) return undefined;
  }
  return undefined;
}

function parseHead(text: string, bytes: number): (SidecarHead & { blocks: readonly Block[] }) | undefined {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const { sidecar, version, log, seq, blocks } = json;
  if (typeof version !== "number" || typeof log !== "string" || typeof seq !== "number") return undefined;
  if (!Array.isArray(blocks)) return undefined;
  const placed: Block[] = [];
  let from = bytes;
  for (const [length, crc] of blocks as readonly (readonly unknown[])[]) {
    if (typeof length !== "number" || typeof crc !== "number" || !(length >= 0)) return undefined;
    placed.push({ from, bytes: length, crc });
    from += length;
  }
  return { kind: sidecar as SidecarKind, version, log, seq, blocks: placed };
}
