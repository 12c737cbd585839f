import { BrokenInvariant, type MmId, PAGE_SIZE, type Pid } from "../base/index.ts";
import {
  advanceState,
  type Event,
  execute,
  isScheduled,
  type KernelState,
  mmOf,
  type Outcome,
  type Request,
  sameOutcome,
  Transaction,
} from "../kernel/index.ts";
import { MAP, MREMAP, VM_ACCESS_FLAGS, type Vma } from "../mm/index.ts";
import { CLONE, isLive } from "../process/index.ts";
import { type Sequence, shrinkSequence, simplerRequests } from "./delta-debug.ts";
import { holds } from "./evaluate.ts";
import { countedProcesses, type Expression, isMomentary } from "./expression.ts";
import type { Moment } from "./moment.ts";

/** Events that lead to what an expression says, the last of them being where it holds. */
export interface Shrunk extends Sequence<Event> {
  /** The same events with their outcomes, numbered anew. */
  readonly events: readonly Event[];
  /** The state behind the last. */
  readonly state: KernelState;
}

/**
 * Finds the fewest events of a log, and the smallest operands in them, for which an expression still holds
 * somewhere. Each is executed anew, so that outcomes are the model's, but for those that a recording had otherwise.
 * What cannot happen any more (its task was never made, its file never named) is left out along with what it needs.
 *
 * Undefined when the expression holds nowhere, or holds before the first event. Yields the smallest so far, often.
 *
 * @param more further ways to make an event simpler, each tried by itself
 */
export function* shrinkLog(
  origin: KernelState,
  events: readonly Event[],
  expression: Expression,
  more: (event: Event) => readonly Event[] = () => [],
): Generator<Shrunk | undefined, Shrunk | undefined> {
  const first = yield* reachedSlowly(origin, events, expression);
  if (!first || first.operations.length === 0) return undefined;
  yield first;
  const pinned = reached(origin, first.events.map(pin), expression) ?? first;
  const how = {
    *judge(sequences: readonly (readonly Event[])[]) {
      for (const sequence of sequences) yield yield* reachedSlowly(origin, sequence, expression);
    },
    simpler: (event: Event) => [...more(event), ...inFirstTask(event, pinned), ...simplerEvents(event)],
  };
  const shrunk = yield* shrinkSequence<Event, Shrunk>(how, pinned);
  // Who has no such program can still do without it, if what it brought along is mapped otherwise.
  for (const source of [shrunk.events, events]) {
    if (!shrunk.events.some(({ request }) => request.call === "execve")) break;
    const mappings = yield* withoutPrograms(origin, source);
    const mapped = yield* reachedSlowly(origin, mappings.map(pin), expression);
    if (mapped) return yield* shrinkSequence<Event, Shrunk>(how, mapped);
  }
  return shrunk;
}

/** The same call by the log's first task: threads are mostly not needed. */
function inFirstTask(event: Event, { events }: Shrunk): readonly Event[] {
  const tid = events[0]?.tid;
  return tid === undefined || tid === event.tid || event.request.call === "adopt" ? [] : [{ ...event, tid }];
}

/** Mappings in the place of each program that is executed: what it is mapped from is no longer needed. */
function* withoutPrograms(
  origin: KernelState,
  events: readonly Event[],
): Generator<undefined, readonly Event[]> {
  const mapped: Event[] = [];
  let state = origin;
  for (const event of events) {
    const isEmpty = mmOf(state, event.tid)?.vmas.size === 0;
    state = advanceState(state, event).state;
    if (state.seq % BREATH === 0) yield undefined;
    const mm = mmOf(state, event.tid);
    if (event.request.call !== "execve" || !("ret" in event.outcome) || !isEmpty || !mm) mapped.push(event);
    else for (const vma of mm.vmas.items()) mapped.push({ ...event, as: "mmap", request: mappingOf(vma) });
  }
  return mapped;
}

/** Each mapping shared, so that none becomes one with its neighbour. */
function mappingOf({ start, pages, flags }: Vma): Request {
  return {
    call: "mmap",
    addr: start * PAGE_SIZE,
    length: pages * PAGE_SIZE,
    prot: flags & VM_ACCESS_FLAGS,
    flags: MAP.SHARED | MAP.FIXED | MAP.ANONYMOUS,
    offset: 0,
    file: 0,
  };
}

/** Executes events up to the first at which the expression holds; undefined when it holds nowhere. */
export function reached(
  origin: KernelState,
  events: readonly Event[],
  expression: Expression,
): Shrunk | undefined {
  const running = reachedSlowly(origin, events, expression);
  for (;;) {
    const step = running.next();
    if (step.done) return step.value;
  }
}

const BREATH = 1024;

/** The same, which gives others a turn now and then. */
function* reachedSlowly(
  origin: KernelState,
  events: readonly Event[],
  expression: Expression,
): Generator<undefined, Shrunk | undefined> {
  const run = new Run(origin, expression);
  if (run.isThere) return run.shrunk;
  for (let i = 0; i < events.length; i++) {
    if (i % BREATH === BREATH - 1) yield undefined;
    const event = events[i];
    if (event && run.take(event)) return run.shrunk;
  }
  return undefined;
}

/** Executes events one after the other. */
class Run {
  readonly #expression: Expression;
  readonly #momentary: boolean;
  readonly #counted: readonly Pid[];
  readonly #spaces = new Map<Pid, MmId>();
  readonly #asked: Event[] = [];
  readonly #events: Event[] = [];
  #state: KernelState;
  #started: number | undefined;

  constructor(origin: KernelState, expression: Expression) {
    this.#state = origin;
    this.#expression = expression;
    this.#momentary = isMomentary(expression);
    this.#counted = countedProcesses(expression);
  }

