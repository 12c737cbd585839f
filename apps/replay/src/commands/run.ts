import { readFileSync } from "node:fs";
import { BrokenInvariant, ok, type Result } from "@pagetrail/core";
import { type Happening, readScenario, runScenario, type Scenario } from "@pagetrail/import";
import { FileLogWriter } from "@pagetrail/store";
import { LogSink } from "../log-sink.ts";
import { logTarget } from "../log-target.ts";
import type { Output } from "../output.ts";
import { fileProblem, type Problem, problemOf, refused } from "../problem.ts";
import { counted } from "../text/numbers.ts";
import { happeningJson, RunPrinter } from "../text/run-text.ts";
import { producer } from "../version.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface RunOptions extends CommonOptions {
  readonly output?: string;
}

/** Runs a scenario, writes its log, and says what came of each line; exit 1 if one is not as it expects. */
export async function runCommand(path: string, options: RunOptions, out: Output): Ending {
  const scenario = openScenario(path);
  if (!scenario.ok) return scenario;
  const target = logTarget(options.output, [path]);
  if (!target.ok) return target;
  const sink = new LogSink(producer(), (header) =>
    FileLogWriter.create(
      target.value,
      { ...header, source: { ...header.source, files: [path] } },
      { overwrite: true, sync: "end" },
    ),
  );
  try {
    const happenings = options.json ? new Collected() : new RunPrinter(path, scenario.value, out);
    const run = await runInto(sink, path, scenario.value, happenings, out);
    if (!run.ok) return run;
    report(target.value, path, run.value, happenings, out);
    return ok(run.value.failed > 0 ? 1 : 0);
  } finally {
    sink.abort();
  }
}

/** The text of a file, `-` for standard input, read as a scenario. */
function openScenario(path: string): Result<Scenario, Problem> {
  const where = path === "-" ? "standard input" : path;
  let text: string;
  try {
    text = readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    const problem = fileProblem(where, error);
    if (!problem) throw error;
    return refused(problem);
  }
  const scenario = readScenario(text);
  if (scenario.ok) return scenario;
  const { line, column, what } = scenario.error;
  return refused({ what, where: `${where}:${line}:${column}`, advice: "docs/SCENARIOS.md has the language" });
}

/** Takes each line as it has run. */
interface Audience {
  take(happening: Happening): void;
  /** Nothing more runs. */
  flush(): void;
}

/** The lines of --json, which are told of in one document at the end. */
class Collected implements Audience {
  readonly lines: Readonly<Record<string, unknown>>[] = [];

  take(happening: Happening): void {
    this.lines.push(happeningJson(happening));
  }

  flush(): void {}
}

interface Counts {
  requests: number;
  expectations: number;
  failed: number;
  events: number;
}

async function runInto(
  sink: LogSink,
  name: string,
  scenario: Scenario,
  audience: Audience,
  out: Output,
): Promise<Result<Counts, Problem>> {
  const counts: Counts = { requests: 0, expectations: 0, failed: 0, events: 0 };
  const progress = out.progress("run");
  try {
    for (const happening of runScenario(scenario, sink)) {
      if (sink.refusal) return refused(problemOf(sink.refusal));
      counts[happening.kind === "request" ? "requests" : "expectations"] += 1;
      if (happening.failure) counts.failed += 1;
      audience.take(happening);
      const wait = progress.tick(() => `line ${happening.line}, ${counted(sink.events, "event")}`);
      if (wait) await wait;
    }
  } catch (error) {
    if (!(error instanceof BrokenInvariant)) throw error;
    return refused({
      what: `the model cannot go on behind event ${sink.events}: ${error.message}`,
      where: name,
      advice: "leave out what comes next",
    });
  } finally {
    progress.end();
  }
  audience.flush();
  sink.finish();
  counts.events = sink.events;
  return sink.refusal ? refused(problemOf(sink.refusal)) : ok(counts);
}

function report(
  log: string,
  scenario: string,
  { requests, expectations, failed, events }: Counts,
  audience: Audience,
  out: Output,
): void {
  if (audience instanceof Collected) {
    out.document({ scenario, log, events, requests, expectations, failed, lines: audience.lines });
    return;
  }
  const verdict = failed === 0 ? "all as expected" : `${counted(failed, "line")} not as expected`;
  out.line(`${counted(requests, "request")}, ${counted(expectations, "expectation")}: ${verdict}`);
  out.line(`${log}: ${counted(events, "event")}`);
}
