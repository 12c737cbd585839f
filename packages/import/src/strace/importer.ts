import {
  type Event,
  type KernelState,
  type Outcome,
  type Profile,
  profileOf,
  REFERENCE_PROFILE,
  type ReleaseName,
} from "@pagetrail/core";
import { ExecHints } from "./exec/exec-hints.ts";
import { Interpreter } from "./interpreter.ts";
import { Session } from "./session.ts";
import { Tally } from "./tally.ts";
import { type StraceCall, StraceReader, type StraceRecord } from "./text/index.ts";
import { isMemoryCall } from "./translate/memory.ts";
import { isFork } from "./translate/system.ts";

/** The file system of the machine that imports, as far as a recording may ask it. All paths absolute. */
export interface SystemFiles {
  /** The path after symbolic links; undefined when there is no such file. */
  realpath(path: string): string | undefined;
  /** Up to `length` bytes of a regular file from `offset`; undefined when it cannot be read. */
  read(path: string, offset: number, length: number): Uint8Array | undefined;
}

/** Where an import's results go, in order: `start` once, then the events. */
export interface ImportSink {
  start(profile: Profile, source: Readonly<Record<string, unknown>>): void;
  event(event: Event, state: KernelState): void;
}

/** A line that could not be read. */
export interface UnreadableLine {
  readonly line: number;
  readonly text: string;
  readonly why: string;
}

/** What an import found, for the person who ran it. */
export interface ImportSummary {
  readonly lines: number;
  readonly unreadable: { readonly count: number; readonly first: readonly UnreadableLine[] };
  /** The last line, where the trace ends in the middle of it. */
  readonly cut?: UnreadableLine;
  /** Calls of tasks that had ended, and times that go back: lines are missing or in the wrong order. */
  readonly disordered: { readonly count: number; readonly first?: number };
  readonly events: number;
  readonly processes: number;
  /** Calls that a rule of the model decides, and those among them that it predicted right. */
  readonly decided: number;
  readonly predicted: number;
  readonly divergences: {
    readonly count: number;
    readonly first: readonly {
      readonly line: number;
      readonly call: string;
      readonly recorded: Outcome;
      readonly predicted: Outcome;
    }[];
  };
  /** What the recording did not say and was estimated, each said once, with how often. */
  readonly notes: readonly { readonly note: string; readonly count: number }[];
}

/** Records that may wait for what comes after them. */
const LOOK_AHEAD = 50_000;

/** Records within which a call returns that was made before another thread's returned. */
const OVERLAP_REACH = 256;

/**
 * Imports the text of strace: chunks in, events out, in bounded memory.
 *
 * An exec waits until the calls after it show where the kernel put things, and a task's first call for the
 * return of the fork that made it, as far as `LOOK_AHEAD` records reach.
 */
export class StraceImporter {
  readonly #reader: StraceReader;
  readonly #tally = new Tally();
  readonly #interpreter: Interpreter;
  #queue: StraceRecord[] = [];
  #head = 0;
  readonly #forks = new Map<number, StraceCall>();
  readonly #hints = new Map<StraceCall, ExecHints>();
  readonly #learning = new Map<number, ExecHints>();

