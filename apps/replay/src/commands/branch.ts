import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import {
  decodeEvent,
  decodeProfile,
  type Event,
  encodeProfile,
  initialState,
  type KernelState,
  ok,
  type Profile,
  type Result,
  UNLIMITED,
} from "@pagetrail/core";
import { FileLogWriter } from "@pagetrail/store";
import {
  type BranchCounts,
  type BranchEdits,
  branchEvents,
  branchingPoint,
  limitEvent,
  type Otherwise,
} from "../branch.ts";
import { LogSink } from "../log-sink.ts";
import { logTarget } from "../log-target.ts";
import { describeMoment } from "../moment.ts";
import { executed, type LoadedLog, openLog, stateAt } from "../open-log.ts";
import type { Output } from "../output.ts";
import { findMoment, findRange } from "../position.ts";
import { fileProblem, type Problem, problemOf, refused } from "../problem.ts";
import { chooseProcess } from "../process-choice.ts";
import { EventText } from "../text/event-text.ts";
import { counted } from "../text/numbers.ts";
import { outcomeHex, outcomeText } from "../text/outcome.ts";
import { producer } from "../version.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface BranchOptions extends CommonOptions {
  readonly at: string;
  readonly output: string;
  readonly drop: readonly string[];
  readonly edit?: string;
  readonly limit: readonly string[];
  readonly set: readonly string[];
  readonly pid?: number;
}

/** How many events that came out otherwise are shown. */
const SHOWN = 10;

/** Makes a log that shares another's past, and goes on from there with what is changed. */
export async function branchCommand(path: string, options: BranchOptions, out: Output): Ending {
  if (path === "-")
    return refused({
      what: "a branch names its parent's file",
      where: "-",
      advice: "write the log into a file",
    });
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const moment = findMoment(options.at, log.value);
  if (!moment.ok) return refused({ what: moment.error, where: path, advice: "see pagetrail events" });
  const at = moment.value.seq;
  const profile = profileOf(log.value, options.set, at);
  if (!profile.ok) return profile;
  const state = options.set.length > 0 ? ok(initialState(profile.value)) : stateAt(log.value, at);
  if (!state.ok) return state;
  const edits = editsOf(log.value, state.value, options);
  if (!edits.ok) return edits;
  const target = logTarget(options.output, [path]);
  if (!target.ok) return target;
  if (resolve(target.value) === resolve(path))
    return refused({
      what: "a branch does not replace its parent",
      where: path,
      advice: "choose another name",
    });
  const branch = { log: log.value, path, target: target.value, profile: profile.value, state: state.value };
  const told = await write(branch, edits.value, options, out);
  if (!told.ok) return told;
  if (options.json) out.document(asJson(branch, told.value));
  else out.lines(asText(branch, told.value, out));
  return ok(0);
}

interface Branch {
  readonly log: LoadedLog;
  readonly path: string;
  readonly target: string;
  readonly profile: Profile;
  readonly state: KernelState;
}

interface Told {
  readonly counts: BranchCounts;
  readonly parent: { readonly seq: number };
  readonly last: number;
  readonly first: readonly Otherwise[];
}

/** The log's profile with `sysctl.maxMapCount=100` and the like. */
function profileOf(log: LoadedLog, set: readonly string[], at: number): Result<Profile, Problem> {
  if (set.length === 0) return ok(log.profile);
  if (at !== log.timeline.first)
    return refused({
      what: "a machine is what it is from its start",
      where: `--set ${set[0]}`,
      advice: "use --set with --at start",
    });
  const json = structuredClone(encodeProfile(log.profile)) as Record<string, unknown>;
  for (const one of set) {
    const [, name = "", text = ""] = /^([\w.]+)=(.*)$/.exec(one) ?? [];
    const members = name.split(".");
    const last = members.pop() ?? "";
    const owner = members.reduce<unknown>(
      (at, member) => (at as Record<string, unknown> | undefined)?.[member],
      json,
    );
    if (typeof owner !== "object" || owner === null || !(last in owner))
      return refused({
        what: "the profile has no such member",
        where: `--set ${one}`,
        advice: "name one of the header's profile, such as sysctl.maxMapCount=100: see docs/FORMATS.md",
      });
    (owner as Record<string, unknown>)[last] = jsonOr(text);
  }
  const profile = decodeProfile(json);
  if (profile.ok) return profile;
  return refused({ what: profile.error, where: "--set", advice: "see docs/FORMATS.md" });
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function editsOf(
  log: LoadedLog,
  state: KernelState,
  { drop, edit, limit, pid }: BranchOptions,
): Result<BranchEdits, Problem> {
  const ranges: { from: number; to: number }[] = [];
  for (const text of drop) {
    const range = findRange(text, log);
    if (!range.ok)
      return refused({ what: range.error, where: `--drop ${text}`, advice: "see pagetrail events" });
    if (range.value.from <= state.seq)
      return refused({
        what: `event ${range.value.from} is part of the past that the branch shares`,
        where: `--drop ${text}`,
        advice: "begin earlier with --at",
      });
    ranges.push(range.value);
  }
  const limits: Event[] = [];
  for (const text of limit) {
    const event = limitOf(log, state, text, pid);
    if (!event.ok) return event;
    limits.push(event.value);
  }
  const read = edit === undefined ? ok<readonly Event[]>([]) : readEvents(edit, log, state.seq);
  if (!read.ok) return read;
  return ok({
    inserted: [...limits, ...read.value.filter(({ seq }) => seq === 0)],
    replaced: new Map(read.value.filter(({ seq }) => seq > 0).map((event) => [event.seq, event])),
    isDropped: (seq) => ranges.some(({ from, to }) => seq >= from && seq < to),
  });
}

const UNITS = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 } as const;

