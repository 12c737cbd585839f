import type { Pid } from "../base/index.ts";
import { releaseUsedMm } from "./kthread.ts";
import { mmgrabLazyTlb, mmput } from "./mm-refs.ts";
import { releaseVictim } from "./oom-kill.ts";
import { finishTaskSwitch, goLazy } from "./sched.ts";
import { advance, INIT, isLive, NO_MM, type Task, type TaskDraft } from "./task.ts";
import type { World } from "./world.ts";

/**
 * Ends one thread: it leaves its address space and becomes a zombie, or is gone at once when nobody will
 * wait for it.
 *
 * @kernel do_exit, exit_mm, exit_notify, kernel/exit.c (6.18)
 */
export function exitTask(world: World, pid: Pid): void {
  const task = world.task(pid);
  if (!isLive(task)) return;
  world.trace?.enter("do_exit");
  if (task.state === "vforked") forgetWaiting(world, task);
  if (task.onCpu === undefined) task.preempted = undefined;
  releaseUsedMm(world, task);
  exitMm(world, task);
  const group = world.group(task.tgid);
  group.live -= 1;
  if (group.dumper === pid) group.dumper = undefined;
  // The leader stays as a zombie until its whole group can be waited for; other threads never do.
  const waited = task.pid === task.tgid && task.kind === undefined;
  world.trace?.enter("exit_notify");
  world.trace?.choose(
    waited
      ? group.live > 0
        ? `${group.live} threads of the process live on`
        : "the last thread of the process: it can be waited for"
      : "a thread that nobody waits for",
  );
  advance(task, waited ? "exit" : "exitUnwaited");
  if (!waited) removeTask(world, task);
  if (group.live > 0) return;
  reparentChildren(world, task.tgid);
  const head = world.peekTask(task.tgid);
  if (head?.state !== "zombie" || !isWaitedFor(world, head)) releaseGroup(world, task.tgid);
}

/** A parent that is killed while it waits in vfork is not to be woken by its child. */
function forgetWaiting(world: World, { pid, tgid }: Task): void {
  for (const child of world.children(tgid))
    if (child.vforkParent === pid) world.task(child.pid).vforkParent = 0 as Pid;
}

/** Whether there is a parent that a zombie waits for, and that does not ignore SIGCHLD: do_notify_parent. */
const isWaitedFor = (world: World, { parent }: Task): boolean =>
  world.peekTask(parent) !== undefined && !world.peekGroup(parent)?.autoreap;

/** A task that still runs is taken off the list only when its CPU has turned to another. */
function removeTask(world: World, { pid, onCpu, preempted }: Task): void {
  if (onCpu === undefined && !preempted && !isBeingLeft(world, pid)) world.removeTask(pid);
}

function isBeingLeft(world: World, pid: Pid): boolean {
  for (const { prev } of world.cpus()) if (prev === pid) return true;
  return false;
}

/**
 * exit_mm: the task gives up its use of the address space and wakes a parent that waits in vfork. One that runs
 * goes on as a borrower, like a kernel thread, until its last switch.
 */
export function exitMm(world: World, task: TaskDraft): void {
  releaseVforkParent(world, task);
  const { mm, onCpu } = task;
  if (mm === NO_MM) return;
  world.trace?.enter("exit_mm");
  task.mm = NO_MM;
  if (onCpu === undefined) task.activeMm = NO_MM;
  else {
    finishTaskSwitch(world, onCpu);
    mmgrabLazyTlb(world, mm, onCpu);
    goLazy(world, onCpu);
  }
  mmput(world, mm, { kind: "task", pid: task.pid });
}

/** mm_release's wake-up: exec and exit both let a vfork parent go on. */
export function releaseVforkParent(world: World, task: TaskDraft): void {
  const parent = task.vforkParent;
  if (parent === 0) return;
  task.vforkParent = 0 as Pid;
  if (world.peekTask(parent)?.state !== "vforked") return;
  const waiting = world.task(parent);
  const offCpu = world.scheduling.cpus > 0 && waiting.onCpu === undefined;
  waiting.preempted = undefined;
  advance(waiting, offCpu ? "wake" : "childReleased");
}

/**
 * Children of a process whose last thread exits get another parent; those that nobody will wait for go.
 *
 * @kernel forget_original_parent, kernel/exit.c (6.18)
 */
function reparentChildren(world: World, tgid: Pid): void {
  const reaper = findNewReaper(world, tgid);
  for (const child of world.children(tgid)) {
    if (child.tgid === tgid || !world.peekTask(child.pid)) continue;
    world.setParent(child.pid, reaper);
    if (canBeWaitedFor(world, child) && !isWaitedFor(world, { ...child, parent: reaper }))
      releaseTask(world, child);
  }
}

/**
 * Who adopts orphans: the nearest ancestor that asked for it, else init; 0 for an init that the log does not have.
 *
 * @kernel find_new_reaper, kernel/exit.c (6.18)
 */
function findNewReaper(world: World, tgid: Pid): Pid {
  let ancestor = world.peekTask(tgid)?.parent ?? (0 as Pid);
  while (ancestor !== 0 && ancestor !== INIT) {
    const group = world.peekGroup(ancestor);
    if (group?.subreaper && group.live > 0) return ancestor;
    ancestor = world.peekTask(ancestor)?.parent ?? (0 as Pid);
  }
  return tgid !== INIT && (world.peekGroup(INIT)?.live ?? 0) > 0 ? INIT : (0 as Pid);
}

/** A zombie leader can be waited for once none of its threads is left: delay_group_leader. */
export const canBeWaitedFor = (world: World, task: Task): boolean =>
  task.state === "zombie" && world.peekGroup(task.tgid)?.live === 0;

/** Ends every thread of a process: exit_group, or a signal that kills. */
export function exitGroup(world: World, tgid: Pid): void {
  const threads = world.threads(tgid).filter(isLive);
  for (const t of threads) if (t.pid !== tgid) exitTask(world, t.pid);
  for (const t of threads) if (t.pid === tgid) exitTask(world, t.pid);
}

/** A zombie is waited for: release_task, kernel/exit.c. What of its process still lives ends first. */
export function releaseTask(world: World, task: Task): void {
  if (task.pid !== task.tgid) {
    exitTask(world, task.pid);
    return;
  }
  releaseProcess(world, task.tgid);
}

/** A process is gone, with every thread that it still has. */
export function releaseProcess(world: World, tgid: Pid): void {
  exitGroup(world, tgid);
  releaseGroup(world, tgid);
}

function releaseGroup(world: World, tgid: Pid): void {
  const leader = world.peekTask(tgid);
  if (leader) {
    if (leader.state === "zombie") advance(world.task(tgid), "reap");
    removeTask(world, leader);
  }
  const group = world.peekGroup(tgid);
  if (!group) return;
  releaseVictim(world, group);
  world.removeGroup(tgid);
}
