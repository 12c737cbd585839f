import type { StraceCall } from "../../strace/text/index.ts";
import { isFork } from "../../strace/translate/system.ts";

/** So many calls in both recordings leave no doubt. */
const ENOUGH = 8;
/** Clocks that count the same seconds differ by less than the run took. */
const SAME_CLOCK = 3600;
/** A clock that counts from 1970, rather than from the machine's start. */
const EPOCH = 1e9;

/** Forks and clones are one kind, as are the two mmaps: recordings name them differently. */
export function classOf(name: string): string {
  if (isFork(name)) return "fork";
  return name === "mmap2" ? "mmap" : name === "execveat" ? "execve" : name;
}

interface Seen {
  readonly time: number;
  readonly tid: number;
  count: number;
}

/** What one call was, where its result is one that no other call is likely to have; undefined for others. */
function signature({ name, result }: StraceCall): string | undefined {
  const kind = classOf(name);
  if (result.kind !== "value" || (kind !== "fork" && kind !== "mmap" && kind !== "brk")) return undefined;
  if (result.value === 0) return undefined;
  return `${kind} ${result.hex}`;
}

/**
 * Finds calls that both recordings show, before anything is known of how their clocks lie: by results that
 * are addresses or pids, and that each recording has only once.
 */
export class FirstMatch {
  readonly #calls = new Map<string, Seen>();
  readonly #faults = new Map<string, Seen>();
  #timed = 0;
  #whole = 0;
  #firstCall: number | undefined;
  #firstFault: number | undefined;

  /** A call of the trace. */
  call(call: StraceCall): void {
    this.#firstCall ??= call.time;
    this.#timed += 1;
    if (Number.isInteger(call.time)) this.#whole += 1;
    note(this.#calls, call);
  }

  /** A call of the recording that has the faults. */
  faultCall(call: StraceCall): void {
    this.fault(call.time);
    note(this.#faults, call);
  }

  fault(time: number | undefined): void {
    this.#firstFault ??= time;
  }

  /** Whether the trace's times are whole seconds (-t). */
  get isCoarse(): boolean {
    return this.#timed > 1 && this.#whole === this.#timed;
  }

  get isEnough(): boolean {
    return this.#pairs().length >= ENOUGH;
  }

  /** Strace's time less perf's, of each call found in both. */
  distances(): readonly number[] {
    return this.#pairs().map(([call, fault]) => call.time - fault.time);
  }

  /** The thread of the fault recording that a trace without pids is about. */
  soleTid(): number | undefined {
    const [pair] = this.#pairs();
    return pair?.[0].tid === 0 ? pair[1].tid : undefined;
  }

  /** Whether both clocks count from 1970, so that times compare as they are. */
  get isSameClock(): boolean {
    const [call, fault] = [this.#firstCall ?? 0, this.#firstFault ?? 0];
    return call > EPOCH && fault > EPOCH && Math.abs(call - fault) < SAME_CLOCK;
  }

  #pairs(): readonly (readonly [Seen, Seen])[] {
    const pairs: (readonly [Seen, Seen])[] = [];
    for (const [key, call] of this.#calls) {
      const fault = this.#faults.get(key);
      const sameTask = fault && (fault.tid === call.tid || call.tid === 0);
      if (sameTask && fault.count === 1 && call.count === 1) pairs.push([call, fault]);
    }
    return pairs;
  }
}

function note(seen: Map<string, Seen>, call: StraceCall): void {
  const key = signature(call);
  if (key === undefined || call.time === undefined) return;
  const known = seen.get(key);
  if (known) known.count += 1;
  else seen.set(key, { time: call.time, tid: call.tid, count: 1 });
}

/** Whether a call's result is likely to be no other call's, so that its time can be trusted. */
export const isTelling = (call: StraceCall): boolean => signature(call) !== undefined;
