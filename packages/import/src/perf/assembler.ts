import type { Recorded } from "../record-importer.ts";
import type { SwitchedTask } from "../sightings.ts";
import type { StraceCall } from "../strace/text/index.ts";
import { isFork } from "../strace/translate/system.ts";
import type { Tally } from "../tally.ts";
import { shownMapping, TasksBefore } from "./before.ts";
import { type Born, birthFlags, finishedCall, openCall, resultOf } from "./calls.ts";
import { execCall } from "./exec-call.ts";
import { Faults } from "./faults.ts";
import { addNamed, settle } from "./file-names.ts";
import { Outbox } from "./outbox.ts";
import { arity, syscallName } from "./syscall-names.ts";
import { newTask, type OpenExec, type TaskText } from "./task-text.ts";
import {
  type CallName,
  type PerfComm,
  type PerfEvent,
  type PerfFault,
  type PerfFork,
  type PerfMapping,
  type PerfMoment,
  type PerfRecord,
  type PerfSample,
  type PerfSwitch,
  readSample,
} from "./text/index.ts";

/** Mappings that exec makes for one program, and touches of them. */
const MAX_OF_EXEC = 256;
const NO_CALL = { name: "clone", args: [] };

/**
 * Turns what perf script says into calls and faults as an import takes them: system calls from their two
 * events, an exec from its records, a fork from whichever event tells most of it.
 */
export class PerfAssembler {
  readonly #outbox = new Outbox();
  readonly #tasks = new Map<number, TaskText>();
  readonly #before = new TasksBefore();
  /** Parents of tasks that have done nothing yet, where no call shows how they were made. */
  readonly #parents = new Map<number, number>();
  readonly #faults: Faults;
  #calls = 0;
  /** Calls that nearly every program makes, and of which no event has been seen. */
  readonly #missing = new Set(["mmap", "munmap", "mprotect", "brk"]);
  #latest = Number.NEGATIVE_INFINITY;
  #lostAt: number | undefined;
  #backAt: number | undefined;

  /** @param alone no other recording tells of calls, so that what is missing here is not known at all */
  constructor(
    private readonly tally: Tally,
    private readonly alone = true,
  ) {
    this.#faults = new Faults(tally);
  }

  *feed(records: Iterable<PerfRecord>): Generator<Recorded> {
    for (const record of records) {
      this.#record(record);
      yield* this.#outbox.take();
    }
  }

  *end(): Generator<Recorded> {
    for (const [tid, task] of this.#tasks) this.#close(tid, task, undefined);
    if (this.alone) this.#sayWhatIsMissing();
    yield* this.#outbox.take(true);
  }

  #sayWhatIsMissing(): void {
    if (this.#calls === 0)
      this.tally.note(
        "no system calls in the recording, so that mappings show only where code is mapped: record with -e raw_syscalls:*",
      );
    else if (this.#missing.size > 0)
      this.tally.note(
        `no event of ${[...this.#missing].join(", ")}: if there were such calls, they are missing: record with -e raw_syscalls:*`,
      );
  }

  #record(record: PerfRecord): void {
    if ("time" in record) this.#checkTime(record);
    switch (record.kind) {
      case "unreadable":
        this.#outbox.add(record);
        break;
      case "lost":
        this.#lostAt ??= record.line;
        this.tally.note(
          `perf lost events (first at line ${this.#lostAt} of its text): what came of them is missing`,
        );
        this.#faults.lose();
        break;
      case "other":
        this.tally.note(unusedNote(record.name));
        break;
      case "comm":
        this.#comm(record);
        break;
      case "fork":
        this.#fork(record);
        break;
      case "exit":
        this.#gone(record.task.tid, record);
        break;
      case "mapping":
        this.#mapping(record);
        break;
      case "sample":
        this.#sample(record, readSample(record));
        break;
    }
  }

  /** What perf found when it began has no time. */
  #checkTime({ line, time }: PerfMoment): void {
    if (time === undefined || time === 0) return;
    if (time < this.#latest) {
      this.#backAt ??= line;
      if (this.alone) this.tally.disordered(line);
      else
        this.tally.note(
          `perf's times go back (first at line ${this.#backAt} of its text): lines are in the wrong order`,
        );
    }
    this.#latest = time;
  }

