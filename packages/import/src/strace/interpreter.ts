import {
  CLONE,
  mmOf,
  type Outcome,
  PERSONALITY,
  type Pid,
  pageOf,
  pagesOf,
  type Request,
  sameOutcome,
  VM,
  vpn,
  wordHex,
} from "@pagetrail/core";
import { readExecCall } from "./exec/exec-call.ts";
import type { ExecHints } from "./exec/exec-hints.ts";
import { stackPointer } from "./exec/exec-hints.ts";
import { translateExec } from "./exec/exec-request.ts";
import { Programs } from "./exec/programs.ts";
import { joinPath } from "./files/index.ts";
import type { SystemFiles } from "./importer.ts";
import { nameRequest, OpenFiles } from "./open-files.ts";
import type { Origin, Session } from "./session.ts";
import type { Tally } from "./tally.ts";
import type { StraceCall, StraceExit, StraceRecord } from "./text/index.ts";
import { isMemoryCall, readMemoryCall } from "./translate/memory.ts";
import { outcomeOf } from "./translate/outcome.ts";
import {
  cloneFlags,
  GIVEN_CALLS,
  isFork,
  limitSet,
  limitShown,
  type ShownLimit,
  shmRequest,
} from "./translate/system.ts";

/** What lies ahead in the trace, as far as it has been read. */
export interface Ahead {
  /** The call that made this task, when it returns later than the task's own first call. */
  forkOf(tid: number): StraceCall | undefined;
  hintsOf(call: StraceCall): ExecHints;
}

/** Turns the records of a trace, in order, into events of the model. */
export class Interpreter {
  readonly #files: OpenFiles;
  readonly #programs: Programs;
  readonly #likelyCwd: string;
  #refusal: string | undefined;
  #loaded = 0;
  readonly #told = new Set<StraceCall>();
  /** Tasks of programs that the model cannot follow. */
  readonly #abandoned = new Set<number>();
  /** What each task runs: /proc/self/exe. */
  readonly #programOf = new Map<number, string>();
  /** Processes that were there before the trace: their mappings show only when something names them. */
  readonly #attached = new Set<number>();

  constructor(
    { system, cwd }: { readonly system: SystemFiles; readonly cwd: string },
    private readonly session: Session,
    private readonly tally: Tally,
    private readonly ahead: Ahead,
  ) {
    this.#files = new OpenFiles(system, session, tally);
    this.#likelyCwd = cwd;
    this.#programs = new Programs(system);
  }

  /** Whether the task needs no fork from ahead in the trace to make sense. */
  knows(tid: number): boolean {
    return this.session.isLive(tid) || this.#abandoned.has(tid);
  }

