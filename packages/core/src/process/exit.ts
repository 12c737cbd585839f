import type { Pid } from "../base/index.ts";
import { mmput } from "./mm-refs.ts";
import { advance, isLive, NO_MM, type Task } from "./task.ts";
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
  exitMm(world, task);
  const group = world.group(task.tgid);
  group.live -= 1;
  // The leader stays as a zombie until its whole group can be waited for; other threads never do.
  const leader = task.pid === task.tgid;
  advance(task, leader ? "exit" : "exitUnwaited");
  if (!leader) world.removeTask(task.pid);
  if (group.live > 0) return;
  reparentChildren(world, task.tgid);
  const head = world.peekTask(task.tgid);
  if (!head || world.peekTask(head.parent) === undefined) releaseGroup(world, task.tgid);
}

/** exit_mm: the task gives up its use of the address space and wakes a parent that waits in vfork. */
export function exitMm(world: World, task: { -readonly [K in keyof Task]: Task[K] }): void {
  releaseVforkParent(world, task);
  const { mm } = task;
  task.mm = NO_MM;
  task.activeMm = NO_MM;
  if (mm !== NO_MM) mmput(world, mm, task);
}

/** mm_release's wake-up: exec and exit both let a vfork parent go on. */
export function releaseVforkParent(world: World, task: { -readonly [K in keyof Task]: Task[K] }): void {
  const parent = task.vforkParent;
  if (parent === 0) return;
  task.vforkParent = 0 as Pid;
  if (world.peekTask(parent)?.state === "vforked") advance(world.task(parent), "childReleased");
}

/** Children of a process whose last thread exits go to init, which the model does not hold. */
function reparentChildren(world: World, parent: Pid): void {
  for (const child of [...world.tasks()]) {
    if (child.parent !== parent || child.tgid === parent) continue;
    if (canBeWaitedFor(world, child)) releaseTask(world, child);
    else world.task(child.pid).parent = 0 as Pid;
  }
}

/** A zombie leader can be waited for once none of its threads is left: delay_group_leader. */
export const canBeWaitedFor = (world: World, task: Task): boolean =>
  task.state === "zombie" && world.peekGroup(task.tgid)?.live === 0;

/** Ends every thread of a process: exit_group, or a signal that kills. */
export function exitGroup(world: World, tgid: Pid): void {
  const threads = [...world.tasks()].filter((t) => t.tgid === tgid && isLive(t));
  for (const t of threads) if (t.pid !== tgid) exitTask(world, t.pid);
  for (const t of threads) if (t.pid === tgid) exitTask(world, t.pid);
}

/** A zombie is waited for: release_task, kernel/exit.c. What of its process still lives ends first. */
export function releaseTask(world: World, task: Task): void {
  if (task.pid !== task.tgid) {
    exitTask(world, task.pid);
    return;
  }
  exitGroup(world, task.tgid);
  releaseGroup(world, task.tgid);
}

function releaseGroup(world: World, tgid: Pid): void {
  if (world.peekTask(tgid)) world.removeTask(tgid);
  if (world.peekGroup(tgid)) world.removeGroup(tgid);
}
