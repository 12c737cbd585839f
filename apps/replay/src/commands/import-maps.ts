import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { ok, type Result } from "@pagetrail/core";
import { type ImportSummary, looksLikeMaps, MapsImporter } from "@pagetrail/import";
import type { Output } from "../output.ts";
import { fileProblem, type Problem, problemOf, refused } from "../problem.ts";
import type { Ending } from "./command.ts";
import { type ImportInto, type ImportOptions, importInto } from "./import-into.ts";

export interface ImportMapsOptions extends ImportOptions {
  /** The process whose maps they are; maps does not say. */
  readonly pid: number;
}

/** Makes a log from texts of /proc/PID/maps or smaps, one moment each, in the order in which they are named. */
export async function importMapsCommand(
  files: readonly string[],
  options: ImportMapsOptions,
  out: Output,
): Ending {
  const texts: [string, string][] = [];
  for (const file of files) {
    const text = readText(file);
    if (!text.ok) return text;
    texts.push([file === "-" ? "standard input" : file, text.value]);
  }
  const comm = programOf(texts[0]?.[1] ?? "");
  const owner = { pid: options.pid, comm };
  return importInto({ files }, options, out, async (into) => importTexts(into, texts, owner));
}

function importTexts(
  { sink, ...machine }: ImportInto,
  texts: readonly (readonly [string, string])[],
  owner: { readonly pid: number; readonly comm: string },
): Result<ImportSummary, Problem> {
  const importer = new MapsImporter({ ...machine, sink, owner });
  for (const [name, text] of texts) {
    const taken = importer.push(text);
    if (!taken.ok) {
      const { line, what } = taken.error;
      return refused({
        what,
        where: `${name}, line ${line}`,
        advice: "give the whole text, as the kernel prints it",
      });
    }
    if (taken.value === 0)
      return refused({
        what: "there are no mappings",
        where: name,
        advice: "a process that has ended has none",
      });
    if (sink.refusal) return refused(problemOf(sink.refusal));
  }
  const summary = importer.end();
  sink.finish();
  return sink.refusal ? refused(problemOf(sink.refusal)) : ok(summary);
}

/** The first file that is mapped is mostly the program. */
function programOf(text: string): string {
  const [, path = ""] = /^[0-9a-f]+-[0-9a-f]+ .* (\/.*)$/m.exec(text) ?? [];
  return basename(path.replace(/ \(deleted\)$/, "")).slice(0, 15);
}

function readText(file: string): Result<string, Problem> {
  try {
    const text = readFileSync(file === "-" ? 0 : file, "latin1");
    const first = text.split("\n").find((line) => line !== "" && !line.startsWith("#")) ?? "";
    if (looksLikeMaps(`${first}\n`)) return ok(text);
    return refused({
      what: "this is no text of /proc/PID/maps or smaps",
      where: file,
      advice: "copy one with cat /proc/PID/smaps > FILE",
    });
  } catch (error) {
    const problem = fileProblem(file, error);
    if (!problem) throw error;
    return refused(problem);
  }
}