  constructor({ system, sink, defaultTid, cwd = "", release }: ImportOptions) {
    this.#reader = new StraceReader(defaultTid === undefined ? {} : { defaultTid });
    const profile = release === undefined ? REFERENCE_PROFILE : profileOf(release);
    sink.start(profile, { format: "strace" });
    const session = new Session(profile, sink, this.#tally);
    this.#interpreter = new Interpreter({ system, cwd }, session, this.#tally, {
      forkOf: (tid) => this.#forks.get(tid),
      hintsOf: (call) => this.#hints.get(call) ?? new ExecHints(),
    });
  }

  /** Why the trace as a whole cannot be modelled; undefined while it can. Nothing is imported after that. */
  get refusal(): string | undefined {
    return this.#interpreter.refusal;
  }

  /** @param chunk bytes of the trace, one character each */
  push(chunk: string): void {
    for (const record of this.#reader.push(chunk)) this.#enqueue(record);
    this.#drain(false);
  }

  end(): ImportSummary {
    for (const record of this.#reader.end()) {
      if (record.kind === "unreadable") this.#tally.cut(record);
      this.#enqueue(record);
    }
    this.#drain(true);
    return this.#tally.summary(this.#reader.lines);
  }

  #enqueue(record: StraceRecord): void {
    this.#queue.push(record);
    if (record.kind === "exit") this.#learning.get(record.tid)?.close();
    if (record.kind === "note" && record.tid !== undefined) this.#learning.get(record.tid)?.mode(record.note);
    if (record.kind !== "call") return;
    const { tid, name, result } = record;
    if (isFork(name) && result.kind === "value" && result.value) this.#forks.set(result.value, record);
    const execs = (name === "execve" || name === "execveat") && result.kind === "value";
    if (execs) {
      this.#learning.get(tid)?.close();
      const hints = new ExecHints();
      this.#hints.set(record, hints);
      this.#learning.set(tid, hints);
    } else this.#learning.get(tid)?.feed(record);
  }

  #drain(all: boolean): void {
    while (this.#head < this.#queue.length) {
      const record = this.#queue[this.#head];
      if (!record || this.refusal !== undefined) break;
      const waiting = this.#queue.length - this.#head;
      if (!all && waiting < LOOK_AHEAD && !this.#isReady(record)) break;
      this.#head += 1;
      const first = this.#firstInKernel(record);
      this.#interpreter.record(first);
      if (first.kind === "call") this.#forget(first);
    }
    if (this.#head === this.#queue.length || this.#head > LOOK_AHEAD) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The record itself, or a call of another thread that the kernel took before it: that one is put in front. */
  #firstInKernel(record: StraceRecord): StraceRecord {
    if (!this.#mayOverlap(record)) return record;
    const calls: StraceCall[] = [record];
    let overlapping = 1;
    const end = Math.min(this.#head + OVERLAP_REACH, this.#queue.length);
    for (let i = this.#head; i < end; i++) {
      const other = this.#queue[i];
      if (other?.kind !== "call" || !isMemoryCall(other.name)) continue;
      calls.push(other);
      if (other.startLine < record.line) overlapping = calls.length;
    }
    // What returned behind the last call that overlaps says nothing about the order.
    calls.length = overlapping;
    if (overlapping === 1) return record;
    const first = calls[this.#interpreter.firstInKernel(calls)] ?? record;
    if (first !== record) {
      this.#queue.splice(this.#queue.indexOf(first, this.#head), 1);
      this.#head -= 1;
    }
    return first;
  }

  #mayOverlap(record: StraceRecord): record is StraceCall {
    return record.kind === "call" && isMemoryCall(record.name) && this.#interpreter.isThreaded(record.tid);
  }

  #isReady(record: StraceRecord): boolean {
    if (record.kind !== "call") return true;
    if (this.#mayOverlap(record) && this.#queue.length - this.#head < OVERLAP_REACH) return false;
    const hints = this.#hints.get(record);
    if (hints) return hints.complete;
    return this.#interpreter.knows(record.formerTid ?? record.tid) || this.#forks.has(record.tid);
  }

  #forget(call: StraceCall): void {
    this.#hints.delete(call);
    if (isFork(call.name) && call.result.kind === "value" && call.result.value) {
      if (this.#forks.get(call.result.value) === call) this.#forks.delete(call.result.value);
    }
  }
}

export interface ImportOptions {
  readonly system: SystemFiles;
  readonly sink: ImportSink;
  /** The pid of lines that name none, as in the files of -ff. */
  readonly defaultTid?: number;
  /**
   * The directory in which the traced command probably started. Believed once a program that the trace
   * names by a relative path is found there.
   */
  readonly cwd?: string;
  /** The release of the kernel that the recording was made on; otherwise the reference kernel's. */
  readonly release?: ReleaseName;
}