  #sample(sample: PerfSample, event: PerfEvent): void {
    const { tid, line } = sample;
    switch (event.what) {
      case "unreadable":
        this.#outbox.add({ kind: "unreadable", line, text: sample.text.slice(0, 200), why: event.why });
        break;
      case "unused":
        this.tally.note(unusedNote(sample.event));
        break;
      case "kernel":
        this.tally.note("page faults in the kernel's own memory, which no process sees");
        break;
      case "fault":
        this.#fault(sample, event);
        break;
      case "enter":
        this.#enter(sample, event.call, event.args);
        break;
      case "exit":
        this.#exit(sample, event.call, event.ret);
        break;
      case "exec":
        this.#execName(sample, event);
        break;
      case "born":
        this.#born(tid, { child: event.child, flags: event.flags, thread: undefined }, sample);
        break;
      case "gone":
        this.#gone(tid, sample);
        break;
      case "switch":
        this.#switch(sample, event);
        break;
    }
  }

  /** Both tasks are there by then; what either is in the middle of goes on when it runs again. */
  #switch({ cpu, line, time }: PerfSample, { prev, state, next }: PerfSwitch): void {
    if (cpu === undefined) {
      this.tally.note("context switches without the CPU: write the text with perf script -F +cpu");
      return;
    }
    const at = time === undefined ? {} : { time };
    const both = { prev: this.#switched(prev), next: this.#switched(next) };
    this.#outbox.add({ kind: "switch", cpu, ...both, state, line, ...at });
  }

  #switched({ pid, comm }: PerfSwitch["prev"]): SwitchedTask {
    const hasMemory = this.#before.hasMemory(pid);
    if (hasMemory) for (const shown of this.#before.tell(pid)) this.#outbox.add(shown);
    const parent = this.#parents.get(pid);
    if (parent !== undefined) this.#settleBirth(parent, this.#task(parent));
    return { pid, comm, isUser: hasMemory || this.#tasks.has(pid) };
  }

  #fault(sample: PerfSample, fault: PerfFault): void {
    if (sample.tid <= 0) return;
    const touch = this.#faults.touch(sample, fault);
    if (!touch) return;
    const known = this.#tasks.get(sample.tid);
    if (known?.exec && touch.inKernel) {
      if (known.exec.touches.length < MAX_OF_EXEC) known.exec.touches.push(touch);
      return;
    }
    this.#acting(sample.tid, sample);
    this.#outbox.add(touch);
  }

  #enter(sample: PerfSample, call: CallName, args: readonly string[]): void {
    const { tid } = sample;
    if (tid <= 0) return;
    const task = this.#acting(tid, sample);
    this.#faults.apart(tid);
    const name = typeof call === "string" ? call : syscallName(call, task.bits);
    // Both kinds of tracepoint may tell of one call.
    if (task.open?.name === name && task.open.args[0] === args[0] && arity(name) > 0) return;
    this.#calls += 1;
    if (typeof call === "number") this.#missing.clear();
    else this.#missing.delete(call);
    const open = openCall(name, args, sample);
    task.open = open;
    if (name !== "exit" && name !== "exit_group") return;
    this.#outbox.add(
      finishedCall(tid, open, { line: sample.line, returned: sample.time, result: { kind: "none" } }),
    );
  }

  #exit(sample: PerfSample, call: CallName, ret: bigint): void {
    const { tid, line } = sample;
    if (tid <= 0) return;
    const before = this.#task(tid);
    const name = before.open?.name ?? (typeof call === "string" ? call : syscallName(call, before.bits));
    if ((name === "execve" || name === "execveat") && ret === 0n) {
      before.exec ??= openExec(sample);
      this.#finishExec(tid, before, line);
      return;
    }
    const task = this.#acting(tid, sample);
    this.#faults.apart(tid);
    const { open } = task;
    // The second tracepoint of a call, the new task's own return from its fork, or a call from before.
    if (!open || (typeof call === "string" && call !== open.name)) return;
    task.open = undefined;
    const finished = finishedCall(tid, open, { line, returned: sample.time, result: resultOf(ret) });
    if (isFork(name) && ret > 0n) this.#checkFlags(open);
    addNamed(this.#outbox, task, finished);
  }

  #checkFlags(call: Parameters<typeof birthFlags>[0]): void {
    if (this.alone && !birthFlags(call).known)
      this.tally.note(
        "a fork whose flags do not show, taken for a plain one: record with -e task:task_newtask",
      );
  }

  #mapping(record: PerfMapping): void {
    const { tid, time } = record;
    if (time === 0) {
      this.#before.mapping(record);
      return;
    }
    const known = this.#tasks.get(tid);
    if (known?.exec) {
      if (known.exec.mappings.length < MAX_OF_EXEC) known.exec.mappings.push(record);
    } else if (known?.open) {
      const { path } = record.file;
      if (path.startsWith("/") && !path.startsWith("//")) known.open.mapped = record.file;
    } else {
      const shown = shownMapping(record);
      this.#acting(tid, record);
      if (shown) this.#outbox.add(shown);
    }
  }

  #comm({ tid, line, time, name, process, exec }: PerfComm): void {
    if (exec) {
      const task = this.#task(tid);
      task.exec = { line, time, mappings: [], touches: [], path: name, formerTid: tid };
      this.#before.forget(tid);
    } else if (time === 0) this.#before.task(tid, { tgid: process, comm: name });
  }

  #execName(sample: PerfSample, { path, formerTid }: PerfEvent & { what: "exec" }): void {
    const task = this.#task(sample.tid);
    task.exec ??= openExec(sample);
    task.exec.path = path;
    task.exec.formerTid = formerTid;
  }

  #finishExec(tid: number, task: TaskText, line: number | undefined): void {
    const { exec } = task;
    if (!exec) return;
    task.exec = undefined;
    settle(task);
    const former = exec.formerTid === tid ? task : this.#tasks.get(exec.formerTid);
    const call = execCall(tid, exec, former?.open, line);
    if (exec.formerTid !== tid) this.#tasks.delete(exec.formerTid);
    task.open = undefined;
    task.named = undefined;
    task.bits = (call.image?.vdso ?? 2 ** 32) < 2 ** 32 ? 32 : 64;
    this.#before.forget(tid);
    this.#outbox.add(call);
    for (const touch of exec.touches) this.#outbox.add({ ...touch, ofExec: true });
  }

  #fork({ tid, line, time, child, parent, ...moment }: PerfFork): void {
    if (time === 0) {
      this.#before.task(child.tid, { tgid: child.pid });
      return;
    }
    const born = { child: child.tid, thread: child.pid === parent.pid, flags: undefined };
    this.#born(parent.tid, born, { ...moment, tid, line, ...(time === undefined ? {} : { time }) });
  }

  /** One of up to three events that tell of a new task, in the order FORK, task_newtask, sched_process_fork. */
  #born(parent: number, born: Born, moment: PerfMoment): void {
    if (parent <= 0) return;
    const task = this.#task(parent);
    this.#inherit(parent, born.child);
    if (task.open && isFork(task.open.name)) {
      task.open.born = joined(task.open.born, born);
      return;
    }
    if (task.birth && task.birth.call.born?.child !== born.child) this.#settleBirth(parent, task);
    if (!task.birth) {
      const { line, time } = moment;
      const call = { ...NO_CALL, line, time, stack: undefined, born };
      task.birth = { pending: this.#outbox.add(unfinished(parent, line), false), call };
    }
    this.#parents.set(born.child, parent);
    const { call } = task.birth;
    call.born = joined(call.born, born);
  }

  #inherit(parent: number, child: number): void {
    const { bits } = this.#task(parent);
    if (!this.#tasks.has(child)) this.#tasks.set(child, newTask(bits));
  }

  #settleBirth(tid: number, task: TaskText): void {
    const { birth } = task;
    if (!birth) return;
    task.birth = undefined;
    this.#parents.delete(birth.call.born?.child ?? 0);
    this.#checkFlags(birth.call);
    const result = resultOf(BigInt(birth.call.born?.child ?? 0));
    birth.pending.record = finishedCall(tid, birth.call, {
      line: birth.call.line,
      returned: undefined,
      result,
    });
    birth.pending.settled = true;
  }

  /** sched_process_exit and PERF_RECORD_EXIT tell the same; the second finds no task. */
  #gone(tid: number, { line, time }: PerfMoment): void {
    this.#before.forget(tid);
    this.#faults.apart(tid);
    const task = this.#tasks.get(tid);
    if (!task) return;
    this.#close(tid, task, line);
    this.#tasks.delete(tid);
    const at = time === undefined ? {} : { time };
    this.#outbox.add({ kind: "exit", tid, line, ...at, status: { code: 0 } });
  }

  #close(tid: number, task: TaskText, line: number | undefined): void {
    this.#finishExec(tid, task, line);
    this.#settleBirth(tid, task);
    settle(task);
  }

  /** The task, about to do something that ends what it was in the middle of. */
  #acting(tid: number, { line }: PerfMoment): TaskText {
    for (const shown of this.#before.tell(tid)) this.#outbox.add(shown);
    const parent = this.#parents.get(tid);
    if (parent !== undefined) this.#settleBirth(parent, this.#task(parent));
    const task = this.#task(tid);
    this.#finishExec(tid, task, line);
    this.#settleBirth(tid, task);
    return task;
  }

  #task(tid: number): TaskText {
    let task = this.#tasks.get(tid);
    if (!task) {
      task = newTask(64);
      this.#tasks.set(tid, task);
    }
    return task;
  }
}

