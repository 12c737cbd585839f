import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { type LogEnd, ok, type Result } from "@pagetrail/core";
import { freeTarget, partialOf } from "./file-sink.ts";
import { attempt } from "./io.ts";
import { packMember } from "./packed-member.ts";
import { readTexts } from "./read-log.ts";
import type { StoreItem, StoreRefusal } from "./store.ts";

/** What came of it: the end of the log that was read, and how many bytes it takes now. */
export interface Packed {
  readonly end: LogEnd;
  readonly bytes: number;
}

const NEWLINE = 10;
const SEAL = Buffer.from('{"seal":');

/**
 * Writes a log once more, packed where the new name ends in .gz and as text else. Its lines stay as they are, and
 * with them every seal. What is torn off at the end of the old one is left out; a damaged log is refused.
 */
export function packLog(
  from: string,
  to: string,
  { overwrite = false }: { readonly overwrite?: boolean } = {},
): Result<Packed, StoreRefusal> {
  const target = freeTarget(to, overwrite);
  if (!target.ok) return target;
  const partial = partialOf(target.value, process.pid);
  const opened = attempt({ file: to, verb: "created" }, () => openSync(partial, "w"));
  if (!opened.ok) return opened;
  const fd = opened.value;
  const written = attempt({ file: to, verb: "written" }, () => {
    const copied = copy(from, new PartWriter(fd, to.endsWith(".gz")));
    if (!copied.ok) return copied;
    fsyncSync(fd);
    renameSync(partial, target.value);
    return copied;
  });
  closeSync(fd);
  if (!written.ok || !written.value.ok) rmSync(partial, { force: true });
  return written.ok ? written.value : written;
}

function copy(from: string, writer: PartWriter): Result<Packed, StoreRefusal> {
  let end: LogEnd | undefined;
  for (const { text, items } of readTexts(from)) {
    const last: StoreItem | undefined = items.at(-1);
    if (last?.kind === "refused") return { ok: false, error: last.refusal };
    if (last?.kind === "end") end = last.end;
    if (text) writer.take(text);
  }
  if (!end) throw new Error("a log's items end with its end or a refusal");
  const textTail = writer.finish(end);
  return ok({ end, bytes: textTail });
}

/** Cuts text into the parts that are members of a packed log: the header's line, then up to each seal's. */
class PartWriter {
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #header = true;

  constructor(
    private readonly fd: number,
    private readonly packed: boolean,
  ) {}

  take(text: Uint8Array): void {
    this.#pieces.push(Buffer.from(text));
    const all = Buffer.concat(this.#pieces);
    let from = 0;
    for (let at = all.indexOf(NEWLINE); at >= 0; at = all.indexOf(NEWLINE, at + 1)) {
      const line = all.lastIndexOf(NEWLINE, at - 1) + 1;
      if (!this.#header && !all.subarray(line, line + SEAL.length).equals(SEAL)) continue;
      this.#header = false;
      this.#put(all.subarray(from, at + 1));
      from = at + 1;
    }
    this.#pieces = [all.subarray(from)];
  }

  /** The open tail, without what is torn; answers how many bytes were written in all. */
  finish({ torn }: LogEnd): number {
    const rest = Buffer.concat(this.#pieces);
    const whole = torn === undefined ? rest.length : rest.lastIndexOf(NEWLINE) + 1;
    if (whole > 0) this.#put(rest.subarray(0, whole));
    return this.#bytes;
  }

  #put(part: Uint8Array): void {
    const bytes = this.packed ? packMember(part) : part;
    for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at);
    this.#bytes += bytes.length;
  }
}
