import {
  CLONE,
  INIT_MM,
  isLive,
  type MmId,
  NO_MM,
  type Pid,
  type Profile,
  REFERENCE_PROFILE,
} from "@pagetrail/core";
import type { ImportSink } from "../sink.ts";
import {
  type CaptureEvent,
  type ExitMmapEvent,
  type NewTaskEvent,
  NULL,
  type Pointer,
  type SwitchEvent,
  type TaskEvent,
  type TaskSample,
} from "./capture.ts";
import { Cast } from "./cast.ts";
import { Findings, type RefcountSummary } from "./findings.ts";
import { Foresight, tasksOf } from "./foresight.ts";
import { readCapture } from "./reader.ts";
import { type Origin, Stage } from "./stage.ts";
import { Witness } from "./witness.ts";

const SHOWN = 10;

/**
 * Makes events of a capture of scheduling, and compares at every context switch what the kernel had with what the
 * model has.
 *
 * @param text the whole capture: it is read to its end first, because what was there before shows only later
 */
export function importRefcounts(text: string, sink: ImportSink): RefcountSummary {
  const capture = readCapture(text);
  const events = untilLastSwitch(capture.events);
  const foresight = new Foresight(events);
  const profile: Profile = {
    ...REFERENCE_PROFILE,
    scheduling: { cpus: foresight.cpus, lazyTlb: "refcount" },
  };
  sink.start(profile, { kind: "refcounts" });
  const run = new Run(profile, sink, events, foresight);
  run.begin();
  events.forEach((event, at) => {
    run.event(event, at);
  });
  const { lines, strange, lost } = capture;
  return run.findings.summary({
    lines,
    lost,
    strange: { count: strange.length, first: strange.slice(0, SHOWN) },
    events: run.stage.events,
    cpus: foresight.cpus,
  });
}

/**
 * A recorder that ends takes its probes away one after the other, and some go on for a while when switches are no
 * longer told: what they tell cannot be followed.
 */
function untilLastSwitch(events: readonly CaptureEvent[]): readonly CaptureEvent[] {
  return events.slice(0, events.findLastIndex(({ kind }) => kind === "switch") + 1);
}

/** One import: the events one after the other, against the model. */
class Run {
  readonly findings = new Findings();
  readonly stage: Stage;
  readonly #cast: Cast;
  readonly #witness: Witness;
  readonly #start: bigint;

  constructor(
    profile: Profile,
    sink: ImportSink,
    events: readonly CaptureEvent[],
    private readonly foresight: Foresight,
  ) {
    this.stage = new Stage(profile, sink);
    this.#cast = new Cast(this.stage, foresight);
    this.#witness = new Witness(this.stage, this.#cast, foresight, this.findings);
    this.#start = events[0]?.time ?? 0n;
  }

  /** Puts each CPU into the state that its first event shows; those that borrow first, because lenders may run. */
  begin(): void {
    const cpus = Array.from({ length: this.foresight.cpus }, (_, cpu) => cpu);
    const firsts = cpus.map((cpu) => ({ cpu, task: this.foresight.firstOn(cpu) }));
    const borrows = ({ task }: (typeof firsts)[number]): boolean => task?.mm === NULL;
    for (const { cpu, task } of [...firsts.filter(borrows), ...firsts.filter((f) => !borrows(f))])
      if (task) this.#place(cpu, task, 0, { assumed: ["before"] });
  }

  event(event: CaptureEvent, at: number): void {
    this.#witness.begin(event, at);
    const [first] = tasksOf(event);
    if (first && event.kind !== "free" && event.kind !== "wakenew") this.#resync(event, first, at);
    switch (event.kind) {
      case "switch":
        this.#turn(event, at);
        break;
      case "newtask":
        this.#newTask(event, at);
        break;
      case "exec":
        this.#exec(event, at);
        break;
      case "exit":
        this.#settleTask(event.task, event, at);
        this.#witness.leaving.add(event.task.pid);
        break;
      case "exit_mmap":
        this.#exitMmap(event, at);
        break;
      case "free":
        this.#free(event);
        break;
      case "wakenew":
        break;
    }
  }

  #origin(event: CaptureEvent): Origin {
    return { line: event.line, time: Number(event.time - this.#start) / 1e9 };
  }

  /** The CPU runs another task than the model has there: a switch was not delivered. */
  #resync(event: CaptureEvent, task: TaskSample, at: number): void {
    const current = this.stage.current(event.cpu);
    if (Math.max(current.pid, 0) === task.pid) return;
    this.findings.transient("hidden");
    this.#place(event.cpu, task, at, { ...this.#origin(event), assumed: ["switch"] });
  }

