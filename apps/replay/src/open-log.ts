import {
  BrokenInvariant,
  decodeEvent,
  decodeProfile,
  type Event,
  initialState,
  type KernelState,
  type LogEnd,
  type LogHeader,
  ok,
  type Profile,
  type Result,
  type Seal,
  Timeline,
} from "@pagetrail/core";
import { readLog } from "@pagetrail/store";
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
  readonly timeline: Timeline;
  readonly seals: readonly Seal[];
  readonly finished: boolean;
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
}

const MEGABYTE = 2 ** 20;

/** Opens a log to look at some moments of it: quickly where its states are kept beside it, else as `openLog` does. */
export async function openAt(
  path: string,
  out: Output,
  options: OpenOptions = {},
): Promise<Result<LoadedLog, Problem>> {
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
  const name = path === "-" ? "standard input" : path;
  // While standard input is waited for, nothing else runs: Ctrl-C has to keep its own meaning then.
  const progress = path === "-" ? undefined : out.progress(`reading ${name}`);
  const reading = new LogReading(name);
  for (const item of readLog(path)) {
    if (item.kind === "refused") {
      progress?.end();
      return refused(problemOf(item.refusal));
    }
    if (item.kind === "header") reading.head(item.header, item.version);
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
  const loaded = reading.loaded(budgetOf(options));
  if (loaded.ok) warnOfTail(loaded.value, reading.end, out);
  return loaded;
}

/** What has been read of a log so far. */
class LogReading {
  readonly #name: string;
  readonly #events: Event[] = [];
  readonly seals: Seal[] = [];
  #header: { readonly header: LogHeader; readonly version: number } | undefined;
  end: LogEnd | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  head(header: LogHeader, version: number): void {
    this.#header = { header, version };
  }

  event(json: { readonly seq: number }, line: number): Problem | undefined {
    const event = decodeEvent(json as { readonly seq: number } & Readonly<Record<string, unknown>>);
    if (!event.ok) return this.#notUnderstood(`event ${json.seq}: ${event.error}`, line);
    this.#events.push(event.value);
    return undefined;
  }

  loaded(budget: number | undefined): Result<LoadedLog, Problem> {
    if (!this.#header || !this.end) return refused(this.#notUnderstood("it has no header", 1));
    const { header, version } = this.#header;
    if (header.parent) {
      const what = "this log is a branch of another, which this version does not read";
      return refused({ what, where: this.#name, advice: "open its parent" });
    }
    const profile = decodeProfile(header.profile);
    if (!profile.ok) return refused(this.#notUnderstood(`the header's ${profile.error}`, 1));
    return ok({
      name: this.#name,
      header,
      version,
      profile: profile.value,
      timeline: new Timeline(initialState(profile.value), this.#events, { budget }),
      seals: this.seals,
      finished: this.end.finished,
    });
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
