import type { Recorded } from "../../record-importer.ts";
import type { ShownSwitch, Touch } from "../../sightings.ts";
import type { ClockFit } from "../../sink.ts";
import type { StraceCall, StraceRecord } from "../../strace/text/index.ts";
import { isFork } from "../../strace/translate/system.ts";
import type { Tally } from "../../tally.ts";
import { Clock } from "./clock.ts";
import { FirstMatch, isTelling } from "./first-match.ts";
import { SLOP, Thread, type Told, type Traced, type TracedCall, type Witnessed } from "./thread.ts";

/** perf must be this far ahead before a call counts as one that it did not see; seconds. */
const SLACK = 0.05;
/** Records of either side that may wait for the clocks to be found. */
const LOOK_AHEAD = 50_000;
/** Faults that may wait for the trace to show their task. */
const MAX_TOLD = 4096;

/**
 * Puts page faults among the calls of a trace of the same run.
 *
 * The order of the trace stays as it is. A call that both recordings show stands for the same moment in both:
 * faults that perf shows before its return come before it. Between such calls faults are placed by time: what
 * the program itself touched after a call was noted happened behind it, since a program that is in a call
 * touches nothing; what the kernel touched for it happened inside the call that was noted last.
 */
export class Interleaver {
  readonly #first = new FirstMatch();
  #clock: Clock | undefined;
  #refusal: string | undefined;
  #early: { readonly calls: StraceRecord[]; readonly faults: Recorded[] } = { calls: [], faults: [] };
  readonly #threads = new Map<number, Thread>();
  /** What the trace has said and has not been given out. */
  #queue: Traced<StraceRecord>[] = [];
  #head = 0;
  /** Calls seen by perf for which the trace has not been read far enough. */
  #unmatched: Witnessed[] = [];
  /** How far each side has been read, each by its own clock. */
  #traced = Number.NEGATIVE_INFINITY;
  #seen = Number.NEGATIVE_INFINITY;
  #ended = { calls: false, faults: false };
  #soleTid: number | undefined;
  /** Context switches that have not been given out, in their order. */
  readonly #switches: ShownSwitch[] = [];
  /** Ends that perf has seen, by its clock. */
  readonly #gone: { readonly tid: number; readonly time: number }[] = [];

  constructor(private readonly tally: Tally) {}