  /** Makes a CPU run a task, by way of a lender where it must borrow what the CPU does not have. */
  #place(cpu: number, task: TaskSample, at: number, origin: Origin): void {
    this.#cast.introduce(task, at);
    const mm = task.activeMm === undefined || task.activeMm === NULL ? undefined : task.activeMm;
    if (mm !== undefined && task.mm === NULL) {
      this.#nameOwn(cpu, mm);
      this.#borrow(cpu, task, this.#cast.lend(mm, at), origin);
    }
    this.#releaseParent(task, cpu, at, origin);
    this.#uncover(task, cpu, at, origin);
    this.#switchTo(cpu, task.pid, "R", origin);
    if (task.kernel === false && task.mm === NULL) this.#exit(task.pid, cpu, origin);
  }

  /** A task that runs here has left the CPU where the model has it: that switch was not delivered. */
  #uncover(task: TaskSample, cpu: number, at: number, origin: Origin): void {
    const there = this.stage.task(task.pid, cpu)?.onCpu;
    if (there === undefined || there === cpu) return;
    this.findings.transient("hidden");
    const next = this.foresight.nextOn(there, at);
    if (next && next.pid !== task.pid) this.#place(there, next, at, { ...origin, assumed: ["switch"] });
    if (this.stage.task(task.pid, cpu)?.onCpu === there)
      this.#switchTo(there, 0, "R", { ...origin, assumed: ["switch"] });
  }

  /** What is borrowed behind a task whose address space has no name yet is that. */
  #nameOwn(cpu: number, pointer: Pointer): void {
    const { mm } = this.stage.current(cpu);
    if (mm !== NO_MM && this.stage.pointerOf(mm) === undefined && this.stage.idOf(pointer) === undefined)
      this.stage.bind(pointer, mm);
  }

  #borrow(cpu: number, task: TaskSample, id: MmId, origin: Origin): void {
    const { stage } = this;
    if (stage.current(cpu).activeMm === id || id === INIT_MM) return;
    const lender = stage.userOf(id);
    if (!lender || lender.pid === task.pid || lender.onCpu !== undefined) return;
    this.#switchTo(cpu, lender.pid, "R", origin);
  }

  #switchTo(cpu: number, next: number, state: string, origin: Origin): string | undefined {
    const current = this.stage.current(cpu);
    if (Math.max(current.pid, 0) === next) return undefined;
    const leaves = current.kind === "idle" ? "R" : state;
    return this.stage.emit(Math.max(current.pid, 0), { call: "switch", cpu, next, state: leaves }, origin);
  }

  #turn(event: SwitchEvent, at: number): void {
    const { prev, next, cpu } = event;
    this.#settleTask(prev, event, at);
    this.#cast.introduce(next, at);
    this.#releaseParent(next, cpu, at, this.#origin(event));
    this.#uncover(next, cpu, at, this.#origin(event));
    this.#settleTask(next, event, at);
    this.#witness.compare(event);
    if (event.state === "X") this.#leave(prev.pid, event);
    const before = this.#witness.countsBefore(cpu, next.pid);
    const refused = this.#switchTo(cpu, next.pid, event.state, this.#origin(event));
    this.#witness.acted(cpu, before);
    if (refused !== undefined)
      this.findings.difference({
        line: event.line,
        what: "switch",
        kernel: `to ${next.pid}`,
        model: refused,
      });
    this.findings.endSwitch();
  }

  /** A task makes its last switch; of a kernel thread nothing but that tells that it has exited. */
  #leave(pid: number, event: SwitchEvent): void {
    const task = this.stage.task(pid, event.cpu);
    if (task && isLive(task)) this.#exit(pid, event.cpu, this.#origin(event));
    this.#witness.gone(pid);
  }

  /** A parent that waited in vfork runs: its child has let go, which the child's own next event will tell. */
  #releaseParent(next: TaskSample, cpu: number, at: number, origin: Origin): void {
    const parent = this.stage.task(next.pid, cpu);
    if (parent?.state !== "vforked" || parent.preempted) return;
    const child = this.stage.vforkChildOf(parent.pid);
    if (!child) return;
    if (this.#witness.leaving.has(child.pid)) this.#exit(child.pid, cpu, origin);
    else this.#load(child.pid, this.foresight.newMmOf(child.pid, at), cpu, at, origin);
    this.findings.transient("exit/exec");
  }

  /** What a task's mm shows to have happened to it since its last event: exit_mm, exec_mmap, kthread_use_mm. */
  #settleTask(sample: TaskSample, event: CaptureEvent, at: number): void {
    const { stage } = this;
    const task = stage.task(sample.pid, event.cpu);
    if (!task || sample.mm === undefined || task.kind === "idle") return;
    const origin = this.#origin(event);
    if (task.kind === "kthread") {
      const id = sample.mm === NULL ? NO_MM : this.#cast.lend(sample.mm, at);
      const owner = id === NO_MM ? undefined : stage.userOf(id);
      if (task.mm === NO_MM && owner) stage.emit(task.pid, { call: "use_mm", target: owner.pid }, origin);
      else if (task.mm !== NO_MM && id === NO_MM) stage.emit(task.pid, { call: "unuse_mm" }, origin);
      return;
    }
    if (sample.mm === NULL) {
      if (isLive(task) && this.#witness.leaving.has(task.pid)) this.#exit(task.pid, event.cpu, origin);
      return;
    }
    const known = stage.pointerOf(task.mm);
    if (known === undefined && task.mm !== NO_MM) this.#bindNew(sample.mm, task.mm, origin);
    else if (known !== sample.mm && this.foresight.nextExec(task.pid, at)) {
      this.#load(task.pid, sample.mm, event.cpu, at, origin);
      this.findings.transient("exit/exec");
    }
  }

  #newTask(event: NewTaskEvent, at: number): void {
    const { parent, child, flags } = event;
    this.#cast.introduce(parent, at);
    this.#settleTask(parent, event, at);
    const { stage } = this;
    const refused = stage.emit(
      parent.pid,
      { call: "clone", flags, child: child.pid as Pid },
      this.#origin(event),
    );
    if (refused !== undefined)
      this.findings.difference({ line: event.line, what: "newtask", kernel: `${child.pid}`, model: refused });
    const made = stage.task(child.pid, event.cpu);
    if (!made || made.mm === NO_MM || (flags & CLONE.VM) !== 0) return;
    if (child.mm !== undefined && child.mm !== NULL) this.#bindNew(child.mm, made.mm, this.#origin(event));
  }

  /** A descriptor that the kernel hands out anew was free: the model must have freed it, too. */
  #bindNew(pointer: Pointer, id: MmId, origin: Origin): void {
    const old = this.stage.idOf(pointer);
    if (old !== undefined && old !== id) {
      this.#witness.letGo(old, origin);
      this.#endUnseen(old, origin);
    }
    const left = old === undefined || old === id ? undefined : this.stage.mm(old);
    if (left)
      this.findings.difference({
        line: origin.line ?? 0,
        what: `mm ${pointer}`,
        kernel: "free, and used again",
        model: `held, counts ${left.mmUsers} and ${left.mmCount}`,
      });
    this.stage.bind(pointer, id);
  }

  /** Its last user has exited before exits were told. */
  #endUnseen(id: MmId, origin: Origin): void {
    const { stage, foresight } = this;
    for (let user = stage.userOf(id); user; user = stage.userOf(id)) {
      if (user.onCpu !== undefined || !foresight.mayHaveExitedUnseen(user.pid)) return;
      this.#exit(user.pid, user.cpu ?? 0, { ...origin, assumed: ["exit"] });
      this.findings.transient("hidden");
    }
  }

  #exec(event: TaskEvent, at: number): void {
    const { task } = event;
    if (this.#witness.loaded.delete(task.pid)) return;
    const tid = event.oldPid ?? task.pid;
    this.#load(tid, task.mm, event.cpu, at, this.#origin(event));
    this.#witness.loaded.delete(tid);
  }

  /** The task has a new address space; the exec event that tells of it may still come. */
  #load(tid: number, mm: Pointer | undefined, cpu: number, at: number, origin: Origin): void {
    const told = this.foresight.nextExec(tid, at);
    const before = this.stage.task(tid, cpu);
    const comm = (told && tasksOf(told)[0]?.comm) ?? before?.comm ?? "?";
    this.stage.emit(tid, { call: "loaded", comm }, origin);
    this.#witness.put(before, tid);
    this.#witness.loaded.add(tid);
    const id = this.stage.task(tid, cpu)?.mm;
    const pointer = mm ?? (told?.kind === "exec" ? told.task.mm : undefined);
    if (id !== undefined && pointer !== undefined && pointer !== NULL) this.#bindNew(pointer, id, origin);
  }

  #exitMmap(event: ExitMmapEvent, at: number): void {
    const { task, torn } = event;
    const { stage } = this;
    this.#settleTask(task, event, at);
    const own = stage.task(task.pid, event.cpu);
    const id = stage.idOf(torn);
    if (!own || id === undefined || own.mm !== id) return;
    if (this.#witness.leaving.has(task.pid)) this.#exit(task.pid, event.cpu, this.#origin(event));
    else if (this.foresight.nextExec(task.pid, at))
      this.#load(task.pid, task.mm, event.cpu, at, this.#origin(event));
  }

  #exit(pid: number, cpu: number, origin: Origin): void {
    const before = this.stage.task(pid, cpu);
    this.#witness.leaving.delete(pid);
    this.stage.emit(pid, { call: "exit", code: 0 }, origin);
    this.#witness.put(before, pid);
  }

  #free(event: TaskEvent): void {
    const task = this.stage.task(event.task.pid, event.cpu);
    if (task?.state === "zombie")
      this.stage.emit(task.parent, { call: "reap", child: task.pid }, this.#origin(event));
  }
}
