import { assert, ok, type Pid, type Result, refuse } from "../base/index.ts";
import { dupMmap } from "../mm/index.ts";
import { CLONE } from "./clone-flags.ts";
import { releaseProcess, releaseTask } from "./exit.ts";
import { mmget, publishMm } from "./mm-refs.ts";
import { contextSwitch, finishTaskSwitch } from "./sched.ts";
import { advance, bornState, INIT, idlePid, NO_MM, type Task } from "./task.ts";
import type { World } from "./world.ts";

/**
 * Makes a new task: fork, vfork, clone and clone3 are this with other flags.
 *
 * @param child the pid that the kernel chose
 * @refuses EINVAL for flags that contradict each other, ENOMEM when the address space cannot be copied
 * @kernel copy_process, copy_mm, kernel/fork.c (6.18)
 */
export function clone(world: World, caller: Task, flags: number, child: Pid): Result<Pid> {
  world.trace?.enter("copy_process");
  const legal = checkFlags(caller, flags);
  if (!legal.ok) return legal;
  if (child === caller.pid || child === caller.tgid)
    return refuse("EAGAIN", `pid ${child} is the caller's own`);
  clearPid(world, child);
  // What was cleared away may have been the caller's parent.
  const parent = world.peekTask(caller.pid);
  assert(parent, `task ${caller.pid}`);
  const thread = (flags & CLONE.THREAD) !== 0;
  const mm = copyMm(world, parent, flags, child);
  if (!mm.ok) return mm;
  const tgid = thread ? parent.tgid : child;
  const sibling = thread || (flags & CLONE.PARENT) !== 0;
  const vfork = (flags & CLONE.VFORK) !== 0;
  world.addTask({
    pid: child,
    tgid,
    parent: sibling ? parent.parent : parent.tgid,
    ...(parent.kind === "kthread" ? { kind: "kthread" } : {}),
    state: bornState(world.scheduling.cpus > 0, parent.kind),
    ...(parent.cpu === undefined ? {} : { cpu: parent.cpu }),
    mm: mm.value,
    activeMm: mm.value,
    comm: parent.comm,
    personality: parent.personality,
    minFlt: 0,
    majFlt: 0,
    vforkParent: vfork ? parent.pid : (0 as Pid),
  });
  if (thread) world.group(tgid).live += 1;
  else {
    const group = world.peekGroup(parent.tgid);
    assert(group, `thread group ${parent.tgid}`);
    world.addGroup({ ...group, tgid, live: 1, subreaper: undefined, dumper: undefined, oomMm: undefined });
  }
  if (vfork) advance(world.task(parent.pid), "vfork");
  return ok(child);
}

/**
 * Whoever has a pid that the kernel gives out again is gone: its last task has ended, was waited for, and has left
 * its CPU; and so have threads that outlived a leader of this pid.
 */
export function clearPid(world: World, pid: Pid): void {
  const stale = world.peekTask(pid);
  if (stale && stale.state !== "dead") releaseTask(world, stale);
  if (world.peekGroup(pid)) releaseProcess(world, pid);
  const left = world.peekTask(pid);
  if (left?.onCpu !== undefined) contextSwitch(world, left.onCpu, idlePid(left.onCpu), "X", true);
  for (const { id, prev } of [...world.cpus()]) if (prev === pid) finishTaskSwitch(world, id);
  if (world.peekTask(pid)) world.removeTask(pid);
}

function checkFlags(parent: Task, flags: number): Result<void> {
  const has = (f: number): boolean => (flags & f) !== 0;
  if (has(CLONE.NEWNS) && has(CLONE.FS)) return refuse("EINVAL", "CLONE_NEWNS with CLONE_FS");
  if (has(CLONE.NEWUSER) && has(CLONE.FS)) return refuse("EINVAL", "CLONE_NEWUSER with CLONE_FS");
  if (has(CLONE.THREAD) && !has(CLONE.SIGHAND)) return refuse("EINVAL", "CLONE_THREAD without CLONE_SIGHAND");
  if (has(CLONE.SIGHAND) && !has(CLONE.VM)) return refuse("EINVAL", "CLONE_SIGHAND without CLONE_VM");
  if (has(CLONE.PARENT) && parent.tgid === INIT) return refuse("EINVAL", "CLONE_PARENT by init");
  if (has(CLONE.VFORK) && parent.kind !== undefined)
    return refuse("EINVAL", "CLONE_VFORK by a kernel thread");
  if (has(CLONE.THREAD) && has(CLONE.NEWUSER | CLONE.NEWPID))
    return refuse("EINVAL", "CLONE_THREAD with a new namespace of users or pids");
  return ok(undefined);
}

function copyMm(world: World, parent: Task, flags: number, child: Pid): Result<Task["mm"]> {
  if (parent.mm === NO_MM || parent.kind === "kthread") return ok(NO_MM);
  world.trace?.enter("copy_mm");
  if ((flags & CLONE.VM) !== 0) {
    world.trace?.choose("CLONE_VM: the address space is shared, and has one user more");
    mmget(world, parent.mm, { kind: "task", pid: child });
    return ok(parent.mm);
  }
  const copy = dupMmap(world.edit(world.mm(parent.mm), parent), world.newMmId());
  if (!copy.ok) return refuse("ENOMEM", copy.error.why);
  world.addMm(copy.value, "given");
  publishMm(world, copy.value.id, child);
  return ok(copy.value.id);
}
