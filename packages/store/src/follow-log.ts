import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { attempt } from "./io.ts";
import { ByteDecoder, packingOf } from "./read-log.ts";
import type { StoreItem } from "./store.ts";

const CHUNK = 256 * 1024;
const NEWLINE = 10;

export interface FollowOptions {
  /** Ends the reading: what has no seal yet is given then, and how far the log goes. */
  readonly signal?: AbortSignal;
  /** Milliseconds between two looks at the file. */
  readonly pause?: number;
}

/**
 * Reads a log from its beginning, and goes on while another process writes it, until that finishes it. Events are
 * given when their seal has been checked. Only whole lines are looked at, so that it does no harm when a writer that
 * was killed leaves half a line, and the next one cuts that off. A packed log is read as it is now, and not followed.
 */
export async function* followLog(
  path: string,
  { signal, pause = 100 }: FollowOptions = {},
): AsyncGenerator<StoreItem, void> {
  const opened = attempt({ file: path, verb: "read" }, () => {
    const packing = packingOf(path);
    return { packing, fd: openSync(path, "r") };
  });
  if (!opened.ok) return yield { kind: "refused", refusal: opened.error };
  const { fd, packing } = opened.value;
  try {
    if (packing !== undefined) return yield { kind: "refused", refusal: packedRefusal(path) };
    const lines = new WholeLines(fd);
    const decoder = new ByteDecoder(path);
    let finished = false;
    while (!decoder.over) {
      const bytes = attempt({ file: path, verb: "read" }, () => lines.next());
      if (!bytes.ok) return yield { kind: "refused", refusal: bytes.error };
      if (bytes.value === undefined) {
        if (finished || signal?.aborted) break;
        await sleep(pause, undefined, signal && { signal }).catch(() => undefined);
        continue;
      }
      for (const item of decoder.push(bytes.value)) {
        if (item.kind === "seal") finished = item.seal.end;
        yield item;
      }
    }
    yield* decoder.end();
  } finally {
    closeSync(fd);
  }
}

const packedRefusal = (file: string) => ({
  fault: "packed" as const,
  what: "a packed log is not followed while it grows",
  where: { file },
  advice: "read it as it is now",
});

/** The whole lines that a growing file has more than at the last look. */
class WholeLines {
  readonly #fd: number;
  #offset = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Undefined while there are none. */
  next(): Uint8Array | undefined {
    const size = fstatSync(this.#fd).size;
    for (let length = CHUNK; this.#offset < size; length *= 2) {
      const buffer = Buffer.alloc(Math.min(length, size - this.#offset));
      const read = readSync(this.#fd, buffer, 0, buffer.length, this.#offset);
      const end = buffer.subarray(0, read).lastIndexOf(NEWLINE) + 1;
      if (end > 0) {
        this.#offset += end;
        return buffer.subarray(0, end);
      }
      if (read < buffer.length || this.#offset + read >= size) return undefined;
    }
    return undefined;
  }
}
