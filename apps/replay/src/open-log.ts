import { dirname, resolve } from "node:path";
import {
  BrokenInvariant,
  decodeEvent,
  decodeProfile,
  type Event,
  initialState,
  type KernelState,
  type LogEnd,
  type LogHeader,
  type LogParent,
  ok,
  type Profile,
  type Result,
  type Seal,
  Timeline,
} from "@pagetrail/core";
import { readLog } from "@pagetrail/store";
import { readBookmarks } from "./bookmarks.ts";
import { KEPT_FROM, keepStates, openKept } from "./checkpoint-file.ts";
import type { Output } from "./output.ts";
import { type Problem, problemOf, refused } from "./problem.ts";
import { listProcesses, type ProcessLife } from "./process-list.ts";
import { count } from "./text/numbers.ts";

/** A log in memory: what it says of itself, its events, and the states that they lead to. */
export interface LoadedLog {
  /** As the user named it. */
  readonly name: string;
  readonly header: LogHeader;
  readonly profile: Profile;
  readonly version: number;
  /** The hash of the header's line. */
  readonly hash: string;
  readonly timeline: Timeline;
  readonly seals: readonly Seal[];
  readonly finished: boolean;
  /** The events that bookmarks name. */
  readonly bookmarks?: (() => Result<ReadonlyMap<string, number>, string>) | undefined;
  /** Its processes, where they are kept beside it. */
  readonly lives?: (() => readonly ProcessLife[] | undefined) | undefined;
  /**
   * The events behind which states are kept beside it, ascending. Then it was opened by these, and its events are
   * read when they are asked for.
   */
  readonly kept?: readonly number[];
}

export interface OpenOptions {
  /** A moment that is asked for: one by line or time is looked for among all events. */
  readonly at?: string | undefined;
  /** Megabytes that kept states may take. */
  readonly checkpointMemory?: number | undefined;
  /** How many branches lead to this log. */
  readonly depth?: number;
}

const MEGABYTE = 2 ** 20;

/** Opens a log to look at some moments of it: quickly where its states are kept beside it, else as `openLog` does. */
export async function openAt(
  path: string,
  out: Output,
  options: OpenOptions = {},
): Promise<Result<LoadedLog, Problem>> {
  const atHand = out.kept(path);
  if (atHand) return ok(atHand);
  const whole = path === "-" || (options.at !== undefined && isScanned(options.at));
  const kept = whole ? undefined : openKept(path, budgetOf(options));
  return kept ? ok(kept) : openLog(path, out, options);
}

/** Whether a position as the user wrote it is looked for among all events. */
export const isScanned = (position: string): boolean => /^(line|time):/.test(position);

const budgetOf = ({ checkpointMemory }: OpenOptions): number | undefined =>
  checkpointMemory === undefined ? undefined : checkpointMemory * MEGABYTE;

/**
 * Reads a log and checks its seals. A torn tail is dropped with a warning; refuses a damaged log, and
 * one that holds what this version cannot execute.
 */
export async function openLog(
  path: string,
  out: Output,
  options: OpenOptions = {},
): Promise<Result<LoadedLog, Problem>> {
  const atHand = out.kept(path);
  if (atHand) return ok(atHand);
  const name = path === "-" ? "standard input" : path;
  // While standard input is waited for, nothing else runs: Ctrl-C has to keep its own meaning then.
  const progress = path === "-" ? undefined : out.progress(`reading ${name}`);
  const reading = new LogReading(name);
  for (const item of readLog(path)) {
    if (item.kind === "refused") {
      progress?.end();
      return refused(problemOf(item.refusal));
    }
    if (item.kind === "header") reading.head(item.header, item);
    if (item.kind === "seal") reading.seals.push(item.seal);
    if (item.kind === "end") reading.end = item.end;
    if (item.kind === "event") {
      const problem = reading.event(item.event, item.line);
      if (problem) {
        progress?.end();
        return refused(problem);
      }
      const wait = progress?.tick(() => `${count(item.event.seq)} events`);
      if (wait) await wait;
    }
  }
  progress?.end();
  const parent = await openParent(reading.parent, path, out, options);
  if (!parent.ok) return parent;
  const loaded = reading.loaded(budgetOf(options), parent.value);
  if (loaded.ok) warnOfTail(loaded.value, reading.end, out);
  return loaded;
}

/** Branches of branches go no deeper. */
const MOST_PARENTS = 100;

