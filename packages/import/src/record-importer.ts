import { profileOf, RECORDED_PAGES, REFERENCE_PROFILE, type ReleaseName } from "@pagetrail/core";
import { Session } from "./session.ts";
import type { Sighting } from "./sightings.ts";
import type { ImportSink, SystemFiles } from "./sink.ts";
import { ExecHints } from "./strace/exec/exec-hints.ts";
import { Interpreter } from "./strace/interpreter.ts";
import type { StraceCall, StraceRecord } from "./strace/text/index.ts";
import { isMemoryCall } from "./strace/translate/memory.ts";
import { isFork } from "./strace/translate/system.ts";
import type { Tally } from "./tally.ts";

/** One thing that a recording says, whatever tool wrote it. */
export type Recorded = StraceRecord | Sighting;

/** What every import is told. */
export interface RecordImportOptions {
  readonly system: SystemFiles;
  readonly sink: ImportSink;
  /**
   * The directory in which the traced command probably started. Believed once a program that the recording
   * names by a relative path is found there.
   */
  readonly cwd?: string;
  /** The release of the kernel that the recording was made on; otherwise the reference kernel's. */
  readonly release?: ReleaseName;
}

/** Records that may wait for what comes after them. */
const LOOK_AHEAD = 50_000;

/** A recording that shows faults shows one within so many records, and a switch of each CPU that has any. */
const FAULTS_SHOW_WITHIN = 20_000;

/** Records within which a call returns that was made before another thread's returned. */
const OVERLAP_REACH = 256;

/**
 * Records in, events out, in bounded memory.
 *
 * An exec waits until the calls after it show where the kernel put things, and what a task does first for the
 * return of the fork that made it, as far as `LOOK_AHEAD` records reach.
 */
export class RecordImporter {
  #interpreter: Interpreter | undefined;
  #queue: Recorded[] = [];
  #head = 0;
  readonly #forks = new Map<number, StraceCall>();
  readonly #hints = new Map<StraceCall, ExecHints>();
  readonly #learning = new Map<number, ExecHints>();

  /**
   * @param source what the log's header says that it was made from
   * @param faults the recording may show every fault, so that pages can be modelled
   */
  constructor(
    private readonly options: RecordImportOptions,
    private readonly tally: Tally,
    private readonly source: Readonly<Record<string, unknown>>,
    private readonly faults: boolean,
  ) {}

  /** Why the recording as a whole cannot be modelled; undefined while it can. Nothing is imported after that. */
  get refusal(): string | undefined {
    return this.#interpreter?.refusal;
  }

  /** Takes the next records, and imports what need not wait any longer. */
  push(records: Iterable<Recorded>): void {
    for (const record of records) this.#enqueue(record);
    this.#drain(false);
  }

  end(): void {
    this.#drain(true);
  }

  #enqueue(record: Recorded): void {
    this.#queue.push(record);
    if (record.kind === "exit") this.#learning.get(record.tid)?.close();
    if (record.kind === "note" && record.tid !== undefined) this.#learning.get(record.tid)?.mode(record.note);
    if (record.kind === "touch") this.#learning.get(record.tid)?.point(record.addr, record.ofExec);
    if (record.kind !== "call") return;
    const { tid, name, result } = record;
    if (isFork(name) && result.kind === "value" && result.value) this.#forks.set(result.value, record);
    const execs = (name === "execve" || name === "execveat") && result.kind === "value";
    if (execs) {
      this.#learning.get(tid)?.close();
      const hints = new ExecHints(record.image);
      this.#hints.set(record, hints);
      this.#learning.set(tid, hints);
    } else this.#learning.get(tid)?.feed(record);
  }

  /**
   * The log begins, once the first records tell whether the recording shows every fault; undefined while that
   * may still come.
   */
  #begun(all: boolean): Interpreter | undefined {
    if (this.#interpreter) return this.#interpreter;
    if (this.faults && !all && this.#queue.length < FAULTS_SHOW_WITHIN) return undefined;
    const shown = this.faults && this.#queue.some((r) => r.kind === "touch" && r.complete);
    const { system, sink, cwd = "", release } = this.options;
    const machine = release === undefined ? REFERENCE_PROFILE : profileOf(release);
    const profile = {
      ...machine,
      ...(shown ? { pages: RECORDED_PAGES } : {}),
      scheduling: { ...machine.scheduling, cpus: this.#cpus() },
    };
    sink.start(profile, this.source);
    const session = new Session(profile, sink, this.tally);
    this.#interpreter = new Interpreter({ system, cwd }, session, this.tally, {
      forkOf: (tid) => this.#forks.get(tid),
      hintsOf: (call) => this.#hints.get(call) ?? new ExecHints(),
    });
    return this.#interpreter;
  }

  /**
   * How many CPUs the recording tells of, 0 where it does not tell all that they do: one of a single program does not
   * show what else ran, so that few of its switches begin with the task that the one before ended with.
   */
  #cpus(): number {
    const runs = new Map<number, number>();
    let [fitting, others] = [0, 0];
    for (const record of this.#queue) {
      if (record.kind !== "switch") continue;
      const { cpu, prev, next } = record;
      if (runs.get(cpu) === prev.pid) fitting += 1;
      else if (runs.has(cpu)) others += 1;
      runs.set(cpu, next.pid);
    }
    if (runs.size === 0) return 0;
    if (fitting > 3 * others) return Math.max(...runs.keys()) + 1;
    this.tally.note("context switches of the recorded program alone: record all CPUs with perf record -a");
    return 0;
  }

  #drain(all: boolean): void {
    const interpreter = this.#begun(all);
    if (!interpreter) return;
    while (this.#head < this.#queue.length) {
      const record = this.#queue[this.#head];
      if (!record || this.refusal !== undefined) break;
      const waiting = this.#queue.length - this.#head;
      if (!all && waiting < LOOK_AHEAD && !this.#isReady(record)) break;
      this.#head += 1;
      const first = this.#firstInKernel(interpreter, record);
      interpreter.record(first);
      if (first.kind === "call") this.#forget(first);
    }
    if (this.#head === this.#queue.length || this.#head > LOOK_AHEAD) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The record itself, or a call of another thread that the kernel took before it: that one is put in front. */
  #firstInKernel(interpreter: Interpreter, record: Recorded): Recorded {
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
    const first = calls[interpreter.firstInKernel(calls)] ?? record;
    if (first !== record) {
      this.#queue.splice(this.#queue.indexOf(first, this.#head), 1);
      this.#head -= 1;
    }
    return first;
  }

  #mayOverlap(record: Recorded): record is StraceCall {
    return (
      record.kind === "call" &&
      isMemoryCall(record.name) &&
      this.#interpreter?.isThreaded(record.tid) === true
    );
  }

  #isReady(record: Recorded): boolean {
    if (record.kind === "touch") return this.#isBorn(record.tid);
    if (record.kind !== "call") return true;
    if (this.#mayOverlap(record) && this.#queue.length - this.#head < OVERLAP_REACH) return false;
    const hints = this.#hints.get(record);
    return hints ? hints.complete : this.#isBorn(record.formerTid ?? record.tid);
  }

  #isBorn(tid: number): boolean {
    return this.#interpreter?.knows(tid) || this.#forks.has(tid);
  }

  #forget(call: StraceCall): void {
    this.#hints.delete(call);
    if (isFork(call.name) && call.result.kind === "value" && call.result.value) {
      if (this.#forks.get(call.result.value) === call) this.#forks.delete(call.result.value);
    }
  }
}
