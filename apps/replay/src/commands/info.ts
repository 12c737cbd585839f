import { statSync } from "node:fs";
import {
  type Event,
  isDecided,
  isSystemCall,
  type Outcome,
  ok,
  type Profile,
  UNLIMITED,
} from "@pagetrail/core";
import { type LoadedLog, openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { listProcesses, type ProcessLife } from "../process-list.ts";
import { bytesSize, count, counted, percent } from "../text/numbers.ts";
import { outcomeHex, outcomeText } from "../text/outcome.ts";
import { table } from "../text/table.ts";
import type { CommonOptions, Ending } from "./command.ts";

/** What a log holds, counted. */
interface Facts {
  readonly log: LoadedLog;
  readonly bytes: number | undefined;
  readonly calls: readonly (readonly [string, number])[];
  readonly processes: readonly ProcessLife[];
  /** System calls that a rule decides, and those of them that it predicted right. */
  readonly decided: number;
  readonly predicted: number;
  readonly divergences: readonly (Event & { readonly divergence: Outcome })[];
}

/** Prints a log's header and what it holds. */
export async function infoCommand(path: string, options: CommonOptions, out: Output): Ending {
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const facts = gather(log.value, path === "-" ? undefined : statSync(path, { throwIfNoEntry: false })?.size);
  if (options.json) out.document(asJson(facts));
  else out.lines(asText(facts, out));
  return ok(0);
}

function gather(log: LoadedLog, bytes: number | undefined): Facts {
  const { events } = log.timeline;
  const calls = new Map<string, number>();
  for (const event of events) calls.set(nameOf(event), (calls.get(nameOf(event)) ?? 0) + 1);
  const decided = events.filter((e) => isSystemCall(e) && isDecided(e));
  return {
    log,
    bytes,
    calls: [...calls].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)),
    processes: listProcesses(events),
    decided: decided.length,
    predicted: decided.filter((e) => e.divergence === undefined).length,
    divergences: events.filter((e): e is Facts["divergences"][number] => e.divergence !== undefined),
  };
}

const nameOf = ({ as, request }: Event): string =>
  as ?? (request.call === "given" ? request.name : request.call);

const limit = (bytes: number): string => (bytes === UNLIMITED ? "unlimited" : bytesSize(bytes));

function profileText({ layout, release, limits }: Profile): string {
  const stack = `stack limit ${limit(limits.stack.soft)}`;
  return `${layout}, the rules of Linux ${release}, ${stack}`;
}

function* asText(
  { log, bytes, calls, processes, decided, predicted, divergences }: Facts,
  out: Output,
): Generator<string> {
  const { bold } = out.style;
  const { events } = log.timeline;
  const seals = counted(log.seals.length, "seal");
  yield `${bold("log")}        ${log.name}${bytes === undefined ? "" : `, ${bytesSize(bytes)}`}, version ${log.version}`;
  yield `${bold("producer")}   ${log.header.producer}`;
  yield `${bold("profile")}    ${profileText(log.profile)}`;
  yield `${bold("source")}     ${sourceText(log.header.source)}`;
  yield `${bold("sealed")}     ${seals}, ${log.finished ? "finished" : "not finished: its writer was stopped, or still writes"}`;
  yield `${bold("events")}     ${count(events.length)}`;
  const share = percent(predicted, decided);
  yield `${bold("predicted")}  ${count(predicted)} of ${counted(decided, "decided call")} right (${share})`;
  yield "";
  const callColumns = [{ title: "EVENTS", right: true }, { title: "CALL" }];
  yield* table(
    callColumns,
    calls.map(([name, n]) => [count(n), name]),
  );
  yield "";
  yield* table(PROCESS_COLUMNS, processes.map(processCells));
  if (divergences.length === 0) return;
  yield "";
  yield bold(counted(divergences.length, "divergence"));
  yield* divergences.slice(0, SHOWN).map(divergenceText);
  if (divergences.length > SHOWN)
    yield `  and ${count(divergences.length - SHOWN)} more: see pagetrail events`;
}

const SHOWN = 20;

function divergenceText({
  seq,
  line,
  request,
  as,
  outcome,
  divergence,
}: Facts["divergences"][number]): string {
  const where = line === undefined ? `event ${seq}` : `event ${seq}, line ${line}`;
  return `  ${where}: ${as ?? request.call}: recorded ${outcomeText(outcome)}, predicted ${outcomeText(divergence)}`;
}

function sourceText(source: Readonly<Record<string, unknown>>): string {
  const words = Object.entries(source).map(
    ([k, v]) => `${k} ${typeof v === "string" ? v : JSON.stringify(v)}`,
  );
  return words.length === 0 ? "not said" : words.join(", ");
}

const PROCESS_COLUMNS = [
  { title: "PID", right: true },
  { title: "PARENT", right: true },
  { title: "EVENTS", right: true },
  { title: "RANGE" },
  { title: "TASKS", right: true },
  { title: "COMMAND" },
];

const processCells = (life: ProcessLife): string[] => [
  String(life.pid),
  life.parent === 0 ? "–" : String(life.parent),
  count(life.events),
  `${life.first}..${life.last + 1}`,
  String(life.tasks),
  life.names.join(" → "),
];

function asJson({ log, bytes, calls, processes, decided, predicted, divergences }: Facts) {
  return {
    log: log.name,
    bytes: bytes ?? null,
    version: log.version,
    producer: log.header.producer,
    profile: log.header.profile,
    source: log.header.source,
    seals: log.seals.length,
    finished: log.finished,
    events: log.timeline.events.length,
    decided,
    predicted,
    calls: Object.fromEntries(calls),
    processes: processes.map(({ pid, parent, names, first, last, ended, tasks, events }) => ({
      pid,
      parent: parent === 0 ? null : parent,
      names,
      first,
      last,
      ended: ended ?? null,
      tasks,
      events,
    })),
    divergences: divergences.map(({ seq, line, request, as, outcome, divergence }) => ({
      seq,
      line: line ?? null,
      call: as ?? request.call,
      outcome: outcomeHex(outcome),
      predicted: outcomeHex(divergence),
    })),
  };
}
