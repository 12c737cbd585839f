import { done, type Pid, type Result, refuse } from "../base/index.ts";
import { type Counter, FIRST_NAMED, type Holder, type Ref } from "./ledger.ts";
import { mmdrop, mmget, mmgrab, mmput } from "./mm-refs.ts";
import { NO_MM } from "./task.ts";
import type { World } from "./world.ts";

/**
 * Somebody other than a task refers to a process's address space: a reader of /proc, ptrace, vhost, io_uring, KSM,
 * khugepaged, userfaultfd.
 *
 * @refuses ESRCH when the process has no address space, EEXIST when that name holds one already
 * @kernel get_task_mm, kernel/fork.c (6.18)
 */
export function hold(world: World, target: Pid, counter: Counter, name: string): Result<void> {
  const task = world.peekTask(target);
  if (!task || task.mm === NO_MM) return refuse("ESRCH", `no process ${target} with an address space`);
  if (namedRef(world, name)) return refuse("EEXIST", `${name} holds an address space already`);
  const number = Math.max(world.lastRef() - FIRST_NAMED + 1, 0);
  const holder: Holder = { kind: "named", name, number };
  if (counter === "users") mmget(world, task.mm, holder);
  else mmgrab(world, task.mm, holder);
  return done;
}

/**
 * It lets go.
 *
 * @refuses ENOENT when that name holds nothing
 */
export function release(world: World, name: string): Result<void> {
  const ref = namedRef(world, name);
  if (!ref) return refuse("ENOENT", `${name} holds no address space`);
  if (ref.counter === "users") mmput(world, ref.mm, ref.holder);
  else mmdrop(world, ref.mm, ref.holder);
  return done;
}

function namedRef(world: World, name: string): Ref | undefined {
  return world.namedRefs().find(({ holder }) => holder.kind === "named" && holder.name === name);
}
