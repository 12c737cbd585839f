import { assert, done, INIT_MM, type MmId, ok, type Pid, type Result, refuse } from "../base/index.ts";
import { enterLazyTlb, resetCpu, switchMm } from "../paging/index.ts";
import type { Cpu } from "./cpu.ts";
import { mmdropLazyTlb, mmgrabLazyTlb } from "./mm-refs.ts";
import { advance, idlePid, isLive, NO_MM, type Task, type TaskDraft } from "./task.ts";
import { lifeOf, type TaskSignal } from "./task-life.ts";
import type { World } from "./world.ts";

/** How a task leaves its CPU, by the letter that the kernel prints for its state. */
const LEAVES: Readonly<Record<string, TaskSignal>> = {
  R: "preempt",
  S: "sleep",
  D: "sleepDeep",
  I: "sleepIdle",
  T: "stop",
  t: "trace",
  P: "park",
};

/** The letter of a task that has exited and will not run again. */
const GONE = "X";

/**
 * A CPU turns from its current task to another. Whether page tables change and a reference is taken, handed on
 * or given back is decided by who of the two has an address space of its own.
 *
 * @param letter the state in which the current task leaves: R when it was preempted, X when it has exited
 * @param finish whether finish_task_switch follows at once; otherwise the borrowed mm waits in `prevMm`
 * @refuses ENODEV for no such CPU, ESRCH for no such task, EBUSY for one that runs elsewhere, EINVAL for one that
 * cannot run or a state that the current task cannot leave in
 * @kernel __schedule, context_switch, kernel/sched/core.c (6.18)
 */
export function contextSwitch(
  world: World,
  cpuId: number,
  nextPid: Pid,
  letter: string,
  finish: boolean,
): Result<void> {
  const may = checkSwitch(world, cpuId, nextPid, letter);
  if (!may.ok) return may;
  finishTaskSwitch(world, cpuId);
  const cpu = world.cpu(cpuId);
  const prev = world.task(cpu.current);
  const next = world.task(nextPid);
  leave(prev, letter, may.value);
  pick(next);
  prev.onCpu = undefined;
  next.onCpu = cpuId;
  next.cpu = cpuId;
  cpu.current = nextPid;
  cpu.prev = prev.pid;
  switchAddressSpace(world, cpuId, prev, next);
  if (finish) finishTaskSwitch(world, cpuId);
  return done;
}

/** Whether a task keeps its state whatever letter is printed: it has exited, or waits for a vfork child or a dump. */
const isSettled = (task: Task): boolean =>
  !isLive(task) || task.state === "vforked" || task.state === "dumping";

/**
 * One that leaves on its way out, be it only to wait for a lock, or that is preempted on its way to sleep in vfork,
 * will run again as what it is.
 */
function leave(prev: TaskDraft, letter: string, signal: TaskSignal | undefined): void {
  if (signal) advance(prev, signal);
  else prev.preempted = (isLive(prev) ? letter === "R" : letter !== GONE) ? true : undefined;
}

function pick(next: TaskDraft): void {
  if (next.preempted) {
    next.preempted = undefined;
    return;
  }
  if (next.state !== "runnable") advance(next, "wake");
  advance(next, "pick");
}

/** switch_mm_irqs_off, arch/x86/mm/tlb.c (6.18): a CPU loads the page tables of an address space. */
export function loadMm(world: World, cpuId: number, mm: MmId): void {
  Object.assign(world.cpu(cpuId), { loadedMm: mm, lazy: false });
  if (world.tlb) switchMm(world.tlb, cpuId, mm);
}

/** enter_lazy_tlb, arch/x86/mm/tlb.c (6.18): a CPU goes on without need of what it has loaded. */
export function goLazy(world: World, cpuId: number): void {
  const cpu = world.cpu(cpuId);
  cpu.lazy = cpu.loadedMm !== INIT_MM;
  if (world.tlb) enterLazyTlb(world.tlb, cpuId);
}

function switchCase(prev: TaskDraft, next: TaskDraft): string {
  const from = prev.mm === NO_MM ? "without an address space" : `with mm ${prev.mm}`;
  if (next.mm !== NO_MM)
    return prev.mm === NO_MM
      ? `from a task ${from} to one with mm ${next.mm}: what was borrowed is given back`
      : `from a task ${from} to one with mm ${next.mm}: no reference changes`;
  return prev.mm === NO_MM
    ? `from a task ${from} to another: mm ${prev.activeMm} is handed on`
    : `from a task ${from} to one without: it is borrowed, mm_count goes up`;
}

/** The address-space half of context_switch: user or not on either side, four cases. */
function switchAddressSpace(world: World, cpuId: number, prev: TaskDraft, next: TaskDraft): void {
  const cpu = world.cpu(cpuId);
  world.trace?.enter("context_switch");
  world.trace?.choose(switchCase(prev, next));
  if (next.mm === NO_MM) {
    goLazy(world, cpuId);
    next.activeMm = prev.activeMm;
    if (prev.mm !== NO_MM) mmgrabLazyTlb(world, prev.activeMm, cpuId);
    else prev.activeMm = NO_MM;
    return;
  }
  loadMm(world, cpuId, next.mm);
  if (prev.mm !== NO_MM) return;
  cpu.prevMm = prev.activeMm;
  prev.activeMm = NO_MM;
}

/**
 * What the next task does first: the borrowed address space is given back, which may free it, and a task that is
 * dead goes at last.
 *
 * @kernel finish_task_switch, kernel/sched/core.c (6.18)
 */