  /** Whether the expression holds without an event. */
  get isThere(): boolean {
    return !this.#momentary && holds(this.#expression, this.#moment(undefined, this.#state));
  }

  get shrunk(): Shrunk {
    return { operations: this.#asked, events: this.#events, state: this.#state };
  }

  /** Executes an event if it can happen, and says whether the expression holds now. */
  take(asked: Event): boolean {
    const before = this.#state;
    const done = canHappen(before, asked) ? executeAnew(before, asked) : undefined;
    if (!done) return false;
    this.#state = done.state;
    this.#asked.push(asked);
    this.#events.push(done.event);
    this.#started ??= done.event.time;
    for (const pid of this.#counted) {
      const mm = done.state.tasks.get(pid)?.mm;
      if (mm !== undefined && mm !== 0) this.#spaces.set(pid, mm);
    }
    return holds(this.#expression, this.#moment(done.event, before));
  }

  #moment(event: Event | undefined, before: KernelState): Moment {
    return {
      event,
      before,
      after: this.#state,
      started: this.#started,
      lastSpace: (pid) => this.#spaces.get(pid),
    };
  }
}

/** What comes into a log by itself, rather than from one of its tasks. */
const OF_NOBODY: ReadonlySet<Request["call"]> = new Set([
  "adopt",
  "file",
  "cached",
  "vmalloc",
  "vfree",
  "kmap",
  "kunmap",
]);

function canHappen(state: KernelState, { tid, request }: Event): boolean {
  if (OF_NOBODY.has(request.call) || isScheduled(request)) return true;
  const task = state.tasks.get(tid);
  return task !== undefined && isLive(task);
}

/** Undefined for an event that cannot happen in this state. */
function executeAnew(
  state: KernelState,
  asked: Event,
): { readonly state: KernelState; readonly event: Event } | undefined {
  const { divergence, ...rest } = asked;
  const event = { ...rest, seq: state.seq + 1 };
  try {
    if (divergence) {
      const advanced = advanceState(state, event);
      const differs = !sameOutcome(advanced.predicted, event.outcome);
      return { state: advanced.state, event: differs ? { ...event, divergence: advanced.predicted } : event };
    }
    const tx = new Transaction(state);
    const outcome = withoutReason(execute(tx, event));
    return { state: tx.commit(event.seq), event: { ...event, outcome } };
  } catch (error) {
    if (error instanceof BrokenInvariant) return undefined;
    throw error;
  }
}

const withoutReason = (outcome: Outcome): Outcome =>
  "errno" in outcome ? { errno: outcome.errno } : outcome;

/** Asks for the place that the kernel gave, so that it stays the same when other mappings are left out. */
function pin(event: Event): Event {
  const { request: r, outcome } = event;
  if (!("ret" in outcome) || event.divergence) return event;
  const { ret } = outcome;
  if (r.call === "mmap" && (r.flags & MAP.FIXED) === 0) return { ...event, request: { ...r, addr: ret } };
  if (r.call === "shmat") return { ...event, request: { ...r, addr: ret } };
  if (r.call === "mremap" && ret !== r.addr && (r.flags & MREMAP.MAYMOVE) !== 0)
    return { ...event, request: { ...r, flags: r.flags | MREMAP.FIXED, newAddr: ret } };
  return event;
}

const SIGCHLD = 17;

/** How fork, vfork and a thread are asked for, by what their flags share. */
const CLONES = {
  fork: SIGCHLD,
  vfork: CLONE.VM | CLONE.VFORK | SIGCHLD,
  clone: CLONE.VM | CLONE.FS | CLONE.FILES | CLONE.SIGHAND | CLONE.THREAD,
} as const;

/** An event that asks for less, or for the same in a plainer way. */
function simplerEvents(event: Event): readonly Event[] {
  const { request: r, ran, wrote, assumed, ...rest } = event;
  const plain =
    ran === undefined && wrote === undefined && assumed === undefined ? [] : [{ ...rest, request: r }];
  if (r.call === "clone") return [...plain, ...plainClone(event, r)];
  if (r.call === "execve" || r.call === "adopt" || r.call === "file") return plain;
  return [...plain, ...plainRequests(r), ...simplerRequests(r)].map((one) =>
    "request" in one ? one : { ...event, request: one },
  );
}

function plainClone(event: Event, r: Request & { readonly call: "clone" }): readonly Event[] {
  const how = (r.flags & CLONE.THREAD) !== 0 ? "clone" : (r.flags & CLONE.VFORK) !== 0 ? "vfork" : "fork";
  if (r.flags === CLONES[how]) return [];
  return [{ ...event, as: how, request: { ...r, flags: CLONES[how] } }];
}

function plainRequests(r: Request): readonly Request[] {
  if (r.call === "mmap" && r.file !== 0)
    return [{ ...r, file: 0, offset: 0, flags: r.flags | MAP.ANONYMOUS }];
  if (r.call === "pkey_mprotect") {
    const { addr, length, prot } = r;
    return [{ call: "mprotect", addr, length, prot }];
  }
  if (r.call === "switch" && r.unfinished) {
    const { unfinished: _, ...finished } = r;
    return [finished];
  }
  if (r.call !== "reveal") return [];
  const [addr, length] = [r.start * PAGE_SIZE, (r.end - r.start) * PAGE_SIZE];
  const flags = (r.flags & MAP.TYPE) | MAP.FIXED | MAP.ANONYMOUS;
  return [{ call: "mmap", addr, length, prot: r.prot, flags, offset: 0, file: 0 }];
}
