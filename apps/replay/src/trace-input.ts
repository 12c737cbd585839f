import { ok, type Result } from "@pagetrail/core";
import { looksLikePerfScript, looksLikeStrace } from "@pagetrail/import";
import { chainTraces, mergeTraces, timeOf } from "./merge-traces.ts";
import type { Output } from "./output.ts";
import { fileProblem, type Problem, refused } from "./problem.ts";
import { openTrace, type TraceFile } from "./trace-file.ts";

/** One or more recordings as one text. */
export interface TraceInput {
  readonly chunks: AsyncIterable<string>;
  /** The thread that lines without a pid are about. */
  readonly defaultTid: number | undefined;
  /** `45% of 12 MB`, where sizes are known. */
  readonly far: () => { readonly done: number; readonly size: number | undefined };
}

/** Characters by which a recording is recognised. */
const HEAD = 16 * 1024;

/**
 * Opens recordings of strace and checks that they are such. Several are those of strace -ff: they are
 * merged by their times, or without times follow one another, which a warning says.
 */
export async function openInput(paths: readonly string[], out: Output): Promise<Result<TraceInput, Problem>> {
  const files: TraceFile[] = [];
  const heads: string[] = [];
  for (const path of paths) {
    const opened = await openTrace(path);
    if (!opened.ok) return opened;
    const found = await readHead(opened.value);
    if (!found.ok) return found;
    const head = found.value;
    const guess = looksLikeStrace(head.text);
    if (!guess.ok)
      return refused({
        what: `this is not the output of strace: it is ${guess.why}`,
        where: opened.value.name,
        advice: guess.why.includes("perf script")
          ? "import it with pagetrail import perf FILE"
          : "record with strace -f -ttt -o FILE COMMAND",
      });
    files.push({ ...opened.value, chunks: head.all });
    heads.push(head.text);
  }
  const [only] = files;
  const far = (): { done: number; size: number | undefined } => progressOf(files);
  if (only && files.length === 1) return ok({ chunks: iterate(only.chunks), defaultTid: only.tid, far });
  const nameless = files.find(({ tid }) => tid === undefined);
  if (nameless)
    return refused({
      what: "of several recordings, each is to be of one thread, named in its ending",
      where: nameless.name,
      advice: "give the files that strace -ff made, such as trace.4242, or one file alone",
    });
  if (heads.every(hasTimes)) return ok({ chunks: mergeTraces(files), defaultTid: undefined, far });
  out.note("the recordings have no times and are taken one after the other: record with strace -ff -ttt");
  return ok({ chunks: chainTraces(files), defaultTid: undefined, far });
}

/** Opens the text of perf script, and checks that it is such. */
export async function openPerf(path: string): Promise<Result<TraceInput, Problem>> {
  const opened = await openTrace(path);
  if (!opened.ok) return opened;
  const head = await readHead(opened.value);
  if (!head.ok) return head;
  const guess = looksLikePerfScript(head.value.text);
  if (!guess.ok)
    return refused({
      what: `this is not the text of perf script: it is ${guess.why}`,
      where: opened.value.name,
      advice: guess.why.includes("of strace")
        ? "import it with pagetrail import strace FILE"
        : "write it with perf script --show-mmap-events --show-task-events > FILE",
    });
  const file = { ...opened.value, chunks: head.value.all };
  return ok({ chunks: iterate(file.chunks), defaultTid: undefined, far: () => progressOf([file]) });
}

/** Whether the first lines have times that can be compared with those of another file. */
const hasTimes = (head: string): boolean => timeOf(head.slice(0, 200)) !== undefined;

/** The beginning of a recording, and all of it: what was read is not lost. */
interface Head {
  readonly text: string;
  readonly all: AsyncIterator<string>;
}

async function readHead({ name, chunks }: TraceFile): Promise<Result<Head, Problem>> {
  try {
    let text = "";
    while (text.length < HEAD) {
      const { value, done } = await chunks.next();
      if (done === true) break;
      text += value;
    }
    return ok({ text: text.slice(0, HEAD), all: resumed(text, chunks) });
  } catch (error) {
    const problem = fileProblem(name, error);
    if (!problem) throw error;
    return refused(problem);
  }
}

async function* resumed(head: string, rest: AsyncIterator<string>): AsyncGenerator<string> {
  if (head !== "") yield head;
  yield* iterate(rest);
}

const iterate = <T>(iterator: AsyncIterator<T>): AsyncIterable<T> => ({
  [Symbol.asyncIterator]: () => iterator,
});

function progressOf(files: readonly TraceFile[]): { done: number; size: number | undefined } {
  let done = 0;
  let size: number | undefined = 0;
  for (const file of files) {
    done += file.done();
    size = size === undefined || file.size === undefined ? undefined : size + file.size;
  }
  return { done, size };
}
