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
  const leader = task.pid === task.tgid;
  const waited = leader && world.peekTask(task.parent) !== undefined;
  advance(task, waited ? "exit" : "exitUnwaited");
  reparentChildren(world, task);
  if (group.live > 0) return;
  if (!waited) releaseGroup(world, task.tgid);
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
function reparentChildren(world: World, task: Task): void {
  if (task.pid !== task.tgid) return;
  for (const child of [...world.tasks()]) {
    if (child.parent !== task.tgid || child.pid === task.pid) continue;
    if (child.state === "zombie") releaseTask(world, child);
    else world.task(child.pid).parent = 0 as Pid;
  }
}

/** Ends every thread of a process: exit_group, or a signal that kills. */
export function exitGroup(world: World, tgid: Pid): void {
  const threads = [...world.tasks()].filter((t) => t.tgid === tgid && isLive(t));
  for (const t of threads) if (t.pid !== tgid) exitTask(world, t.pid);
  for (const t of threads) if (t.pid === tgid) exitTask(world, t.pid);
}

/** A zombie is waited for: release_task, kernel/exit.c. */
export function releaseTask(world: World, task: Task): void {
  if (isLive(task)) exitTask(world, task.pid);
  world.removeTask(task.pid);
  if (task.pid === task.tgid) releaseGroup(world, task.tgid);
}

function releaseGroup(world: World, tgid: Pid): void {
  for (const t of [...world.tasks()]) if (t.tgid === tgid && !isLive(t)) world.removeTask(t.pid);
  if (world.peekGroup(tgid)) world.removeGroup(tgid);
}