function limitOf(
  log: LoadedLog,
  state: KernelState,
  text: string,
  pid: number | undefined,
): Result<Event, Problem> {
  const [, resource, amount, unit = ""] =
    /^(as|data|stack|memlock)=(?:(\d{1,15})([KMG]?)|unlimited)$/.exec(text) ?? [];
  if (resource === undefined)
    return refused({
      what: "this is no limit",
      where: `--limit ${text}`,
      advice: "write as=64M, data=1G, stack=unlimited or memlock=0",
    });
  const chosen = chooseProcess(log, state, pid);
  if (!chosen.ok) return chosen;
  const bytes = amount === undefined ? UNLIMITED : Number(amount) * UNITS[unit as keyof typeof UNITS];
  return ok(limitEvent(chosen.value.task.pid, resource as "as", bytes));
}

/** Events as a log has them, a line each; one with the number of an event takes its place, the others have seq 0. */
function readEvents(file: string, log: LoadedLog, at: number): Result<readonly Event[], Problem> {
  const events: Event[] = [];
  try {
    for (const [i, line] of readFileSync(file === "-" ? 0 : file, "utf8")
      .split("\n")
      .entries()) {
      if (line.trim() === "") continue;
      const event = readEvent(line);
      const where = `${file}, line ${i + 1}`;
      if (!event.ok)
        return refused({
          what: event.error,
          where,
          advice: "write events as pagetrail events --jsonl prints them",
        });
      const { seq } = event.value;
      if (seq !== 0 && (seq <= at || seq > log.timeline.last))
        return refused({
          what: `event ${seq} is not behind the moment at which the branch begins`,
          where,
          advice: `name one of the events ${at + 1} to ${log.timeline.last}, or leave seq out`,
        });
      events.push(event.value);
    }
    return ok(events);
  } catch (error) {
    const problem = fileProblem(file, error);
    if (!problem) throw error;
    return refused(problem);
  }
}

function readEvent(line: string): Result<Event, string> {
  try {
    const json: unknown = JSON.parse(line);
    if (typeof json === "object" && json !== null) return decodeEvent({ seq: 0, ret: "0x0", ...json });
    return { ok: false, error: "this is no event" };
  } catch (error) {
    return { ok: false, error: `this is no JSON: ${(error as Error).message}` };
  }
}

async function write(
  { log, path, target, profile, state }: Branch,
  edits: BranchEdits,
  { at, drop, limit, set }: BranchOptions,
  out: Output,
): Promise<Result<Told, Problem>> {
  const parent = branchingPoint(log, set.length > 0 ? 0 : state.seq);
  const sink = new LogSink(producer(), (header) =>
    FileLogWriter.create(target, header, { overwrite: true, sync: "end" }),
  );
  const counts: BranchCounts = { asked: 0, same: 0, elsewhere: 0, otherwise: 0, leftOut: 0, dropped: 0 };
  const first: Otherwise[] = [];
  const progress = out.progress("branch");
  try {
    const named = { ...parent, log: relative(dirname(resolve(target)), resolve(path)) };
    const source = {
      kind: "branch",
      at,
      drop,
      limit,
      set,
      inserted: edits.inserted.length,
      replaced: edits.replaced.size,
    };
    sink.start(profile, source, { parent: named, state });
    for (const event of log.timeline.between(parent.seq, state.seq)) {
      const then = stateAt(log, event.seq);
      if (!then.ok) return then;
      sink.event(event, then.value);
    }
    const again = branchEvents(log, state, edits, counts);
    for (;;) {
      const step = executed(target, () => again.next());
      if (!step.ok) return step;
      if (step.value.done) break;
      const one = step.value.value;
      if (one.kind === "left out") continue;
      sink.event(one.event, one.state);
      const isOther = "errno" in one.was.outcome !== "errno" in one.event.outcome;
      if (isOther && first.length < SHOWN) first.push(one);
      const wait = progress.tick(() => `event ${one.was.seq} of ${log.timeline.last}`);
      if (wait) await wait;
    }
    sink.finish();
    if (sink.refusal) return refused(problemOf(sink.refusal));
    return ok({ counts, parent, last: sink.last, first });
  } finally {
    progress.end();
    sink.abort();
  }
}

function* asText(
  { log, path, target, state }: Branch,
  { counts, first }: Told,
  out: Output,
): Generator<string> {
  const { asked, same, elsewhere, otherwise, leftOut, dropped } = counts;
  yield `${out.style.bold(target)}: a branch of ${path} behind ${describeMoment(log, state.seq)}`;
  const parts = [`${same} as before`];
  if (elsewhere > 0) parts.push(`${elsewhere} with another value`);
  if (otherwise > 0) parts.push(`${otherwise} otherwise`);
  yield `${counted(asked, "event")} asked for again: ${parts.join(", ")}`;
  if (dropped > 0) yield `${counted(dropped, "event")} dropped`;
  if (leftOut > 0) yield `${counted(leftOut, "event")} left out, whose task is not there or has ended`;
  const text = new EventText(out.style);
  for (const { was, event } of first) {
    text.learnUpTo(log.timeline.events, was.seq);
    yield `${text.line({ ...event, seq: was.seq })}, was ${outcomeText(was.outcome)}`;
  }
  if (otherwise > first.length) yield `and ${otherwise - first.length} more`;
}

const asJson = ({ path, target, state }: Branch, { counts, parent, last, first }: Told) => ({
  log: target,
  parent: { log: path, seq: parent.seq },
  at: state.seq,
  events: last,
  ...counts,
  first: first.map(({ was, event }) => ({
    event: was.seq,
    became: event.seq,
    was: outcomeHex(was.outcome),
    outcome: outcomeHex(event.outcome),
  })),
});
