import { type Event, fail, type Result } from "@pagetrail/core";
import {
  callOf,
  type Expression,
  type ExpressionContext,
  type ExpressionProblem,
  outcomeOf,
  parseExpression,
  parseSum,
  type Subject,
  type Sum,
  subjectsOf,
} from "@pagetrail/core/search";
import type { LoadedLog } from "./open-log.ts";
import type { Output } from "./output.ts";
import { type Problem, refused } from "./problem.ts";
import { lastName, listProcesses } from "./process-list.ts";

/** An expression as the user wrote it, and the process that it speaks of without naming one. */
export interface Written<T> {
  readonly text: string;
  readonly value: T;
  /** `process 4242 (bash), the first of 3`; absent where none is meant. */
  readonly label: string | undefined;
  readonly pid: number | undefined;
}

/** Reads an expression about a log. With `pid`, that process is meant where none is named, and its events alone. */
export function readExpression(
  text: string,
  log: LoadedLog,
  pid: number | undefined,
): Result<Written<Expression>, Problem> {
  return readWith(text, log, pid, parseExpression, (e) => subjectsOf(e));
}

/** Reads a number that a log has over time. */
export function readSum(
  text: string,
  log: LoadedLog,
  pid: number | undefined,
): Result<Written<Sum>, Problem> {
  return readWith(text, log, pid, parseSum, (of) => subjectsOf({ kind: "changed", of }));
}

function readWith<T>(
  text: string,
  { timeline, name }: LoadedLog,
  pid: number | undefined,
  parse: (text: string, context: ExpressionContext) => Result<T, ExpressionProblem>,
  subjects: (value: T) => Iterable<Subject>,
): Result<Written<T>, Problem> {
  const lives = listProcesses(timeline.events);
  const life = pid === undefined ? lives[0] : lives.find((one) => one.pid === pid);
  if (pid !== undefined && !life)
    return refused({ what: `there is no process ${pid}`, where: name, advice: "see pagetrail info" });
  const parsed = parse(text, { pid: life?.pid, anyEvent: pid === undefined, ...namesIn(timeline.events) });
  if (!parsed.ok) return fail(expressionProblem(text, parsed.error));
  const isMeant = [...subjects(parsed.value)].some((one) => one.kind === "pid" && one.pid === life?.pid);
  const more = pid === undefined && lives.length > 1 ? `, the first of ${lives.length}` : "";
  const label = life && isMeant ? `process ${life.pid} (${lastName(life)})${more}` : undefined;
  return { ok: true, value: { text, value: parsed.value, label, pid: label ? life?.pid : undefined } };
}

function namesIn(events: readonly Event[]): { calls: Set<string>; outcomes: Set<string> } {
  const names = { calls: new Set<string>(), outcomes: new Set<string>() };
  for (const event of events) {
    names.calls.add(callOf(event));
    names.outcomes.add(outcomeOf(event));
    if (event.request.call === "kill") names.outcomes.add(event.request.signal);
  }
  return names;
}

function expressionProblem(text: string, { line, column, what }: ExpressionProblem): Problem {
  const shown =
    text.split("\n").length > 1 ? `line ${line}, column ${column}` : `column ${column} of '${text}'`;
  return { what, where: shown, advice: "docs/EXPRESSIONS.md has the language" };
}

/** Says which process is shown, where the user left that open. */
export function noteProcess({ label }: Written<unknown>, out: Output): void {
  if (label) out.note(`where no process is named, it is ${label}`);
}