const joined = (known: Born | undefined, more: Born): Born => ({
  child: more.child,
  thread: known?.thread ?? more.thread,
  flags: known?.flags ?? more.flags,
});

const openExec = ({ tid, line, time, comm = "" }: PerfSample): OpenExec => ({
  line,
  time,
  mappings: [],
  touches: [],
  path: comm,
  formerTid: tid,
});

/** Keeps the place of a call that is still to be found out. */
const unfinished = (tid: number, line: number): StraceCall => ({
  kind: "call",
  tid,
  name: "clone",
  args: [],
  startLine: line,
  line,
  result: { kind: "none" },
});

const NAMED_UNUSED: ReadonlySet<string> = new Set([
  "sched:sched_process_wait",
  "sched:sched_wakeup",
  "PERF_RECORD_SWITCH",
  "PERF_RECORD_SWITCH_CPU_WIDE",
  "PERF_RECORD_NAMESPACES",
  "PERF_RECORD_CGROUP",
  "PERF_RECORD_THROTTLE",
  "PERF_RECORD_UNTHROTTLE",
  "PERF_RECORD_KSYMBOL",
  "PERF_RECORD_BPF_EVENT",
  "PERF_RECORD_MMAP of the kernel",
]);

const unusedNote = (name: string): string =>
  NAMED_UNUSED.has(name)
    ? `${name}: recognised, and not used yet`
    : "events of other kinds, which say nothing of memory that is modelled";
