import type { TraceFile } from "./trace-file.ts";

/** A line of one of several recordings, with when it was written, in seconds. */
interface Stamped {
  readonly text: string;
  readonly time: number | undefined;
}

const DAY = 86_400;
const CHUNK = 64 * 1024;

/**
 * The lines of several recordings of strace -ff as one text, in order of time, each with its thread in
 * front, as strace -f writes them. A line without a time stays behind the line before it.
 */
export async function* mergeTraces(files: readonly TraceFile[]): AsyncGenerator<string> {
  const queue: Source[] = [];
  for (const file of files) await enqueue(queue, new Source(file));
  let chunk = "";
  for (let source = queue.shift(); source; source = queue.shift()) {
    chunk += source.take();
    if (chunk.length >= CHUNK) {
      yield chunk;
      chunk = "";
    }
    await enqueue(queue, source);
  }
  if (chunk !== "") yield chunk;
}

/** Puts a source where its next line belongs among the others; equal times keep the order of the files. */
async function enqueue(queue: Source[], source: Source): Promise<void> {
  if (!(await source.next())) return;
  let [low, high] = [0, queue.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((queue[middle]?.time ?? 0) <= source.time) low = middle + 1;
    else high = middle;
  }
  queue.splice(low, 0, source);
}

/** One recording, standing before its next line. */
class Source {
  readonly #prefix: string;
  readonly #lines: AsyncGenerator<string>;
  #line: Stamped = { text: "", time: undefined };
  /** Of the last line that had a time; a clock of the day starts again at midnight. */
  #time = 0;
  #days = 0;

  constructor(file: TraceFile) {
    this.#prefix = file.tid === undefined ? "" : `${file.tid} `;
    this.#lines = linesOf(file.chunks);
  }

  get time(): number {
    return this.#time;
  }

  async next(): Promise<boolean> {
    const { value, done } = await this.#lines.next();
    if (done === true) return false;
    const time = timeOf(value);
    if (time !== undefined) {
      if (time + this.#days + DAY / 2 < this.#time && time < DAY) this.#days += DAY;
      this.#time = time + this.#days;
    }
    this.#line = { text: value, time };
    return true;
  }

  /** The line with its thread; what belongs to the line before it, such as a stack, has none. */
  take(): string {
    const { text, time } = this.#line;
    return time === undefined ? `${text}\n` : `${this.#prefix}${text}\n`;
  }
}

/** The time that strace -ttt, -tt or -t put in front of a line. */
export function timeOf(line: string): number | undefined {
  const [, epoch, hours, minutes, seconds] =
    /^(?:(\d{8,}\.\d+)|(\d\d):(\d\d):(\d\d(?:\.\d+)?)) /.exec(line) ?? [];
  if (epoch !== undefined) return Number(epoch);
  return hours === undefined ? undefined : Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

async function* linesOf(chunks: AsyncIterator<string>): AsyncGenerator<string> {
  let rest = "";
  for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) {
    const lines = (rest + chunk.value).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** The recordings one after the other, for those that have no times. */
export async function* chainTraces(files: readonly TraceFile[]): AsyncGenerator<string> {
  for (const { tid, chunks } of files) {
    const prefix = tid === undefined ? "" : `${tid} `;
    let text = "";
    for await (const line of linesOf(chunks)) {
      text += `${prefix}${line}\n`;
      if (text.length < CHUNK) continue;
      yield text;
      text = "";
    }
    if (text !== "") yield text;
  }
}
