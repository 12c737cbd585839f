import { ok, type Result } from "@pagetrail/core";
import { type ImportSummary, PerfImporter } from "@pagetrail/import";
import type { Output } from "../output.ts";
import { type Problem, problemOf, refused } from "../problem.ts";
import { openPerf, type TraceInput } from "../trace-input.ts";
import type { Ending } from "./command.ts";
import { farText, type ImportInto, type ImportOptions, importInto, notModelled } from "./import-into.ts";

/** Makes a log from the text of perf script. */
export async function importPerfCommand(file: string, options: ImportOptions, out: Output): Ending {
  const input = await openPerf(file);
  if (!input.ok) return input;
  return importInto({ files: [file] }, options, out, (into) => importText(into, input.value, file, out));
}

async function importText(
  into: ImportInto,
  { chunks, far }: TraceInput,
  name: string,
  out: Output,
): Promise<Result<ImportSummary, Problem>> {
  const { sink } = into;
  const progress = out.progress("import");
  const importer = new PerfImporter(into);
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