/** The log that a branch begins in; undefined for one that shares no event with another. */
async function openParent(
  parent: LogParent | undefined,
  branch: string,
  out: Output,
  options: OpenOptions,
): Promise<Result<LoadedLog | undefined, Problem>> {
  if (!parent || parent.seq === 0) return ok(undefined);
  const { depth = 0 } = options;
  const path = resolve(branch === "-" ? "." : dirname(branch), parent.log);
  const where = `${branch === "-" ? "standard input" : branch}, a branch of ${parent.log}`;
  if (depth === MOST_PARENTS)
    return refused({ what: "its parents go round in a circle", where, advice: "make the branch again" });
  const opened = await openLog(path, out, { ...options, depth: depth + 1 });
  if (!opened.ok)
    return refused({ ...opened.error, where: `${opened.error.where ?? path}, the parent of ${branch}` });
  const found = opened.value.seals.find(({ seq }) => seq === parent.seq);
  if (found?.sha256 === parent.hash) return opened;
  return refused({
    what: `its parent is not what it was: at event ${parent.seq} it has ${found ? "another seal" : "no seal"}`,
    where,
    advice: "put the parent back, or make the branch again",
  });
}

/** What has been read of a log so far. */
class LogReading {
  readonly #name: string;
  readonly #events: Event[] = [];
  readonly seals: Seal[] = [];
  #header: { readonly header: LogHeader; readonly version: number; readonly hash: string } | undefined;
  end: LogEnd | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  head(header: LogHeader, { version, hash }: { readonly version: number; readonly hash: string }): void {
    this.#header = { header, version, hash };
  }

  get parent(): LogParent | undefined {
    return this.#header?.header.parent;
  }

  event(json: { readonly seq: number }, line: number): Problem | undefined {
    const event = decodeEvent(json as { readonly seq: number } & Readonly<Record<string, unknown>>);
    if (!event.ok) return this.#notUnderstood(`event ${json.seq}: ${event.error}`, line);
    this.#events.push(event.value);
    return undefined;
  }

  /** @param parent the log in which this one begins */
  loaded(budget: number | undefined, parent: LoadedLog | undefined): Result<LoadedLog, Problem> {
    if (!this.#header || !this.end) return refused(this.#notUnderstood("it has no header", 1));
    const { header, version, hash } = this.#header;
    const profile = decodeProfile(header.profile);
    if (!profile.ok) return refused(this.#notUnderstood(`the header's ${profile.error}`, 1));
    const shared = header.parent?.seq ?? 0;
    const before = parent?.timeline.events.slice(0, shared) ?? [];
    const log: LoadedLog = {
      name: this.#name,
      header,
      version,
      hash,
      profile: profile.value,
      timeline: new Timeline(initialState(profile.value), [...before, ...this.#events], { budget }),
      seals: [...(parent?.seals.filter(({ seq }) => seq <= shared) ?? []), ...this.seals],
      finished: this.end.finished,
    };
    return ok({ ...log, bookmarks: () => readBookmarks(log) });
  }

  #notUnderstood(what: string, line: number): Problem {
    return {
      what: `the log cannot be executed: ${what}`,
      where: `${this.#name}, line ${line}`,
      advice: "import the recording again",
    };
  }
}

function warnOfTail({ name }: LoadedLog, end: LogEnd | undefined, out: Output): void {
  const torn = end?.torn;
  if (torn)
    out.partial(
      `the last line was not written to its end and is left out (${name}, line ${torn.line}, ${torn.bytes} bytes): ` +
        `the log ends at event ${end.seq}`,
    );
}

/**
 * The state behind an event of the log; refuses a log that does not replay to there. Where that took long, states are
 * kept beside the log for the next time.
 */
export function stateAt(log: LoadedLog, seq: number): Result<KernelState, Problem> {
  const { name, timeline } = log;
  const state = executed(name, () => timeline.stateAt(seq));
  if (state.ok && seq - (log.kept?.at(-1) ?? timeline.first) >= KEPT_FROM)
    keepStates(log, log.lives?.() ?? listProcesses(timeline.events));
  return state;
}

/** Runs what executes events of a log: where that breaks the model, the log is no recording of it. */
export function executed<T>(name: string, execute: () => T): Result<T, Problem> {
  try {
    return ok(execute());
  } catch (error) {
    if (!(error instanceof BrokenInvariant)) throw error;
    return refused({
      what: `the log cannot be executed: ${error.message}`,
      where: name,
      advice: "see how far it goes with pagetrail replay, or import the recording again",
    });
  }
}
