import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { ok, type Result } from "@pagetrail/core";
import { fileProblem, type Problem, refused } from "./problem.ts";

/** A recording as it is read: text chunks with one char per byte. */
export interface TraceFile {
  /** As the user named it. */
  readonly name: string;
  /** Bytes of the file as it lies on the disk; undefined for a pipe. */
  readonly size: number | undefined;
  /** Bytes read so far. */
  readonly done: () => number;
  readonly chunks: AsyncIterator<string>;
  /** The thread that a file of strace -ff is about: `trace.4242`. */
  readonly tid: number | undefined;
}

/** The thread that a file's name tells, as strace -ff makes names. */
function tidOf(path: string): number | undefined {
  const suffix = /\.(\d{1,10})(?:\.gz)?$/.exec(basename(path))?.[1];
  return suffix === undefined ? undefined : Number(suffix);
}

/** Opens a recording, `-` being standard input; what gzip packed is unpacked on the way. */
export async function openTrace(path: string): Promise<Result<TraceFile, Problem>> {
  const name = path === "-" ? "standard input" : path;
  try {
    const found = path === "-" ? undefined : await stat(path);
    if (found?.isDirectory())
      return refused({ what: "this is a directory", where: name, advice: "name a file" });
    let done = 0;
    const stream = path === "-" ? createReadStream("", { fd: 0, autoClose: false }) : createReadStream(path);
    const bytes = counting(stream, (n) => {
      done += n;
    });
    const chunks = latin1(await unpacked(bytes));
    const size = found?.isFile() ? found.size : undefined;
    return ok({ name, size, done: () => done, chunks, tid: path === "-" ? undefined : tidOf(path) });
  } catch (error) {
    const problem = fileProblem(name, error);
    if (!problem) throw error;
    return refused(problem);
  }
}

async function* counting(stream: AsyncIterable<Buffer>, count: (n: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    count(chunk.length);
    yield chunk;
  }
}

/** The bytes themselves, or what gzip made them from. */
async function unpacked(bytes: AsyncGenerator<Buffer>): Promise<AsyncIterable<Buffer>> {
  const head = await bytes.next();
  const first = head.done === true ? Buffer.alloc(0) : head.value;
  const whole = Readable.from(joined(first, bytes), { objectMode: false });
  if (first[0] !== 0x1f || first[1] !== 0x8b) return whole;
  const gunzip = createGunzip();
  whole.on("error", (error) => gunzip.destroy(error));
  return whole.pipe(gunzip);
}

async function* joined(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  yield* rest;
}

async function* latin1(bytes: AsyncIterable<Buffer>): AsyncGenerator<string> {
  for await (const chunk of bytes) yield chunk.toString("latin1");
}