  /** Why nothing of this trace can be modelled; undefined while something can. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  record(record: StraceRecord): void {
    switch (record.kind) {
      case "call":
        this.#call(record);
        break;
      case "exit":
        this.#exit(record);
        break;
      case "unreadable":
        this.tally.unreadable(record);
        break;
      case "signal":
      case "superseded":
      case "note":
        break;
    }
  }

  #call(call: StraceCall): void {
    const tid = call.formerTid ?? call.tid;
    if (this.#told.delete(call)) return;
    if (this.#abandoned.has(tid)) {
      this.#follow32(call);
      return;
    }
    this.#ensureTask(tid, call);
    if (isFork(call.name)) this.#fork(call);
    else if (call.name === "execve" || call.name === "execveat") this.#exec(call);
    else if (call.name === "exit" || call.name === "exit_group") this.#exitCall(call);
    else if (call.result.kind !== "none") this.#ordinary(call);
  }

  #origin(call: StraceCall, assumed: readonly string[] = []): Origin {
    return {
      line: call.line,
      as: call.name === "syscall_0x1ce" ? "mseal" : call.name,
      ...(call.time === undefined ? {} : { time: call.time }),
      ...(assumed.length > 0 ? { assumed } : {}),
    };
  }

  /** Makes sure that the model has the task: born of a fork that returns later, or there from before. */
  #ensureTask(tid: number, call: StraceCall): void {
    if (this.session.isLive(tid)) return;
    const fork = this.ahead.forkOf(tid);
    if (fork) {
      this.#ensureTask(fork.tid, fork);
      this.#told.add(fork);
      this.#fork(fork);
      if (this.session.isLive(tid)) return;
    }
    const starts = call.name === "execve" && call.result.kind === "value";
    if (!starts) {
      this.#attached.add(tid);
      this.tally.note(
        "a process that was there before the trace: its mappings show only when something names them",
      );
    }
    this.session.emit(tid, { call: "adopt", comm: "", tgid: tid as Pid });
    this.tally.process(tid);
  }

  #fork(call: StraceCall): void {
    const flags = cloneFlags(call);
    const outcome = outcomeOf(call.result);
    const child = "ret" in outcome ? Number(outcome.ret) : 0;
    if ("gone" in outcome) return;
    const has = (flag: number): boolean => Math.floor(flags / flag) % 2 === 1;
    if (child > 0) {
      this.#files.descriptors.fork(call.tid, child, has(CLONE.FILES));
      const program = this.#programOf.get(call.tid);
      if (program !== undefined) this.#programOf.set(child, program);
      if (!has(CLONE.THREAD)) this.tally.process(child);
      if (this.#attached.has(call.tid)) this.#attached.add(child);
    }
    this.session.goesOn(call.tid);
    const request: Request = { call: "clone", flags: (flags % 2 ** 32) | 0, child: child as Pid };
    this.session.emit(call.tid, request, outcome, this.#origin(call));
  }

  #exec(call: StraceCall): void {
    const tid = call.formerTid ?? call.tid;
    const outcome = outcomeOf(call.result);
    if (!("ret" in outcome)) {
      if ("errno" in outcome)
        this.session.emit(tid, { call: "execve", path: "" }, outcome, this.#origin(call));
      return;
    }
    const place = { cwd: this.#directoryOf(call, tid), self: this.#programOf.get(tid) };
    const translated = translateExec(
      this.session.state,
      call,
      place,
      this.#programs,
      this.ahead.hintsOf(call),
    );
    this.#execDescriptors(tid, call.tid);
    if (translated.kind === "foreign") {
      this.#abandon(call, translated.why);
      return;
    }
    this.#attached.delete(tid);
    this.#loaded += 1;
    if (translated.note !== undefined) this.tally.note(translated.note);
    const { path, load, assumed } = translated;
    this.#programOf.set(call.tid, load.program.file.path);
    this.#learnPersonality(tid, load.randomized);
    this.session.emit(tid, { call: "execve", path, load }, outcome, this.#origin(call, assumed));
  }

  /** The task's directory; for the first relative program the likely one, if the program is there. */
  #directoryOf(call: StraceCall, tid: number): string {
    const { descriptors } = this.#files;
    const known = descriptors.cwd(tid);
    const path = readExecCall(call)?.path ?? "";
    if (known !== "" || this.#likelyCwd === "" || path.startsWith("/")) return known;
    if (this.#programs.find(joinPath(this.#likelyCwd, path)).kind !== "missing")
      descriptors.startIn(this.#likelyCwd);
    return descriptors.cwd(tid);
  }

  #execDescriptors(tid: number, leader: number): void {
    const { descriptors } = this.#files;
    if (tid !== leader) {
      descriptors.fork(tid, leader, true);
      descriptors.exit(tid);
    }
    descriptors.exec(leader);
  }

  /** The first programs of a trace inherit a personality that only their layout shows. */
  #learnPersonality(tid: number, randomized: boolean): void {
    const task = this.session.state.tasks.get(tid as Pid);
    const fresh = task !== undefined && task.comm === "" && task.personality === 0;
    if (fresh && !randomized) {
      const persona = PERSONALITY.ADDR_NO_RANDOMIZE;
      this.session.emit(tid, { call: "personality", persona }, { ret: 0 }, { assumed: ["persona"] });
    }
  }

  /** The model has no rules for this program: its process leaves the log here. */
  #abandon(call: StraceCall, why: string): void {
    if (this.#loaded === 0) {
      this.#refusal = `${why}, and this version models 64-bit x86 programs only`;
      return;
    }
    this.tally.note(`${why}: this version models 64-bit x86 only, so the process is left out from here on`);
    this.session.emit(call.tid, { call: "abandon", why }, { ret: 0 }, this.#origin(call));
    this.#abandoned.add(call.tid);
  }

  #follow32(call: StraceCall): void {
    this.tally.note("calls of processes that the model cannot follow");
    if (isFork(call.name) && call.result.kind === "value" && call.result.value)
      this.#abandoned.add(call.result.value);
  }

  #exitCall(call: StraceCall): void {
    const request: Request = {
      call: call.name === "exit" ? "exit" : "exit_group",
      code: Number(call.args[0]) || 0,
    };
    this.session.emit(call.tid, request, { gone: "exit" }, this.#origin(call));
  }

  #exit({ tid, line, status }: StraceExit): void {
    if (this.#abandoned.delete(tid)) return;
    this.#files.descriptors.exit(tid);
    this.#programOf.delete(tid);
    if (!this.session.isLive(tid)) return;
    if ("signal" in status)
      this.session.emit(tid, { call: "kill", signal: status.signal }, { gone: status.signal }, { line });
    else this.session.emit(tid, { call: "exit", code: status.code }, { gone: "exit" }, { line });
  }

  #ordinary(call: StraceCall): void {
    const outcome = outcomeOf(call.result);
    const request = this.#requestOf(call);
    const changes = this.#files.observe(call);
    if ("ret" in outcome && request?.call === "mmap" && outcome.ret >= USER_END)
      this.#refusal = `mmap returned ${wordHex(outcome.ret)}, which no x86-64 program can have: the trace is of another architecture`;
    if (request) {
      this.#reveal(call, request, outcome);
      const learnt = this.#learnLayout(call, request, outcome);
      this.session.emit(call.tid, request, outcome, this.#origin(call, learnt));
      return;
    }
    const renamed = changes.map(nameRequest).find((r) => r !== undefined);
    if (renamed && GIVEN_CALLS.has(call.name))
      this.session.emit(call.tid, renamed, outcome, this.#origin(call));
    else if (GIVEN_CALLS.has(call.name) || isMemoryCall(call.name)) this.#given(call, outcome);
    else this.#elsewhere(call);
  }

  /** The request that a call is for the model; undefined when the model decides nothing about it. */
  #requestOf(call: StraceCall): Request | undefined {
    const { result } = call;
    if (result.kind === "restart" || (result.kind === "error" && UNDECIDED_ERRORS.has(result.errno)))
      return undefined;
    const memory = readMemoryCall(call, (argument) => this.#files.idOf(call, argument));
    if (memory) return memory.call === "personality" ? this.#personality(call, memory) : memory;
    if (result.kind !== "value") return undefined;
    const limit = limitSet(call);
    if (limit) return { call: "setrlimit", ...limit };
    return shmRequest(call, result.value ?? 0);
  }

  /** A personality that the model did not know of is learnt, not held against it. */
  #personality(call: StraceCall, request: Request & { call: "personality" }): Request | undefined {
    const before = call.result.kind === "value" ? call.result.value : undefined;
    const task = this.session.state.tasks.get(call.tid as Pid);
    if (before === undefined || !task || before === task.personality) return request;
    const learnt = { ret: task.personality };
    this.session.emit(call.tid, { call: "personality", persona: before }, learnt, { assumed: ["persona"] });
    return request;
  }

  #given(call: StraceCall, outcome: Outcome): void {
    if (isMemoryCall(call.name) && call.result.kind === "value")
      this.tally.note(`arguments of ${call.name} that this version does not model`);
    this.session.emit(call.tid, { call: "given", name: call.name }, outcome, this.#origin(call));
    const shown = limitShown(call);
    if (shown) this.#learnLimit(call.tid, shown);
  }

  /** A limit that was there before the trace is learnt when a call shows it. */
  #learnLimit(tid: number, { resource, soft, hard, target }: ShownLimit): void {
    const task = this.session.state.tasks.get(tid as Pid);
    const known = task && this.session.state.groups.get(task.tgid)?.limits[resource];
    if (target !== 0 || !known || (known.soft === soft && known.hard === hard)) return;
    this.session.emit(tid, { call: "setrlimit", target: 0, resource, soft, hard });
  }

  /** Calls that are no business of memory still show which children are gone and how deep stacks are. */
  #elsewhere(call: StraceCall): void {
    this.session.goesOn(call.tid);
    const shown = limitShown(call);
    if (shown) this.#learnLimit(call.tid, shown);
    const child = reapedChild(call);
    if (child !== undefined && this.session.state.tasks.get(child as Pid)?.state === "zombie")
      this.session.emit(call.tid, { call: "reap", child: child as Pid }, { ret: child });
    for (const text of call.args) {
      const pointer = stackPointer(text);
      if (pointer !== undefined) this.#growStack(call.tid, pointer);
    }
  }

  /** A pointer just below the stack into which the kernel was asked to look: the stack has grown to there. */
  #growStack(tid: number, pointer: number): void {
    const page = pageOf(pointer);
    const above = mmOf(this.session.state, tid as Pid)?.vmas.findFrom(page);
    const below = above !== undefined && above.start > page && (above.flags & VM.GROWSDOWN) !== 0;
    if (below) this.session.emit(tid, { call: "access", addr: pointer }, { ret: 0 }, { assumed: ["access"] });
  }

  /** In a process from before the trace, what a successful call names must have been mapped. */
  #reveal(call: StraceCall, request: Request, outcome: Outcome): void {
    if (!this.#attached.has(call.tid) || !("ret" in outcome)) return;
    if (!("addr" in request) || request.call === "mmap" || request.call === "brk" || request.call === "shmat")
      return;
    const bytes = "length" in request ? request.length : "oldLength" in request ? request.oldLength : 0;
    const start = pageOf(Number(request.addr));
    const end = vpn(start + pagesOf(Number(bytes)));
    if (end <= start || this.#covers(call.tid, start, end)) return;
    const found: Request = { call: "reveal", start, end, prot: 3, flags: 0, pgoff: 0, file: 0 };
    this.session.emit(call.tid, found, { ret: 0 }, { assumed: ["mapping"] });
  }

  /** In a process from before the trace, the places that the kernel chose show how it is laid out. */
  #learnLayout(call: StraceCall, request: Request, outcome: Outcome): readonly string[] {
    if (!this.#attached.has(call.tid) || !("ret" in outcome)) return [];
    if (request.call !== "mmap" && request.call !== "brk") return [];
    if (sameOutcome(this.session.predict(call.tid, request, outcome), outcome)) return [];
    const at = Number(outcome.ret);
    const layout: Request =
      request.call === "brk"
        ? { call: "layout", mmapBase: vpn(0), brk: at }
        : { call: "layout", mmapBase: vpn(pageOf(at) + pagesOf(Number(request.length))), brk: 0 };
    this.session.emit(call.tid, layout, { ret: 0 }, { assumed: ["layout"] });
    return ["outcome"];
  }

  #covers(tid: number, start: number, end: number): boolean {
    const mm = mmOf(this.session.state, tid as Pid);
    let at = start;
    for (const v of mm?.vmas.collect(start, end) ?? []) {
      if (v.start > at) return false;
      at = v.end;
    }
    return at >= end;
  }
}

/** The end of user space with four-level page tables. */
const USER_END = 2 ** 47;

/** Errors that depend on what a trace does not show: signals, and memory behind pointers. */
const UNDECIDED_ERRORS: ReadonlySet<string> = new Set(["EINTR", "ERESTARTSYS", "ERESTARTNOINTR", "ENOSYS"]);

/** The child that a wait call took leave of. */
function reapedChild(call: StraceCall): number | undefined {
  if (call.result.kind !== "value") return undefined;
  if (call.name === "wait4" || call.name === "waitpid") return call.result.value;
  if (call.name !== "waitid") return undefined;
  const [, shown] = /si_pid=(\d+)/.exec(call.args[2] ?? "") ?? [];
  return shown === undefined ? undefined : Number(shown);
}
