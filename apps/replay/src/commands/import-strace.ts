import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ok, type ReleaseName, type Result } from "@pagetrail/core";
import { type ImportSummary, StraceImporter, type SystemFiles } from "@pagetrail/import";
import { FileLogWriter } from "@pagetrail/store";
import { LogSink } from "../log-sink.ts";
import { logTarget } from "../log-target.ts";
import type { Output } from "../output.ts";
import { fileProblem, type Problem, problemOf, refused } from "../problem.ts";
import { MachineFiles } from "../system-files.ts";
import { bytesSize, count, percent } from "../text/numbers.ts";
import { summaryJson, summaryLines } from "../text/summary-text.ts";
import { openInput, type TraceInput } from "../trace-input.ts";
import { producer } from "../version.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface ImportOptions extends CommonOptions {
  readonly output?: string;
  readonly sysroot?: string;
  readonly cwd?: string;
  readonly kernel?: ReleaseName;
}

/** Makes a log from the output of strace, and says how much of it the model predicted. */
export async function importStraceCommand(
  traces: readonly string[],
  options: ImportOptions,
  out: Output,
): Ending {
  const target = logTarget(options.output, traces);
  if (!target.ok) return target;
  const system = systemOf(options.sysroot);
  if (!system.ok) return system;
  const input = await openInput(traces, out);
  if (!input.ok) return input;
  const sink = new LogSink(producer(), (header) =>
    FileLogWriter.create(
      target.value,
      { ...header, source: { ...header.source, files: traces } },
      {
        overwrite: true,
        sync: "end",
      },
    ),
  );
  try {
    const cwd = resolve(options.cwd ?? folderOf(traces));
    const summary = await importInto(
      sink,
      input.value,
      {
        name: traces.join(", "),
        system: system.value,
        cwd,
        ...(options.kernel === undefined ? {} : { release: options.kernel }),
      },
      out,
    );
    if (!summary.ok) return summary;
    warnOfDamage(summary.value, traces.join(", "), out);
    if (options.json) out.document({ log: target.value, ...summaryJson(summary.value) });
    else out.lines(summaryLines(target.value, summary.value, out.style));
    return ok(0);
  } catch (error) {
    const problem = fileProblem(traces.join(", "), error);
    if (!problem) throw error;
    return refused(problem);
  } finally {
    sink.abort();
  }
}

/** The log has what made sense of a damaged trace; who made it is told that there was more. */
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

async function importInto(
  sink: LogSink,
  input: TraceInput,
  {
    name,
    ...machine
  }: {
    readonly name: string;
    readonly system: SystemFiles;
    readonly cwd: string;
    readonly release?: ReleaseName;
  },
  out: Output,
): Promise<Result<ImportSummary, Problem>> {
  const { defaultTid, chunks, far } = input;
  const progress = out.progress("import");
  const importer = new StraceImporter({
    ...machine,
    sink,
    ...(defaultTid === undefined ? {} : { defaultTid }),
  });
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

const notModelled = (where: string, what: string): Problem => ({
  what,
  where,
  advice: "record a 64-bit x86 program",
});

function farText({ done, size }: { done: number; size: number | undefined }, events: number): string {
  const share =
    size === undefined || size === 0 ? bytesSize(done) : `${percent(done, size)} of ${bytesSize(size)}`;
  return `${share}, ${count(events)} events`;
}