  /** Why the two recordings cannot be put together. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  get fit(): ClockFit | undefined {
    return this.#clock?.fit;
  }

  /** Whether the recording of the faults is the one to read on in. */
  get wantsFaults(): boolean {
    if (this.#ended.faults) return false;
    if (this.#ended.calls) return true;
    if (!this.#clock) return this.#early.faults.length < this.#early.calls.length;
    return this.#queue.length - this.#head > 1 && this.#waitsForFaults();
  }

  calls(records: Iterable<StraceRecord>): void {
    for (const record of records) {
      if (this.#clock) this.#call(record);
      else this.#earlyCall(record);
    }
    if (!this.#clock) this.#tryClock();
  }

  faults(records: Iterable<Recorded>): void {
    for (const record of records) {
      if (this.#clock) this.#fault(record);
      else this.#earlyFault(record);
    }
    if (!this.#clock) this.#tryClock();
  }

  endCalls(): void {
    this.#ended.calls = true;
    if (!this.#clock) this.#tryClock();
  }

  endFaults(): void {
    this.#ended.faults = true;
    if (!this.#clock) this.#tryClock();
  }

  /** What is in its place by now. */
  *take(): Generator<Recorded> {
    if (!this.#clock || this.#refusal !== undefined) return;
    this.#match();
    this.#bury();
    for (let next = this.#queue[this.#head]; next && this.#isReady(next); next = this.#queue[this.#head]) {
      this.#head += 1;
      yield* this.#before(next);
      yield withImage(next);
    }
    if (this.#head === this.#queue.length || this.#head > LOOK_AHEAD) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (this.#ended.calls && this.#ended.faults) yield* this.#rest();
  }

  #earlyCall(record: StraceRecord): void {
    this.#early.calls.push(record);
    if (record.kind !== "call") return;
    if (record.time === undefined)
      this.#refusal ??= "the trace has no times, so that faults cannot be put among its calls";
    this.#first.call(record);
  }

  #earlyFault(record: Recorded): void {
    this.#early.faults.push(record);
    const call = asCall(record);
    if (call) this.#first.faultCall(call);
    else if (record.kind === "touch") {
      this.#first.fault(record.time);
      if (record.time === undefined)
        this.#refusal ??= "the faults have no times: write them anew with perf script -F +time";
    }
  }

  /** Once enough of both is known, the clocks are set, and what has waited for that goes its way. */
  #tryClock(): void {
    const { calls, faults } = this.#early;
    const full = calls.length >= LOOK_AHEAD || faults.length >= LOOK_AHEAD;
    const over = this.#ended.calls && this.#ended.faults;
    if (this.#refusal !== undefined || (!full && !over && !this.#first.isEnough)) return;
    if (this.#first.isCoarse) {
      this.#refusal = "the trace's times are whole seconds, in which too much happens";
      return;
    }
    const distances = this.#first.distances();
    if (distances.length === 0 && !this.#first.isSameClock && (full || faults.length > 0)) {
      this.#refusal = "no call stands in both recordings, and their clocks are different ones";
      return;
    }
    if (distances.length === 0)
      this.tally.note("no call stands in both recordings: their times are compared as they are");
    this.#clock = new Clock(distances);
    this.#soleTid = this.#first.soleTid();
    this.#early = { calls: [], faults: [] };
    for (const record of calls) this.#call(record);
    for (const record of faults) this.#fault(record);
  }

  #thread(tid: number): Thread {
    let thread = this.#threads.get(tid);
    if (!thread) {
      thread = new Thread();
      this.#threads.set(tid, thread);
    }
    return thread;
  }

  #call(record: StraceRecord): void {
    const time = "time" in record ? record.time : undefined;
    const made = time ?? this.#traced;
    const returned = record.kind === "call" ? returnOf(record, made) : made;
    this.#traced = Math.max(this.#traced, made, returned);
    const traced: Traced<StraceRecord> = { record, time: made, returned, partner: undefined };
    this.#queue.push(traced);
    if (!isTracedCall(traced)) return;
    const { record: call } = traced;
    const thread = this.#thread(call.formerTid ?? call.tid);
    thread.known = true;
    thread.calls.push(traced);
    if (isFork(call.name) && call.result.kind === "value" && call.result.value) {
      const child = this.#thread(call.result.value);
      child.known = true;
      child.begun = true;
    }
  }

  #fault(record: Recorded): void {
    const call = asCall(record);
    const time = call?.returned ?? ("time" in record ? record.time : undefined);
    if (time !== undefined) this.#seen = Math.max(this.#seen, time);
    if (record.kind === "exit" && time !== undefined) this.#gone.push({ tid: record.tid, time });
    if (call) this.#witness(call);
    else if (record.kind === "switch") this.#switches.push(record);
    else if (record.kind === "touch") this.#tell(this.#tidOf(record.tid), record);
  }

  #tidOf(tid: number): number {
    return tid === this.#soleTid ? 0 : tid;
  }

  #witness(call: StraceCall): void {
    const { time } = call;
    if (time === undefined) return;
    const witnessed: Witnessed = {
      kind: "witnessed",
      call,
      time,
      returned: call.returned ?? time,
      taken: false,
    };
    this.#unmatched.push(witnessed);
    this.#tell(this.#tidOf(call.formerTid ?? call.tid), witnessed);
  }

  #tell(tid: number, told: Told): void {
    const { told: all, known } = this.#thread(tid);
    all.push(told);
    if (!known && all.length > MAX_TOLD) this.#dismiss(all.splice(0, MAX_TOLD / 2));
  }

  /** What nobody will ask for. */
  #dismiss(told: readonly Told[]): void {
    for (const { kind } of told) if (kind === "touch") this.tally.note(STRANGERS);
  }

  /** Forgets tasks that have ended without the trace having shown them. */
  #bury(): void {
    for (let next = this.#gone[0]; next; next = this.#gone[0]) {
      if (!this.#ended.calls && next.time + this.#offset + SLACK > this.#traced) break;
      this.#gone.shift();
      const thread = this.#threads.get(next.tid);
      if (!thread || thread.known) continue;
      this.#dismiss(thread.told);
      this.#threads.delete(next.tid);
    }
  }

  /** Pairs the calls that perf has seen with the trace's, once the trace has been read that far. */
  #match(): void {
    const left: Witnessed[] = [];
    for (const witnessed of this.#unmatched) {
      const { call, time } = witnessed;
      if (!this.#ended.calls && time + this.#offset + SLACK > this.#traced) {
        left.push(witnessed);
        continue;
      }
      const traced = this.#threads
        .get(this.#tidOf(call.formerTid ?? call.tid))
        ?.find(witnessed, this.#offset);
      if (!traced) continue;
      traced.partner = witnessed;
      witnessed.taken = true;
      if (isTelling(call)) this.#clock?.add(traced.time - time);
    }
    this.#unmatched = left;
  }

  get #offset(): number {
    return this.#clock?.offset ?? 0;
  }

  #isReady(next: Traced<StraceRecord>): boolean {
    if (next.partner) return true;
    return (this.#ended.faults || !this.#waitsForFaults()) && this.#isMatchable(next);
  }

  /** Whether perf has not yet been read to behind the moment at which the next record had returned. */
  #waitsForFaults(): boolean {
    const [next, after] = [this.#queue[this.#head], this.#queue[this.#head + 1]];
    const bound = Math.max(next?.returned ?? 0, after?.returned ?? 0);
    return this.#seen + this.#offset <= bound + SLACK;
  }

  /** Whether all that perf has seen has been looked for in the trace, and may not belong to a call behind it. */
  #isMatchable({ returned }: Traced<StraceRecord>): boolean {
    return this.#ended.calls || this.#traced > Math.max(returned, this.#seen + this.#offset) + SLACK;
  }

  /** The faults and context switches that came before a record, in the order of time. */
  #before(next: Traced<StraceRecord>): readonly (Touch | ShownSwitch)[] {
    const own = isTracedCall(next) ? (next.record.formerTid ?? next.record.tid) : undefined;
    const touches: Touch[] = [];
    if (own !== undefined && isTracedCall(next)) touches.push(...this.#beforeOwn(this.#thread(own), next));
    const at = next.partner ? next.partner.returned + this.#offset : next.returned;
    for (const [tid, thread] of this.#threads) {
      if (tid === own || !thread.known || thread.told.length === 0) continue;
      touches.push(...this.#beforeOthers(tid, thread, at));
    }
    if (next.record.kind === "exit") touches.push(...this.#last(next.record.tid));
    return inTime([...touches, ...this.#switchesBefore(at)]);
  }

  /** By the trace's clock, and on no line of it. A trace without pids does not say which task it is about. */
  *#switchesBefore(at: number): Generator<ShownSwitch> {
    for (let head = this.#switches[0]; head; head = this.#switches[0]) {
      if ((head.time ?? 0) + this.#offset >= at) break;
      this.#switches.shift();
      const { line: _, time, ...shown } = head;
      if (this.#soleTid === undefined && time !== undefined)
        yield { ...shown, time: micros(time + this.#offset) };
    }
  }

  /** What a task that is gone by now still did. */
  *#last(tid: number): Generator<Touch> {
    const thread = this.#threads.get(tid);
    this.#threads.delete(tid);
    for (const told of thread?.told ?? [])
      if (told.kind === "touch" && thread?.begun) yield this.#touch(tid, told);
  }

  *#beforeOwn(thread: Thread, next: TracedCall): Generator<Touch> {
    const { told, calls } = thread;
    calls.splice(calls.indexOf(next), 1);
    // Of a program that strace started, what it did before its exec is none of the trace's.
    const begins = !thread.begun && next.record.name.startsWith("execve");
    thread.begun = true;
    for (let head = told[0]; head; head = told[0]) {
      const placed = next.partner === undefined ? this.#precedes(head, next, calls[0]) : true;
      if (!placed) break;
      told.shift();
      if (head === next.partner) break;
      if (head.kind === "touch" && !begins) yield this.#touch(next.record.tid, head);
    }
  }

  *#beforeOthers(tid: number, thread: Thread, at: number): Generator<Touch> {
    const { told, calls } = thread;
    for (let head = told[0]; head; head = told[0]) {
      const [next, after] = calls;
      if (head.time === undefined || head.time + this.#offset >= at) break;
      if (head.kind === "witnessed") {
        // The trace may still have the call, or has it further on.
        if (head.taken || head.returned + this.#offset + SLACK >= at) break;
      } else if (next && !next.partner && !this.#precedes(head, next, after)) break;
      told.shift();
      if (head.kind === "touch" && thread.begun) yield this.#touch(tid, head);
    }
  }

  /** Whether something perf saw comes before a call of the same thread that perf did not see. */
  #precedes(told: Told, next: TracedCall, after: TracedCall | undefined): boolean {
    if (told.time === undefined) return true;
    const at = told.time + this.#offset;
    if (told.kind === "witnessed") return at < next.time;
    if (!told.inKernel) return at < next.time;
    // A signal's frame is written by the kernel too, behind the call.
    if (next.returned > next.time && at > next.returned) return false;
    return after === undefined || at + SLOP < after.time;
  }

  /** What is left when both recordings are over. */
  #rest(): readonly (Touch | ShownSwitch)[] {
    const left: Touch[] = [];
    for (const [tid, { told, known }] of this.#threads) {
      for (const one of told) {
        if (one.kind !== "touch") continue;
        if (known) left.push(this.#touch(tid, one));
        else this.tally.note(STRANGERS);
      }
    }
    this.#threads.clear();
    return inTime([...left, ...this.#switchesBefore(Number.POSITIVE_INFINITY)]);
  }

  /** A fault as the log has it: by the trace's clock, and on no line of the trace. */
  #touch(tid: number, { line: _, time, ...touch }: Touch): Touch {
    return { ...touch, tid, ...(time === undefined ? {} : { time: micros(time + this.#offset) }) };
  }
}

/** strace prints microseconds, and seconds since 1970 leave no room for more. */
const micros = (seconds: number): number => Math.round(seconds * 1e6) / 1e6;

/** One thread's own order is that of time already. */
const inTime = <T extends { readonly time?: number }>(sightings: T[]): T[] =>
  sightings.sort((a, b) => (a.time ?? 0) - (b.time ?? 0));

const STRANGERS = "page faults of tasks that the trace does not show, such as strace's own";

/** An exec with where it put things, which only perf shows. */
function withImage({ record, partner }: Traced<StraceRecord>): StraceRecord {
  const image = partner?.call.image;
  return record.kind === "call" && image ? { ...record, args: record.args, image } : record;
}

const isTracedCall = (traced: Traced<StraceRecord>): traced is TracedCall => traced.record.kind === "call";

const returnOf = ({ returned, duration }: StraceCall, made: number): number =>
  returned ?? made + (duration ?? 0);

/** Calls and exec; a mapping that no call shows stands for the mmap that made it. */
function asCall(record: Recorded): StraceCall | undefined {
  if (record.kind === "call") return record;
  if (record.kind !== "mapping" || record.time === undefined) return undefined;
  const { tid, start, time } = record;
  const hex = `0x${start.toString(16)}`;
  const result = { kind: "value", text: hex, value: start, hex } as const;
  return { kind: "call", tid, name: "mmap", args: [], startLine: 0, line: 0, time, result };
}
