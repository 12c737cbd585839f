import {
  type AccessKind,
  CLONE,
  type Entry,
  mmOf,
  type Outcome,
  type Pid,
  pageOf,
  parseWord,
  type Request,
  VM,
  vpn,
  wordHex,
} from "@pagetrail/core";
import { snapshotRequests } from "../maps/snapshot.ts";
import type { Recorded } from "../record-importer.ts";
import type { Origin, Session } from "../session.ts";
import type { ShownMapping, ShownMemory, ShownTask, Touch } from "../sightings.ts";
import type { SystemFiles } from "../sink.ts";
import { stackText } from "../stack-text.ts";
import { Switches } from "../switches.ts";
import type { Tally } from "../tally.ts";
import { readExecCall } from "./exec/exec-call.ts";
import type { ExecHints } from "./exec/exec-hints.ts";
import { translateExec, translateFailedExec } from "./exec/exec-request.ts";
import { Programs } from "./exec/programs.ts";
import { joinPath } from "./files/index.ts";
import { Learning } from "./learning.ts";
import { nameRequest, OpenFiles } from "./open-files.ts";
import type { StackFrame, StraceCall, StraceExit, StraceSignal } from "./text/index.ts";
import { firstInKernel, type ThreadCall } from "./thread-order.ts";
import { isMemoryCall, readMemoryCall } from "./translate/memory.ts";
import { outcomeOf, outcomeOfCall } from "./translate/outcome.ts";
import {
  type ChildReaping,
  childReaping,
  cloneFlags,
  GIVEN_CALLS,
  isFork,
  limitSet,
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
  /** Tasks whose end the trace has shown. */
  readonly #ended = new Set<number>();
  /** Tasks on their way out: what the kernel still touches for them is no business of the model. */
  readonly #leaving = new Set<number>();
  #latest = Number.NEGATIVE_INFINITY;
  /** What each task runs: /proc/self/exe. */
  readonly #programOf = new Map<number, string>();
  /** Processes whose children leave no zombies only until they execute another program. */
  readonly #forgetOnExec = new Set<number>();
  /** Signals of faults, until their tasks go on. */
  readonly #faults = new Map<number, StraceSignal>();
  readonly #learning: Learning;
  readonly #switches: Switches;
  /** By which entry of the kernel each task makes its calls, as far as strace noted it. */
  readonly #entries = new Map<number, Entry>();

  constructor(
    { system, cwd }: { readonly system: SystemFiles; readonly cwd: string },
    private readonly session: Session,
    private readonly tally: Tally,
    private readonly ahead: Ahead,
  ) {
    this.#files = new OpenFiles(system, session, tally);
    this.#likelyCwd = cwd;
    this.#learning = new Learning(session);
    this.#switches = new Switches(session, tally, (tid) => this.#comesFromAhead(tid));
    this.#programs = new Programs(system);
  }

  /** Whether the task needs no fork from ahead in the trace to make sense. */
  knows(tid: number): boolean {
    return this.session.isLive(tid) || this.#abandoned.has(tid);
  }

  /** Whether another task shares the address space, so that calls may overlap in the kernel. */
  isThreaded(tid: number): boolean {
    return (mmOf(this.session.state, tid as Pid)?.mmUsers ?? 0) > 1;
  }

  /**
   * Which of several calls, in the order of return, the kernel took first: 0 unless the model says that
   * only another order fits what came of them.
   */
  firstInKernel(calls: readonly StraceCall[]): number {
    const known: ThreadCall[] = [];
    const mm = this.#mmOf(calls[0]);
    for (const call of calls) {
      const request = this.#mmOf(call) === mm ? anonymousRequest(call) : undefined;
      if (!request && call === calls[0]) return 0;
      const { tid, startLine, line } = call;
      if (request) known.push({ tid, request, outcome: outcomeOf(call.result), startLine, line });
    }
    const first = known[firstInKernel(this.session.state, known)];
    const index = calls.findIndex((call) => call.line === first?.line);
    if (index > 0)
      this.tally.note(
        "a call of one thread taken before another's that returned first: only so do their results fit",
      );
    return Math.max(index, 0);
  }

  #mmOf(call: StraceCall | undefined): number {
    return this.session.state.tasks.get((call?.tid ?? 0) as Pid)?.mm ?? 0;
  }

  /** Why nothing of this trace can be modelled; undefined while something can. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  record(record: Recorded): void {
    switch (record.kind) {
      case "call":
        this.#call(record);
        break;
      case "exit":
        this.#exit(record);
        break;
      case "touch":
        this.#touch(record);
        break;
      case "mapping":
        this.#mapping(record);
        break;
      case "task":
        this.#task(record);
        break;
      case "snapshot":
        this.#snapshot(record);
        break;
      case "switch":
        this.#switches.turn(record);
        break;
      case "unreadable":
        this.tally.unreadable(record);
        break;
      case "note":
        if (record.tid !== undefined && record.note === "mode32") this.#entries.set(record.tid, 32);
        if (record.tid !== undefined && record.note === "mode64") this.#entries.set(record.tid, 64);
        break;
      case "signal":
        this.#faults.delete(record.tid);
        if (record.addr !== undefined && FAULTS.has(record.signal)) this.#faults.set(record.tid, record);
        break;
      case "superseded":
        break;
    }
  }

  #call(call: StraceCall): void {
    const tid = call.formerTid ?? call.tid;
    this.#faults.delete(tid);
    if (this.#told.delete(call)) return;
    this.#checkTime(call);
    if (this.#abandoned.has(tid)) {
      this.#followForeign(call);
      return;
    }
    this.#ensureTask(tid, call.line, call.name === "execve" && call.result.kind === "value");
    if (isFork(call.name)) this.#fork(call);
    else if (call.name === "execve" || call.name === "execveat") this.#exec(call);
    else if (call.name === "exit" || call.name === "exit_group") this.#exitCall(call);
    else if (call.result.kind !== "none") this.#ordinary(call);
  }

  /** Calls come in the order of their return, so that only one that was made in one go tells the time. */
  #checkTime({ time, startLine, line }: StraceCall): void {
    if (time === undefined || startLine !== line) return;
    if (time < this.#latest && this.#latest - time < HALF_A_DAY) this.tally.disordered(line);
    this.#latest = time;
  }

  #origin(call: StraceCall, assumed: readonly string[] = []): Origin {
    return {
      line: call.line,
      as: call.name === "syscall_0x1ce" ? "mseal" : call.name,
      ...(call.time === undefined ? {} : { time: call.time }),
      ...(assumed.length > 0 ? { assumed } : {}),
      ...stackOf(call),
    };
  }

  /** Makes sure that the model has the task: born of a fork that returns later, or there from before. */
  #ensureTask(tid: number, line?: number, execs = false): void {
    if (this.session.isLive(tid)) return;
    const fork = this.ahead.forkOf(tid);
    if (fork) {
      this.#ensureTask(fork.tid, fork.line);
      this.#told.add(fork);
      this.#fork(fork);
      if (this.session.isLive(tid)) return;
    }
    if (this.#ended.has(tid) && line !== undefined) this.tally.disordered(line);
    if (!execs) {
      this.#learning.attach(tid);
      this.#noteAttached();
    }
    this.#adopt(tid, "", tid as Pid);
    this.tally.process(tid);
  }

  /** Brings a task that a fork ahead in the recording made; false where there is no such. */
  #comesFromAhead(tid: number): boolean {
    if (!this.ahead.forkOf(tid)) return false;
    this.#ensureTask(tid);
    return this.session.isLive(tid);
  }

  #noteAttached(): void {
    const pages = this.session.hasPages
      ? ", and what it had touched not at all, so that its pages are not modelled"
      : "";
    this.tally.note(
      `a process that was there before the trace: its mappings show only when something names them${pages}`,
    );
  }

  /** What a process touched before the recording is not known, and so none of its pages. */
  #adopt(tid: number, comm: string, tgid: Pid): void {
    const pages = this.session.hasPages ? ({ pages: "unknown" } as const) : {};
    this.session.emit(tid, { call: "adopt", comm, tgid, ...pages });
  }

  /** A fault: what the recording does not tell of it is taken from what the memory is for. */
  #touch({ tid, addr, access, complete, ofExec, line, time, stack }: Touch): void {
    const over = this.#ended.has(tid) || this.#leaving.has(tid) || this.session.state.tasks.has(tid as Pid);
    if (this.#abandoned.has(tid) || (over && !this.session.isLive(tid))) return;
    this.#ensureTask(tid, line);
    this.session.witness(tid, complete);
    const kind = access ?? this.#likelyAccess(tid, addr);
    const origin = {
      ...(line === undefined ? {} : { line }),
      ...(time === undefined ? {} : { time }),
      ...(access === undefined ? { assumed: ["kind"] } : {}),
      ...stackOf({ stack }),
    };
    this.#files.reaches(tid, pageOf(addr));
    this.session.touch(tid, { addr, access: kind, ofExec }, origin);
  }

  /** Private memory that may be written to is taken for written to. */
  #likelyAccess(tid: number, addr: number): AccessKind {
    const page = pageOf(addr);
    const vma = mmOf(this.session.state, tid as Pid)?.vmas.findFrom(page);
    const writable = vma !== undefined && (vma.flags & (VM.WRITE | VM.SHARED)) === VM.WRITE;
    const inside = vma !== undefined && (vma.start <= page || (vma.flags & VM.GROWSDOWN) !== 0);
    return writable && inside ? "write" : "read";
  }

  /** A task from before the recording, with the process that it belongs to. */
  #task({ tid, tgid, comm, isWhole }: ShownTask): void {
    if (this.knows(tid)) return;
    this.#learning.attach(tid);
    if (!isWhole) this.#noteAttached();
    this.#adopt(tid, comm, tgid);
    if (tgid === tid) this.tally.process(tid);
  }

  /** A mapping that no call of the recording made. */
  #mapping({ tid, start, length, offset, perms, file }: ShownMapping): void {
    if (this.#abandoned.has(tid)) return;
    this.#ensureTask(tid);
    const has = (letter: string): boolean => perms.includes(letter);
    const prot = (has("r") ? 1 : 0) + (has("w") ? 2 : 0) + (has("x") ? 4 : 0);
    const id = file ? this.#files.shown(tid, file) : 0;
    const end = vpn(pageOf(start + length - 1) + 1);
    const found: Request = {
      call: "reveal",
      start: pageOf(start),
      end,
      prot,
      flags: has("s") ? VM.SHARED : 0,
      pgoff: pageOf(offset),
      file: id,
    };
    this.session.emit(tid, found, { ret: 0 }, { assumed: ["mapping"] });
  }

  /** All mappings of a process at once. */
  #snapshot({ tid, memory, time }: ShownMemory): void {
    this.#ensureTask(tid);
    const mm = mmOf(this.session.state, tid as Pid);
    const requests = snapshotRequests(mm, memory, (file) => this.#files.shown(tid, file));
    const when = time === undefined ? {} : { time };
    for (const request of requests) this.session.emit(tid, request, { ret: 0 }, when);
  }

  #fork(call: StraceCall): void {
    const flags = cloneFlags(call);
    const outcome = outcomeOf(call.result);
    const child = "ret" in outcome ? Number(outcome.ret) : 0;
    if ("gone" in outcome) return;
    const has = (flag: number): boolean => Math.floor(flags / flag) % 2 === 1;
    if (child > 0) {
      this.#ended.delete(child);
      this.#leaving.delete(child);
      this.#files.descriptors.fork(call.tid, child, has(CLONE.FILES));
      const program = this.#programOf.get(call.tid);
      if (program !== undefined) this.#programOf.set(child, program);
      if (!has(CLONE.THREAD)) this.tally.process(child);
      this.#learning.inherit(call.tid, child);
      const entry = this.#entries.get(call.tid);
      if (entry !== undefined) this.#entries.set(child, entry);
    }
    this.session.goesOn(call.tid, true);
    const request: Request = { call: "clone", flags: (flags % 2 ** 32) | 0, child: child as Pid };
    this.session.emit(call.tid, request, outcome, this.#origin(call));
  }

  #exec(call: StraceCall): void {
    const tid = call.formerTid ?? call.tid;
    const outcome = outcomeOf(call.result);
    const self = this.#programOf.get(tid);
    if (!("ret" in outcome)) {
      if (!("errno" in outcome)) return;
      const here = { cwd: this.#files.descriptors.cwd(tid), self };
      const known = translateFailedExec(call, outcome.errno, here, this.#programs);
      const given: Request = { call: "execve", path: readExecCall(call)?.path ?? "" };
      this.session.emit(tid, known ?? given, outcome, this.#origin(call));
      return;
    }
    const place = { cwd: this.#directoryOf(call, tid), self };
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
    if (this.#forgetOnExec.has(tid)) this.#reapsAs(tid, "waited for", {});
    this.#learning.forget(tid);
    this.#loaded += 1;
    if (translated.note !== undefined) this.tally.note(translated.note);
    const { path, assumed } = translated;
    const load = this.#files.cachedWith(translated.load);
    this.#programOf.set(call.tid, load.program.file.path);
    this.#learning.fromLayout(tid, load.randomized);
    const before = this.session.faultsOf(tid);
    this.session.emit(tid, { call: "execve", path, load }, outcome, this.#origin(call, assumed));
    this.#compareExec(call, this.session.faultsOf(call.tid) - before);
  }

  /** What exec wrote to, but for the strings, which it had put into pages by itself, are faults in the recording. */
  #compareExec(call: StraceCall, faults: number): void {
    const { touches } = this.ahead.hintsOf(call);
    const mm = mmOf(this.session.state, call.tid as Pid);
    const stack = mm?.pages && mm.vmas.find(pageOf(mm.argStart));
    if (!stack || touches.length === 0) return;
    const strings = stack.end - pageOf(mm.argStart);
    this.tally.unrecorded(Math.max(0, faults - strings - touches.length));
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

  /** The model has no rules for this program: its process leaves the log here. */
  #abandon(call: StraceCall, why: string): void {
    if (this.#loaded === 0) {
      this.#refusal = `${why}, and this version models x86 programs only`;
      return;
    }
    this.tally.note(`${why}: this version models x86 only, so the process is left out from here on`);
    this.session.emit(call.tid, { call: "abandon", why }, { ret: 0 }, this.#origin(call));
    this.#abandoned.add(call.tid);
  }

  #followForeign(call: StraceCall): void {
    this.tally.note("calls of processes that the model cannot follow");
    if (isFork(call.name) && call.result.kind === "value" && call.result.value)
      this.#abandoned.add(call.result.value);
  }

  #exitCall(call: StraceCall): void {
    const request: Request = {
      call: call.name === "exit" ? "exit" : "exit_group",
      code: Number(call.args[0]) || 0,
    };
    for (const tid of this.#leavers(call)) this.#leaving.add(tid);
    this.session.emit(call.tid, request, { gone: "exit" }, this.#origin(call));
  }

  /** The tasks that an exit takes along. */
  *#leavers({ tid, name }: Pick<StraceCall, "tid" | "name">): Generator<number> {
    yield tid;
    const tgid = this.session.state.tasks.get(tid as Pid)?.tgid;
    if (name !== "exit_group" || tgid === undefined) return;
    for (const task of this.session.state.tasks.values()) if (task.tgid === tgid) yield task.pid;
  }

  #exit({ tid, line, status }: StraceExit): void {
    if (this.#abandoned.delete(tid)) return;
    this.#ended.add(tid);
    this.#leaving.delete(tid);
    this.#files.descriptors.exit(tid);
    this.#programOf.delete(tid);
    this.#entries.delete(tid);
    this.#learning.forget(tid);
    if (!this.session.isLive(tid)) return;
    if ("signal" in status) this.#killed(tid, status.signal, line);
    else this.session.emit(tid, { call: "exit", code: status.code }, { gone: "exit" }, { line });
  }

  /** Of all threads that a signal takes along, the one that ends first says so; another one may have caught it. */
  #killed(tid: number, signal: string, line: number): void {
    const fault = [...this.#leavers({ tid, name: "exit_group" })]
      .map((one) => this.#faults.get(one))
      .find((one) => one?.signal === signal);
    const addr = fault?.addr === undefined ? undefined : parseWord(fault.addr);
    const code = fault?.code === undefined ? {} : { code: fault.code };
    const where = addr === undefined ? {} : { ...code, addr };
    this.session.emit(
      tid,
      { call: "kill", signal, ...where },
      { gone: signal },
      { line, ...stackOf(fault ?? {}) },
    );
  }

  #ordinary(call: StraceCall): void {
    const outcome = outcomeOfCall(call);
    const request = this.#requestOf(call);
    const changes = this.#files.observe(call);
    if ("ret" in outcome && request?.call === "mmap" && outcome.ret >= USER_END)
      this.#refusal = `mmap returned ${wordHex(outcome.ret)}, which no x86-64 program can have: the trace is of another architecture`;
    if (request) {
      const learnt = this.#learning.before(call, request, outcome);
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
    if (memory) return this.#enteredBy(call, memory);
    if (result.kind !== "value") return undefined;
    const limit = limitSet(call);
    if (limit) return { call: "setrlimit", ...limit };
    return shmRequest(call, result.value ?? 0);
  }

  /**
   * A placement with the entry that it came through, where that is not the task's own: mmap2 is a 32-bit call
   * whoever makes it; of the others strace tells it only where its notes are part of the trace.
   */
  #enteredBy({ tid, name }: StraceCall, request: Request): Request {
    if (this.#learning.isAttached(tid)) return request;
    const entry = name === "mmap2" ? 32 : this.#entries.get(tid);
    const bits = mmOf(this.session.state, tid as Pid)?.layout.bits;
    if (entry === undefined || bits === undefined || entry === bits) return request;
    return request.call === "mmap" || request.call === "mremap" ? { ...request, entry } : request;
  }

  #given(call: StraceCall, outcome: Outcome): void {
    if (isMemoryCall(call.name) && call.result.kind === "value")
      this.tally.note(`arguments of ${call.name} that this version does not model`);
    this.session.emit(call.tid, { call: "given", name: call.name }, outcome, this.#origin(call));
    this.#learning.from(call);
  }

  /** Calls that are no business of memory still show which children are gone and how deep stacks are. */
  #elsewhere(call: StraceCall): void {
    this.session.goesOn(call.tid, LOADER_CALLS.has(call.name) ? "loading" : true);
    this.#learning.from(call);
    const reaping = call.result.kind === "value" ? childReaping(call) : undefined;
    if (reaping !== undefined) this.#reapsAs(call.tid, reaping, this.#origin(call));
    const child = reapedChild(call);
    if (child !== undefined && this.session.state.tasks.get(child as Pid)?.state === "zombie")
      this.session.emit(call.tid, { call: "reap", child: child as Pid }, { ret: child });
  }

  /** Children of a process that does not want to know of them leave no zombies. */
  #reapsAs(tid: number, reaping: ChildReaping, origin: Origin): void {
    const { tasks, groups } = this.session.state;
    const tgid = tasks.get(tid as Pid)?.tgid;
    if (tgid === undefined) return;
    const on = reaping !== "waited for";
    if (reaping === "not waited for") this.#forgetOnExec.add(tgid);
    else this.#forgetOnExec.delete(tgid);
    const isOn = groups.get(tgid)?.autoreap === true;
    if (on !== isOn) this.session.emit(tid, { call: "autoreap", on: on ? 1 : 0 }, { ret: 0 }, origin);
  }
}

/** Times of day start over at midnight. */
const HALF_A_DAY = 43_200;

/** Signals that say at which address a fault was. */
const FAULTS: ReadonlySet<string> = new Set(["SIGSEGV", "SIGBUS"]);

/** The end of user space with four-level page tables. */
const USER_END = 2 ** 47;

/** What the dynamic loader does between its mappings of libraries. */
const LOADER_CALLS: ReadonlySet<string> = new Set([
  "open",
  "openat",
  "read",
  "pread64",
  "fstat",
  "newfstatat",
  "stat",
  "close",
  "access",
  "readlink",
]);

/** Errors that depend on what a trace does not show: signals, and memory behind pointers. */
const UNDECIDED_ERRORS: ReadonlySet<string> = new Set(["EINTR", "ERESTARTSYS", "ERESTARTNOINTR", "ENOSYS"]);

/** A memory call that needs no open file to be understood. */
function anonymousRequest(call: StraceCall): Request | undefined {
  const { kind } = call.result;
  if (kind === "none" || kind === "restart") return undefined;
  let file = false;
  const request = readMemoryCall(call, () => {
    file = true;
    return 0;
  });
  return file || request?.call === "personality" ? undefined : request;
}

/** The child that a wait call took leave of. */
function reapedChild(call: StraceCall): number | undefined {
  if (call.result.kind !== "value") return undefined;
  if (call.name === "wait4" || call.name === "waitpid") return call.result.value;
  if (call.name !== "waitid") return undefined;
  const [, shown] = /si_pid=(\d+)/.exec(call.args[2] ?? "") ?? [];
  return shown === undefined ? undefined : Number(shown);
}

/** The member of an event that has the user stack; none where the recording has none. */
function stackOf({ stack }: { readonly stack?: readonly StackFrame[] | undefined }): Pick<Origin, "stack"> {
  const frames = stackText(stack);
  return frames.length === 0 ? {} : { stack: frames };
}
