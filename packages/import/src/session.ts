import {
  type AccessKind,
  advanceState,
  type Event,
  execute,
  initialState,
  isLive,
  type KernelState,
  type MmId,
  type MmPages,
  NO_MM,
  type Outcome,
  type Pid,
  type Profile,
  pageOf,
  type Request,
  sameOutcome,
  Transaction,
  wouldFault,
} from "@pagetrail/core";
import { Rivals } from "./rivals.ts";
import type { ImportSink } from "./sink.ts";
import type { Tally } from "./tally.ts";

/** Where in the recording an event comes from; nothing for what is only known. */
export interface Origin {
  readonly line?: number;
  readonly time?: number;
  /** The call's name in the trace, where the request has another. */
  readonly as?: string;
  readonly assumed?: readonly string[];
  /** User frames as a log keeps them: `stackText`. */
  readonly stack?: readonly string[];
}

/** A recorded fault. */
interface Fault {
  readonly addr: number;
  readonly access: AccessKind;
  /** It happened inside an exec. */
  readonly ofExec?: boolean | undefined;
}

/** Bytes [start, end). */
interface Bytes {
  readonly start: number;
  readonly end: number;
}

/** Whether a request is about this very memory. */
function names(request: Request, { start, end }: Bytes): boolean {
  if (!("addr" in request)) return false;
  const from = Number(request.addr);
  const length = "length" in request ? request.length : "oldLength" in request ? request.oldLength : 1;
  return from < end && from + Number(length) > start;
}

const NOTHING: Outcome = { ret: 0 };

/** The model behind an import: every event goes through it, and it knows the state that the next one meets. */
export class Session {
  #state: KernelState;
  /** Address spaces whose programs went on with other things since their last event. */
  readonly #ran = new Map<MmId, true | "loading">();
  /** Address spaces of which the recording shows each fault, so that nothing need be supposed. */
  readonly #witnessed = new Set<MmId>();
  /** By address space: what its last mmap returned, while the program may not have written to it yet. */
  readonly #fresh = new Map<MmId, Bytes>();
  readonly #rivals = new Rivals();

  constructor(
    profile: Profile,
    private readonly sink: ImportSink,
    private readonly tally: Tally,
  ) {
    this.#state = initialState(profile);
  }

  get state(): KernelState {
    return this.#state;
  }

  /** Lets the model predict, follows the recording, and hands the event on. */
  emit(tid: number, request: Request, outcome: Outcome = NOTHING, origin: Origin = {}): void {
    const { as, ...rest } = origin;
    const mm = this.#mmOf(tid);
    const supposed = this.#supposed(mm, request);
    const event: Event = {
      seq: this.#state.seq + 1,
      tid: tid as Pid,
      request,
      outcome,
      ...supposed,
      ...rest,
      ...(as === undefined || as === request.call ? {} : { as }),
    };
    const told = this.#advance(event);
    const { state } = this;
    this.#noteFresh(mm, request, outcome);
    if (request.call === "clone" && this.#witnessed.has(mm)) this.#witnessed.add(this.#mmOf(request.child));
    if (!state.mms.has(mm)) this.#forget(mm);
    this.tally.event(told);
    this.sink.event(told, state);
  }

  /** How an access ends no recording tells: there the model's own answer stands. */
  #advance(event: Event): Event {
    const { state, predicted } = advanceState(this.#state, event);
    const same = sameOutcome(predicted, event.outcome);
    if (!same && event.request.call === "access") return this.#advance({ ...event, outcome: predicted });
    this.#state = state;
    return same ? event : { ...event, divergence: predicted };
  }

  /**
   * A fault that the recording shows. Where the model has pages, it says before whether this access would fault,
   * and behind it how many faults it took. What an exec touched it has had as a part of that.
   */
  touch(tid: number, { addr, access, ofExec = false }: Fault, origin: Origin): void {
    const request: Request = { call: "access", addr, kind: access };
    const pages = this.pagesOf(tid);
    if (!pages) {
      this.emit(tid, request, NOTHING, origin);
      return;
    }
    const faults = wouldFault(pages, pageOf(addr), access);
    const { line } = origin;
    const late = this.#rivals.another(this.#mmOf(tid), tid, pageOf(addr));
    if (faults !== ofExec) this.tally.fault("predicted");
    else if (late && !ofExec) this.tally.fault("late");
    else this.tally.fault({ tid, addr, access, ...(line && { line }) });
    if (ofExec && !faults) {
      this.tally.withoutEvent();
      return;
    }
    const before = this.faultsOf(tid);
    this.emit(tid, request, NOTHING, origin);
    this.tally.unrecorded(Math.max(0, this.faultsOf(tid) - before - 1));
  }

  /** The pages of a task's address space; undefined where they are not modelled. */
  pagesOf(tid: number): MmPages | undefined {
    return this.#state.mms.get(this.#mmOf(tid))?.pages;
  }

  /** Whether the log models pages at all. */
  get hasPages(): boolean {
    return this.#state.memory !== undefined;
  }

  /** Faults of a task so far. */
  faultsOf(tid: number): number {
    const task = this.#state.tasks.get(tid as Pid);
    return (task?.minFlt ?? 0) + (task?.majFlt ?? 0);
  }

  #forget(mm: MmId): void {
    this.#ran.delete(mm);
    this.#fresh.delete(mm);
    this.#witnessed.delete(mm);
    this.#rivals.forget(mm);
  }

  /** Whether the recording shows each fault of the task's address space from here on. */
  witness(tid: number, complete: boolean): void {
    const mm = this.#mmOf(tid);
    if (complete) this.#witnessed.add(mm);
    else this.#witnessed.delete(mm);
  }

  /** What is taken for written to by now, for want of faults. */
  #supposed(mm: MmId, request: Request): Pick<Event, "ran" | "wrote"> {
    const wrote = this.#wroteTo(mm, request);
    const ran = this.#ran.get(mm);
    this.#ran.delete(mm);
    if (this.#witnessed.has(mm)) return {};
    return ran !== undefined ? { ran } : wrote === undefined ? {} : { wrote };
  }

  /** What the model would answer, with nothing done. */
  predict(tid: number, request: Request, outcome: Outcome): Outcome {
    return execute(new Transaction(this.#state), { tid: tid as Pid, request, outcome });
  }

  /** The program goes on with what the model does not follow, or with no more than opening and reading files. */
  goesOn(tid: number, how: true | "loading"): void {
    const mm = this.#mmOf(tid);
    if (this.#ran.get(mm) !== true) this.#ran.set(mm, how);
  }

  /**
   * What mmap gave is written to before the program turns to other memory, even if it makes no other call
   * in between; calls about the very memory may come before that.
   */
  #wroteTo(mm: MmId, request: Request): number | undefined {
    const fresh = this.#fresh.get(mm);
    if (fresh === undefined || names(request, fresh)) return undefined;
    this.#fresh.delete(mm);
    return fresh.start;
  }

  #noteFresh(mm: MmId, request: Request, outcome: Outcome): void {
    if (request.call !== "mmap" || !("ret" in outcome)) return;
    const start = Number(outcome.ret);
    this.#fresh.set(mm, { start, end: start + Number(request.length) });
  }

  #mmOf(tid: number): MmId {
    return this.#state.tasks.get(tid as Pid)?.mm ?? NO_MM;
  }

  /** Whether the model has this task alive. */
  isLive(tid: number): boolean {
    const task = this.#state.tasks.get(tid as Pid);
    return task !== undefined && isLive(task);
  }
}
