import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { reproducerProgram } from "@pagetrail/conformance";
import { advanceState, type Event, initialState, ok, type Profile, type Result } from "@pagetrail/core";
import { type Expression, reached, type Shrunk, shrinkLog } from "@pagetrail/core/search";
import { execOf, readScenario, runScenario, writeScenario } from "@pagetrail/import";
import { FileLogWriter } from "@pagetrail/store";
import { noteProcess, readExpression, type Written } from "../expression.ts";
import { LogSink } from "../log-sink.ts";
import { logTarget } from "../log-target.ts";
import { executed, type LoadedLog, openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { errorCode, type Problem, problemOf, refused } from "../problem.ts";
import { EventText } from "../text/event-text.ts";
import { count, counted } from "../text/numbers.ts";
import { producer } from "../version.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface ShrinkOptions extends CommonOptions {
  readonly output: string;
  readonly pid?: number;
}

/** A file that was made, or why it was not. */
type Made = { readonly path: string } | { readonly why: string };

/**
 * Finds the fewest events of a log for which an expression still holds, and writes them as a log, as a scenario and
 * as a C program.
 */
export async function shrinkCommand(path: string, text: string, options: ShrinkOptions, out: Output): Ending {
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const expression = readExpression(text, log.value, options.pid);
  if (!expression.ok) return expression;
  const target = logTarget(options.output, []);
  if (!target.ok) return target;
  const files = filesBeside(target.value);
  if (!files.ok) return files;
  if (!options.json) noteProcess(expression.value, out);
  const shrunk = await shrink(log.value, expression.value, out);
  if (!shrunk.ok) return shrunk;
  const written = writeLog(target.value, log.value, shrunk.value);
  if (!written.ok) return written;
  const scenario = makeScenario(files.value.scenario, log.value, expression.value, shrunk.value);
  if (!scenario.ok) return scenario;
  const program = makeProgram(files.value.program, log.value, expression.value, shrunk.value);
  if (!program.ok) return program;
  const { events } = log.value.timeline;
  if (options.json) {
    out.document({
      log: log.value.name,
      expression: text,
      pid: expression.value.pid ?? null,
      events: events.length,
      left: shrunk.value.events.length,
      output: target.value,
      scenario: asJson(scenario.value),
      program: asJson(program.value),
    });
    return ok(0);
  }
  out.line(`${counted(events.length, "event")}, of which ${count(shrunk.value.events.length)} are left:`);
  const eventText = new EventText(out.style);
  for (const event of shrunk.value.events) {
    eventText.learn(event);
    out.line(eventText.line(event));
  }
  out.line(`${target.value}: the log`);
  out.line(
    "path" in scenario.value ? `${scenario.value.path}: the scenario` : `no scenario: ${scenario.value.why}`,
  );
  out.line(
    "path" in program.value ? `${program.value.path}: the C program` : `no C program: ${program.value.why}`,
  );
  return ok(0);
}

const asJson = (made: Made) => ("path" in made ? { path: made.path } : { path: null, why: made.why });

async function shrink(
  log: LoadedLog,
  { text, value }: Written<Expression>,
  out: Output,
): Promise<Result<Shrunk, Problem>> {
  const { timeline, name } = log;
  const shrinking = shrinkLog(timeline.origin, timeline.events, value, (event) =>
    builtIn(event, log.profile),
  );
  const progress = out.progress("shrinking");
  try {
    for (;;) {
      const step = executed(name, () => shrinking.next());
      if (!step.ok) return step;
      const shrunk = step.value.value;
      if (step.value.done) return shrunk ? ok(shrunk) : refused(nowhere(text, name));
      const wait = progress.tick(() =>
        shrunk ? `${counted(shrunk.events.length, "event")} left` : "executing it",
      );
      if (wait) await wait;
    }
  } finally {
    progress.end();
  }
}

const nowhere = (text: string, where: string): Problem => ({
  what: `'${text}' becomes true nowhere, so there is nothing to shrink`,
  where,
  advice: "see pagetrail when",
});

const BUILT_IN = "/bin/prog";

