import {
  mmOf,
  type Outcome,
  PERSONALITY,
  type Pid,
  pageOf,
  pagesOf,
  type Request,
  sameOutcome,
  type Task,
  VM,
  vpn,
} from "@pagetrail/core";
import type { Session } from "../session.ts";
import { stackPointer } from "./exec/exec-hints.ts";
import type { StraceCall } from "./text/index.ts";
import { limitShown } from "./translate/system.ts";

/** An outcome from which something was learnt is no prediction. */
const LEARNT: readonly string[] = ["outcome"];
const NOTHING: readonly string[] = [];

/**
 * What a trace shows of things that were there before it: limits, personalities, and all of a process that
 * it did not see begin. Each is told to the model as an event of its own, marked as assumed.
 */
export class Learning {
  /** Processes from before the trace: their mappings show only when something names them. */
  readonly #attached = new Set<number>();

  constructor(private readonly session: Session) {}

  /** The process was there before the trace. */
  attach(tid: number): void {
    this.#attached.add(tid);
  }

  /** Whether it was: then not even its kind is known, whose entry its calls would be told from. */
  isAttached(tid: number): boolean {
    return this.#attached.has(tid);
  }

  inherit(parent: number, child: number): void {
    if (this.#attached.has(parent)) this.#attached.add(child);
  }

  /** The task execs or ends: what was there before is no more. */
  forget(tid: number): void {
    this.#attached.delete(tid);
  }

  /**
   * Before a call whose outcome the model would not give for want of knowledge.
   *
   * @returns what is to be marked as assumed of it
   */
  before(call: StraceCall, request: Request, outcome: Outcome): readonly string[] {
    if (!("ret" in outcome)) return NOTHING;
    if (request.call === "personality") return this.#personality(call.tid, Number(outcome.ret));
    if (!this.#attached.has(call.tid)) return NOTHING;
    if (request.call === "mmap" || request.call === "brk") return this.#layout(call.tid, request, outcome);
    if (request.call === "shmat") return LEARNT;
    this.#mapping(call.tid, request);
    return NOTHING;
  }

  /** From a call that the model has no rule for. */
  from(call: StraceCall): void {
    this.#limit(call);
    for (const text of call.args) {
      const pointer = stackPointer(text);
      if (pointer !== undefined) this.#stack(call.tid, pointer);
    }
  }

  /** The first program of a trace inherits a personality that only its layout shows. */
  fromLayout(tid: number, randomized: boolean): void {
    const task = this.#task(tid);
    if (randomized || task?.comm !== "" || task.personality !== 0) return;
    const persona = PERSONALITY.ADDR_NO_RANDOMIZE;
    this.session.emit(tid, { call: "personality", persona }, { ret: 0 }, { assumed: ["persona"] });
  }

  #task(tid: number): Task | undefined {
    return this.session.state.tasks.get(tid as Pid);
  }

  #personality(tid: number, persona: number): readonly string[] {
    const task = this.#task(tid);
    if (!task || persona === task.personality) return NOTHING;
    const before = { ret: task.personality };
    this.session.emit(tid, { call: "personality", persona }, before, { assumed: ["persona"] });
    return LEARNT;
  }

  /** A limit that was there before the trace shows when a call asks for it. */
  #limit(call: StraceCall): void {
    const shown = limitShown(call);
    const task = this.#task(call.tid);
    if (shown?.target !== 0 || !task) return;
    const { resource, soft, hard } = shown;
    const known = this.session.state.groups.get(task.tgid)?.limits[resource];
    if (known?.soft === soft && known.hard === hard) return;
    const request: Request = { call: "setrlimit", target: 0, resource, soft, hard };
    this.session.emit(call.tid, request, { ret: 0 }, { assumed: ["limit"] });
  }

  /** A pointer just below the stack into which the kernel was asked to look: the stack has grown to there. */
  #stack(tid: number, pointer: number): void {
    const page = pageOf(pointer);
    const above = mmOf(this.session.state, tid as Pid)?.vmas.findFrom(page);
    if (!above || above.start <= page || (above.flags & VM.GROWSDOWN) === 0) return;
    this.session.emit(tid, { call: "access", addr: pointer }, { ret: 0 }, { assumed: ["access"] });
  }

  /** The places that the kernel chose show how the address space is laid out. */
  #layout(tid: number, request: Request & { call: "mmap" | "brk" }, outcome: { ret: number | bigint }) {
    if (sameOutcome(this.session.predict(tid, request, outcome), outcome)) return NOTHING;
    const at = Number(outcome.ret);
    const layout: Request =
      request.call === "brk"
        ? { call: "layout", mmapBase: vpn(0), brk: at }
        : { call: "layout", mmapBase: vpn(pageOf(at) + pagesOf(Number(request.length))), brk: 0 };
    this.session.emit(tid, layout, { ret: 0 }, { assumed: ["layout"] });
    return LEARNT;
  }

  /** What a successful call names must have been mapped. */
  #mapping(tid: number, request: Request): void {
    if (!("addr" in request)) return;
    const bytes = "length" in request ? request.length : "oldLength" in request ? request.oldLength : 0;
    const start = pageOf(Number(request.addr));
    const end = vpn(start + pagesOf(Number(bytes)));
    if (end <= start || this.#covers(tid, start, end)) return;
    const found: Request = { call: "reveal", start, end, prot: 3, flags: 0, pgoff: 0, file: 0 };
    this.session.emit(tid, found, { ret: 0 }, { assumed: ["mapping"] });
  }

  #covers(tid: number, start: number, end: number): boolean {
    let at = start;
    for (const v of mmOf(this.session.state, tid as Pid)?.vmas.collect(start, end) ?? []) {
      if (v.start > at) return false;
      at = v.end;
    }
    return at >= end;
  }
}
