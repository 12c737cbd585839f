import { PerfImporter } from "@pagetrail/import";
import type { Output } from "../output.ts";
import { openPerf } from "../trace-input.ts";
import type { Ending } from "./command.ts";
import { type ImportOptions, importInto, importText } from "./import-into.ts";

/** Makes a log from the text of perf script. */
export async function importPerfCommand(file: string, options: ImportOptions, out: Output): Ending {
  const input = await openPerf(file);
  if (!input.ok) return input;
  return importInto({ files: [file] }, options, out, (into) =>
    importText(new PerfImporter(into), into.sink, input.value, file, out),
  );
}