/** The program that scenarios run in the place of a real one. */
function builtIn(event: Event, { layout }: Profile): readonly Event[] {
  const { request: r, assumed: _, ...rest } = event;
  if (r.call !== "execve" || !r.load || r.path === BUILT_IN) return [];
  return [{ ...rest, request: { call: "execve", path: BUILT_IN, load: execOf(BUILT_IN, layout) } }];
}

function writeLog(
  path: string,
  { profile, name }: LoadedLog,
  { events }: Shrunk,
): Result<undefined, Problem> {
  const sink = new LogSink(producer(), (header) =>
    FileLogWriter.create(path, header, { overwrite: true, sync: "end" }),
  );
  try {
    sink.start(profile, { kind: "shrunk", files: [name] });
    let state = initialState(profile);
    for (const event of events) {
      state = advanceState(state, event).state;
      sink.event(event, state);
    }
    sink.finish();
    return sink.refusal ? refused(problemOf(sink.refusal)) : ok(undefined);
  } finally {
    sink.abort();
  }
}

/** Writes the scenario, if one says the same and the expression holds in it. */
function makeScenario(
  path: string,
  { profile, name }: LoadedLog,
  { text, value }: Written<Expression>,
  { events }: Shrunk,
): Result<Made, Problem> {
  const scenario = writeScenario(profile, events);
  if (!scenario.ok) return ok({ why: `scenarios have no line for this: ${scenario.error}` });
  const why = otherwise(scenario.value, value);
  if (why !== undefined) return ok({ why });
  return writeText(path, `${SCENARIO_MARK} ${name}, so that this holds: ${oneLine(text)}\n${scenario.value}`);
}

/** Why a scenario is not what it should be: a line of it ends otherwise, or the expression holds nowhere. */
function otherwise(text: string, expression: Expression): string | undefined {
  const scenario = readScenario(text);
  if (!scenario.ok) return `the scenario cannot be read: ${scenario.error.what}`;
  const events: Event[] = [];
  const sink = { start: () => undefined, event: (event: Event) => events.push(event) };
  for (const { line, failure } of runScenario(scenario.value, sink))
    if (failure) return `on a scenario's machine line ${line} ends otherwise: ${failure.what}`;
  const holds = reached(initialState(scenario.value.profile), events, expression);
  return holds ? undefined : "what the expression speaks of, no scenario has";
}

function makeProgram(
  path: string,
  { profile, name }: LoadedLog,
  { text }: Written<Expression>,
  { events }: Shrunk,
): Result<Made, Problem> {
  const program = reproducerProgram(profile, events, [
    `Shrunk from ${oneLine(name)}, so that this holds: ${oneLine(text)}`,
  ]);
  if (!program.ok) return ok({ why: `it would need ${program.error}` });
  return writeText(path, program.value);
}

const SCENARIO_MARK = "# Shrunk from";
const PROGRAM_MARK = "/*\n * Shrunk from";

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ");

/** Where the scenario and the C program go; refuses to overwrite what no shrink has written. */
function filesBeside(log: string): Result<{ readonly scenario: string; readonly program: string }, Problem> {
  const stem = log.replace(/\.ptlog(\.gz)?$/, "");
  const files = { scenario: `${stem}.scenario`, program: `${stem}.c` };
  if (log.endsWith(".scenario") || log.endsWith(".c"))
    return refused({ what: "this is no name for a log", where: log, advice: "name it .ptlog" });
  try {
    for (const [path, mark] of [
      [files.scenario, SCENARIO_MARK],
      [files.program, PROGRAM_MARK],
    ] as const) {
      if (!existsSync(path) || readFileSync(path, "utf8").startsWith(mark)) continue;
      const what = "there is a file of this name already, and it is not from an earlier shrink";
      return refused({ what, where: path, advice: "choose another name with -o LOG" });
    }
    return ok(files);
  } catch (error) {
    return unwritable(log, error);
  }
}

function writeText(path: string, text: string): Result<Made, Problem> {
  try {
    writeFileSync(path, text);
    return ok({ path });
  } catch (error) {
    return unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): Result<never, Problem> {
  const code = errorCode(error);
  if (code === undefined) throw error;
  return refused({
    what: `it cannot be written: ${code}`,
    where: path,
    advice: "choose another place with -o LOG",
  });
}
