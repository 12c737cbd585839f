import { done, ok, type Pid, type Result, refuse } from "../base/index.ts";
import { mmdrop, mmdropLazyTlb, mmgrab, mmgrabLazyTlb } from "./mm-refs.ts";
import { finishTaskSwitch, goLazy, loadMm, wakeUp } from "./sched.ts";
import { bornState, isLive, NO_MM, type Task, type TaskDraft, type ThreadGroup } from "./task.ts";
import type { World } from "./world.ts";

/** The parent of every kernel thread. */
const KTHREADD = 2 as Pid;

/**
 * Makes a kernel thread: a task that has no address space and never gets one of its own.
 *
 * @refuses EEXIST when the pid is taken, be it by threads that outlived their leader
 * @kernel kthread_create, kernel/kthread.c (6.18)
 */
export function createKthread(
  world: World,
  pid: Pid,
  comm: string,
  shared: Omit<ThreadGroup, "tgid" | "live">,
): Result<Pid> {
  if (world.peekTask(pid) || world.peekGroup(pid)) return refuse("EEXIST", `there is a task ${pid}`);
  world.addTask({
    pid,
    kind: "kthread",
    tgid: pid,
    parent: world.peekTask(KTHREADD) && pid !== KTHREADD ? KTHREADD : (0 as Pid),
    state: bornState(true, "kthread"),
    mm: NO_MM,
    activeMm: NO_MM,
    comm,
    personality: 0,
    minFlt: 0,
    majFlt: 0,
    vforkParent: 0 as Pid,
  });
  world.addGroup({ ...shared, tgid: pid, live: 1 });
  return ok(pid);
}

/**
 * Somebody wants a kernel thread to end, and waits for that: it is woken, out of its park too, and ends by itself.
 *
 * @refuses EINVAL for a task that is no kernel thread, ESRCH for one that has ended
 * @kernel kthread_stop, kernel/kthread.c (6.18)
 */
export function kthreadStop(world: World, pid: Pid): Result<void> {
  return askKthread(world, pid, "stop");
}

/** Somebody wants it to park: kthread_park. */
export function kthreadPark(world: World, pid: Pid): Result<void> {
  return askKthread(world, pid, "park");
}

/** It need not park any more, and goes on if it does: kthread_unpark. */
export function kthreadUnpark(world: World, pid: Pid): Result<void> {
  const task = kthreadThatLives(world, pid);
  if (!task.ok) return task;
  if (task.value.asked === "park") world.task(pid).asked = undefined;
  return task.value.state === "parked" ? wakeUp(world, pid) : done;
}

function askKthread(world: World, pid: Pid, what: NonNullable<Task["asked"]>): Result<void> {
  const task = kthreadThatLives(world, pid);
  if (!task.ok) return task;
  world.task(pid).asked = what;
  return what === "park" && task.value.state === "parked" ? done : wakeUp(world, pid);
}

function kthreadThatLives(world: World, pid: Pid): Result<Task> {
  const task = world.peekTask(pid);
  if (!task || !isLive(task)) return refuse("ESRCH", `no task ${pid} that lives`);
  return task.kind === "kthread" ? ok(task) : refuse("EINVAL", `task ${pid} is no kernel thread`);
}

/**
 * A kernel thread that runs takes on a process's address space, to reach its memory.
 *
 * @refuses EINVAL for a task that is no kernel thread, does not run or uses one already; ESRCH when the process
 * has none
 * @kernel kthread_use_mm, kernel/kthread.c (6.18)
 */
export function kthreadUseMm(world: World, caller: Task, owner: Pid): Result<void> {
  if (caller.kind !== "kthread") return refuse("EINVAL", `task ${caller.pid} is no kernel thread`);
  if (caller.onCpu === undefined || !isLive(caller))
    return refuse("EINVAL", `kernel thread ${caller.pid} does not run`);
  if (caller.mm !== NO_MM) return refuse("EINVAL", `kernel thread ${caller.pid} uses an mm already`);
  const lender = world.peekTask(owner);
  if (!lender || lender.kind !== undefined || lender.mm === NO_MM)
    return refuse("ESRCH", `no process ${owner} with an address space`);
  finishTaskSwitch(world, caller.onCpu);
  const task = world.task(caller.pid);
  const borrowed = task.activeMm;
  mmgrab(world, lender.mm, { kind: "kthread", pid: caller.pid });
  task.mm = lender.mm;
  task.activeMm = lender.mm;
  loadMm(world, caller.onCpu, lender.mm);
  mmdropLazyTlb(world, borrowed, caller.onCpu);
  return done;
}

/**
 * It lets go again, and goes on borrowing what it had used until its CPU turns to a task with its own.
 *
 * @refuses EINVAL for one that uses none, or does not run
 * @kernel kthread_unuse_mm, kernel/kthread.c (6.18)
 */
export function kthreadUnuseMm(world: World, caller: Task): Result<void> {
  if (caller.kind !== "kthread" || caller.mm === NO_MM)
    return refuse("EINVAL", `task ${caller.pid} uses no address space as a kernel thread`);
  if (caller.onCpu === undefined) return refuse("EINVAL", `kernel thread ${caller.pid} does not run`);
  unuse(world, world.task(caller.pid), caller.onCpu);
  return done;
}

/** What a kernel thread still uses when it ends, it gives back. */
export function releaseUsedMm(world: World, task: TaskDraft): void {
  if (task.kind !== "kthread" || task.mm === NO_MM) return;
  if (task.onCpu !== undefined) {
    unuse(world, task, task.onCpu);
    return;
  }
  const { mm } = task;
  task.mm = NO_MM;
  task.activeMm = NO_MM;
  mmdrop(world, mm, { kind: "kthread", pid: task.pid });
}

function unuse(world: World, task: TaskDraft, cpuId: number): void {
  finishTaskSwitch(world, cpuId);
  const { mm } = task;
  task.mm = NO_MM;
  goLazy(world, cpuId);
  mmgrabLazyTlb(world, mm, cpuId);
  mmdrop(world, mm, { kind: "kthread", pid: task.pid });
}
