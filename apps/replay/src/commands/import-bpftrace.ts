import { ok } from "@pagetrail/core";
import { importRefcounts, type RefcountSummary } from "@pagetrail/import";
import { FileLogWriter } from "@pagetrail/store";
import { LogSink } from "../log-sink.ts";
import { logTarget } from "../log-target.ts";
import type { Output } from "../output.ts";
import { fileProblem, problemOf, refused } from "../problem.ts";
import { count, counted } from "../text/numbers.ts";
import { openTrace } from "../trace-file.ts";
import { producer } from "../version.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface ImportBpftraceOptions extends CommonOptions {
  readonly output?: string;
}

/** Makes a log from a capture of scheduling, and says where the kernel's values are not the model's. */
export async function importBpftraceCommand(
  capture: string,
  options: ImportBpftraceOptions,
  out: Output,
): Ending {
  const target = logTarget(options.output, [capture]);
  if (!target.ok) return target;
  const opened = await openTrace(capture);
  if (!opened.ok) return opened;
  const { name, chunks } = opened.value;
  const sink = new LogSink(producer(), (header) =>
    FileLogWriter.create(
      target.value,
      { ...header, source: { ...header.source, files: [capture] } },
      { overwrite: true, sync: "end" },
    ),
  );
  try {
    const text = await whole(chunks);
    if (!/^\d+ \d+ (?:switch|newtask|exec|exit|exit_mmap) /m.test(text))
      return refused({
        what: "there is no event of a scheduling capture",
        where: name,
        advice: "record with packages/import/bpftrace/refcounts.bt",
      });
    const summary = importRefcounts(text, sink);
    sink.finish();
    if (sink.refusal) return refused(problemOf(sink.refusal));
    if (summary.lost > 0)
      out.partial(`the recorder lost ${counted(summary.lost, "event")} (${name}): the log has what is left`);
    if (options.json) out.document({ log: target.value, ...summary });
    else out.lines(summaryLines(target.value, summary, out));
    return ok(0);
  } catch (error) {
    const problem = fileProblem(name, error);
    if (!problem) throw error;
    return refused(problem);
  } finally {
    sink.abort();
  }
}

async function whole(chunks: AsyncIterator<string>): Promise<string> {
  const pieces: string[] = [];
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next())
    pieces.push(next.value);
  return pieces.join("");
}

function* summaryLines(log: string, summary: RefcountSummary, out: Output): Generator<string> {
  const { lines, strange, events, cpus, switches, values, transients, learned, differences } = summary;
  yield `${out.style.bold(log)}: ${counted(events, "event")} on ${counted(cpus, "CPU")} from ${counted(lines, "line")}`;
  yield `${counted(switches.total, "context switch", "context switches")}, ${counted(values, "value")} compared with the kernel's: ${count(switches.equal)} equal, ${count(switches.transient)} but for what was on its way, ${count(switches.different)} different`;
  const kinds = Object.entries(transients).filter(([, n]) => n > 0);
  if (kinds.length > 0) yield `on its way: ${kinds.map(([kind, n]) => `${count(n)} ${kind}`).join(", ")}`;
  if (learned > 0)
    yield `${counted(learned, "reference")} from before the capture, whose holders it does not name`;
  if (differences.count > 0) yield `${counted(differences.count, "difference")}:`;
  for (const { line, what, kernel, model } of differences.first)
    yield `  line ${line}: ${what}: kernel ${kernel}, model ${model}`;
  if (differences.count > differences.first.length)
    yield `  and ${count(differences.count - differences.first.length)} more`;
  if (strange.count > 0)
    yield `${counted(strange.count, "unreadable line")}, the first is line ${strange.first[0]?.line}`;
}
