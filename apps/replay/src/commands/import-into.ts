import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ok, type ReleaseName, type Result } from "@pagetrail/core";
import type { ImportSummary, SystemFiles } from "@pagetrail/import";
import { FileLogWriter } from "@pagetrail/store";
import { LogSink } from "../log-sink.ts";
import { logTarget } from "../log-target.ts";
import type { Output } from "../output.ts";
import { fileProblem, type Problem, problemOf, refused } from "../problem.ts";
import { MachineFiles } from "../system-files.ts";
import { bytesSize, count, percent } from "../text/numbers.ts";
import { summaryJson, summaryLines } from "../text/summary-text.ts";
import type { TraceInput } from "../trace-input.ts";
import { producer } from "../version.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface ImportOptions extends CommonOptions {
  readonly output?: string;
  readonly sysroot?: string;
  readonly cwd?: string;
  readonly kernel?: ReleaseName;
  /** What was recorded for this log alone, so that it names that and no recording. */
  readonly command?: readonly string[];
}

/** The recordings of one run: what the log is made from. */
export interface Recordings {
  readonly files: readonly string[];
  /** The recording that has the faults, where that is another one. */
  readonly faults?: string;
}

/** What every importer needs of this machine and of the log. */
export interface ImportInto {
  readonly sink: LogSink;
  readonly system: SystemFiles;
  readonly cwd: string;
  readonly release?: ReleaseName;
}

/**
 * Makes a log from recordings, and says how much of them the model predicted.
 *
 * @param feed reads the recordings into the sink
 */
export async function importInto(
  { files, faults }: Recordings,
  options: ImportOptions,
  out: Output,
  feed: (into: ImportInto) => Promise<Result<ImportSummary, Problem>>,
): Ending {
  const all = faults === undefined ? files : [...files, faults];
  const target = logTarget(options.output, all);
  if (!target.ok) return target;
  const system = systemOf(options.sysroot);
  if (!system.ok) return system;
  const source = options.command === undefined ? { files: all } : { command: options.command };
  const sink = new LogSink(producer(), (header) =>
    FileLogWriter.create(
      target.value,
      { ...header, source: { ...header.source, ...source } },
      {
        overwrite: true,
        sync: "end",
      },
    ),
  );
  const where = files.join(", ");
  try {
    const cwd = resolve(options.cwd ?? folderOf(files));
    const summary = await feed({
      sink,
      system: system.value,
      cwd,
      ...(options.kernel && { release: options.kernel }),
    });
    if (!summary.ok) return summary;
    warnOfDamage(summary.value, where, out);
    if (options.json) out.document({ log: target.value, ...summaryJson(summary.value) });
    else out.lines(summaryLines(target.value, summary.value, out.style, faults));
    return ok(0);
  } catch (error) {
    const problem = fileProblem(where, error);
    if (!problem) throw error;
    return refused(problem);
  } finally {
    sink.abort();
  }
}

/** The log has what made sense of a damaged recording; who made it is told that there was more. */
function warnOfDamage({ cut, disordered }: ImportSummary, where: string, out: Output): void {
  if (cut)
    out.partial(
      `the trace ends in the middle of a line (${where}, line ${cut.line}): the log has all before it`,
    );
  if (disordered.first !== undefined)
    out.partial(
      `lines are missing or in the wrong order (${where}, first seen at line ${disordered.first}): the log has what made sense, record again for the rest`,
    );
}

/** Where the traced command probably started: the folder that holds its trace. */
function folderOf([first]: readonly string[]): string {
  return first === undefined || first === "-" ? "." : dirname(first);
}

function systemOf(sysroot: string | undefined): Result<SystemFiles, Problem> {
  if (sysroot === undefined) return ok(new MachineFiles());
  if (statSync(sysroot, { throwIfNoEntry: false })?.isDirectory()) return ok(new MachineFiles({ sysroot }));
  return refused({ what: "there is no such folder", where: sysroot, advice: "name one with --sysroot DIR" });
}

/** An importer of one text, piece by piece. */
interface TextImporter {
  readonly refusal: string | undefined;
  push(chunk: string): void;
  end(): ImportSummary;
}

/** Puts a whole text into an importer, and the log's sink behind it to its end; `name` is the text's. */
export async function importText(
  importer: TextImporter,
  sink: ImportInto["sink"],
  { chunks, far }: TraceInput,
  name: string,
  out: Output,
): Promise<Result<ImportSummary, Problem>> {
  const progress = out.progress("import");
  for await (const chunk of chunks) {
    importer.push(chunk);
    if (sink.refusal) return refused(problemOf(sink.refusal));
    if (importer.refusal !== undefined) return refused(notModelled(name, importer.refusal));
    const wait = progress.tick(() => farText(far(), sink.events));
    if (wait) await wait;
  }
  const summary = importer.end();
  if (importer.refusal !== undefined) return refused(notModelled(name, importer.refusal));
  progress.end();
  sink.finish();
  return sink.refusal ? refused(problemOf(sink.refusal)) : ok(summary);
}

export const notModelled = (where: string, what: string): Problem => ({
  what,
  where,
  advice: "record a 64-bit x86 program",
});

/** `45% of 12 MB, 3,000 events` */
export function farText({ done, size }: { done: number; size: number | undefined }, events: number): string {
  const share =
    size === undefined || size === 0 ? bytesSize(done) : `${percent(done, size)} of ${bytesSize(size)}`;
  return `${share}, ${count(events)} events`;
}
