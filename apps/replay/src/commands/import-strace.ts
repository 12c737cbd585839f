import { ok, type Result } from "@pagetrail/core";
import {
  FaultedStraceImporter,
  type ImportSummary,
  type ShownProcess,
  StraceImporter,
} from "@pagetrail/import";
import type { Output } from "../output.ts";
import { type Problem, problemOf, refused } from "../problem.ts";
import { openInput, openPerf, type TraceInput } from "../trace-input.ts";
import type { Ending } from "./command.ts";
import {
  farText,
  type ImportInto,
  type ImportOptions,
  importInto,
  importText,
  notModelled,
} from "./import-into.ts";

export interface StraceOptions extends ImportOptions {
  /** Text of perf script that has the page faults of the same run. */
  readonly faults?: string;
  /** What /proc said of the processes that strace attached to, and when, in seconds. */
  readonly attached?: { readonly before: readonly ShownProcess[]; readonly since: number };
}

/** Makes a log from the output of strace, if asked with the page faults that perf recorded beside it. */
export async function importStraceCommand(
  traces: readonly string[],
  options: StraceOptions,
  out: Output,
): Ending {
  const { faults } = options;
  if (faults === "-" && traces.includes("-"))
    return refused({
      what: "standard input cannot be both the trace and its faults",
      where: "--faults -",
      advice: "write one of them into a file",
    });
  const input = await openInput(traces, out);
  if (!input.ok) return input;
  const name = traces.join(", ");
  if (faults === undefined)
    return importInto({ files: traces }, options, out, (into) =>
      importCalls({ ...into, ...options.attached }, input.value, name, out),
    );
  const second = await openPerf(faults);
  if (!second.ok) return second;
  return importInto({ files: traces, faults }, options, out, (into) =>
    importBoth(into, { calls: input.value, faults: second.value }, { name, faults }, out),
  );
}

type ImportCalls = ImportInto & Partial<NonNullable<StraceOptions["attached"]>>;

function importCalls(into: ImportCalls, input: TraceInput, name: string, out: Output) {
  const { defaultTid } = input;
  const importer = new StraceImporter({ ...into, ...(defaultTid === undefined ? {} : { defaultTid }) });
  return importText(importer, into.sink, input, name, out);
}

/** Reads on in whichever of the two recordings the importer asks for. */
async function importBoth(
  { sink, ...machine }: ImportInto,
  inputs: { readonly calls: TraceInput; readonly faults: TraceInput },
  names: { readonly name: string; readonly faults: string },
  out: Output,
): Promise<Result<ImportSummary, Problem>> {
  const progress = out.progress("import");
  const { defaultTid, far } = inputs.calls;
  const importer = new FaultedStraceImporter({
    ...machine,
    sink,
    ...(defaultTid === undefined ? {} : { defaultTid }),
  });
  const refusal = (): Problem | undefined => {
    if (sink.refusal) return problemOf(sink.refusal);
    if (importer.refusal !== undefined) return notModelled(names.name, importer.refusal);
    return importer.mismatch === undefined ? undefined : unaligned(names.faults, importer.mismatch);
  };
  const calls = inputs.calls.chunks[Symbol.asyncIterator]();
  const faults = inputs.faults.chunks[Symbol.asyncIterator]();
  for (let open = { calls: true, faults: true }; open.calls || open.faults; ) {
    const fromFaults = open.faults && (importer.wantsFaults || !open.calls);
    const { value, done } = await (fromFaults ? faults : calls).next();
    if (fromFaults) done === true ? importer.endFaults() : importer.pushFaults(value);
    else done === true ? importer.endCalls() : importer.push(value);
    if (done === true) open = fromFaults ? { ...open, faults: false } : { ...open, calls: false };
    const problem = refusal();
    if (problem) return refused(problem);
    const wait = progress.tick(() => farText(far(), sink.events));
    if (wait) await wait;
  }
  const summary = importer.end();
  progress.end();
  sink.finish();
  const problem = refusal();
  return problem ? refused(problem) : ok(summary);
}

const unaligned = (where: string, what: string): Problem => ({
  what,
  where,
  advice: "record both in one go: perf record -e exceptions:*,raw_syscalls:* strace -f -ttt -o FILE COMMAND",
});