export function finishTaskSwitch(world: World, cpuId: number): void {
  const pending = world.peekCpu(cpuId);
  if (!pending || pending.prev === 0) return;
  const { prev, prevMm } = pending;
  const cpu = world.cpu(cpuId);
  cpu.prev = 0 as Pid;
  cpu.prevMm = NO_MM;
  if (prevMm !== NO_MM) mmdropLazyTlb(world, prevMm, cpuId);
  const left = world.peekTask(prev);
  if (left?.state === "dead" && !left.preempted) world.removeTask(prev);
}

/** What the current task is told; nothing where it keeps its state. */
function checkSwitch(
  world: World,
  cpuId: number,
  nextPid: Pid,
  letter: string,
): Result<TaskSignal | undefined> {
  const cpu = world.peekCpu(cpuId);
  if (!cpu?.online) return refuse("ENODEV", `no CPU ${cpuId} is online`);
  const next = world.peekTask(nextPid);
  if (!next) return refuse("ESRCH", `no task ${nextPid}`);
  if (next.onCpu !== undefined) return refuse("EBUSY", `task ${nextPid} runs on CPU ${next.onCpu}`);
  if (next.kind === "idle" && nextPid !== idlePid(cpuId))
    return refuse("EINVAL", `the idle task of another CPU than ${cpuId}`);
  if (!canRun(next)) return refuse("EINVAL", `task ${nextPid} is ${next.state}`);
  const prev = world.peekTask(cpu.current);
  assert(prev, `CPU ${cpuId} runs task ${cpu.current}`);
  const signal = LEAVES[letter];
  if (!signal && letter !== GONE) return refuse("EINVAL", `no state of a task is called ${letter}`);
  if (isSettled(prev)) return ok(undefined);
  if (!signal || !lifeOf(prev.kind).next(prev.state, signal))
    return refuse("EINVAL", `task ${prev.pid} cannot leave its CPU as ${letter}`);
  return ok(signal);
}

/** Runnable, asleep in a state that a wake-up ends, or preempted on the way. A parent in vfork waits for its child. */
const canRun = (task: Task): boolean => task.state === "runnable" || task.preempted === true || canWake(task);

const canWake = (task: Task): boolean =>
  !isSettled(task) && lifeOf(task.kind).next(task.state, "wake") === "runnable";

/** try_to_wake_up, kernel/sched/core.c (6.18): a task that sleeps becomes runnable; others stay what they are. */
export function wakeUp(world: World, pid: Pid): Result<void> {
  const task = world.peekTask(pid);
  if (!task || !isLive(task)) return refuse("ESRCH", `no task ${pid} that lives`);
  if (task.onCpu === undefined && canWake(task)) advance(world.task(pid), "wake");
  return done;
}

/** set_task_cpu, kernel/sched/core.c (6.18): a task that does not run moves to another CPU's queue. */
export function migrate(world: World, pid: Pid, cpuId: number): Result<void> {
  const task = world.peekTask(pid);
  if (!task || !isLive(task)) return refuse("ESRCH", `no task ${pid} that lives`);
  if (!world.peekCpu(cpuId)?.online) return refuse("ENODEV", `no CPU ${cpuId} is online`);
  if (task.kind === "idle") return refuse("EINVAL", "an idle task stays on its CPU");
  if (task.onCpu !== undefined) return refuse("EBUSY", `task ${pid} runs on CPU ${task.onCpu}`);
  world.task(pid).cpu = cpuId;
  return done;
}

/**
 * A CPU goes offline, once its idle task runs: it lets go of what it borrows and stays with init_mm.
 *
 * @kernel sched_force_init_mm, kernel/sched/core.c (6.18)
 */
export function takeCpuOffline(world: World, cpuId: number): Result<void> {
  const idle = idleThatRuns(world, cpuId, true);
  if (!idle.ok) return idle;
  finishTaskSwitch(world, cpuId);
  const task = world.task(idle.value.current);
  const cpu = world.cpu(cpuId);
  const borrowed = task.activeMm;
  if (borrowed !== INIT_MM) {
    task.activeMm = INIT_MM;
    loadMm(world, cpuId, INIT_MM);
    mmdropLazyTlb(world, borrowed, cpuId);
    mmgrabLazyTlb(world, INIT_MM, cpuId);
  }
  cpu.lazy = false;
  cpu.online = false;
  advance(task, "goOffline");
  return done;
}

/** A CPU comes back: its idle task runs, on init_mm. */
export function bringCpuOnline(world: World, cpuId: number): Result<void> {
  const idle = idleThatRuns(world, cpuId, false);
  if (!idle.ok) return idle;
  world.cpu(cpuId).online = true;
  if (world.tlb) resetCpu(world.tlb, cpuId);
  advance(world.task(idle.value.current), "comeOnline");
  return done;
}

function idleThatRuns(world: World, cpuId: number, online: boolean): Result<Cpu> {
  const cpu = world.peekCpu(cpuId);
  if (!cpu) return refuse("ENODEV", `no CPU ${cpuId}`);
  if (cpu.online !== online)
    return refuse("EINVAL", `CPU ${cpuId} is ${online ? "offline" : "online"} already`);
  if (cpu.current !== idlePid(cpuId)) return refuse("EBUSY", `task ${cpu.current} runs on CPU ${cpuId}`);
  return ok(cpu);
}
