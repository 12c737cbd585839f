import type { MmId } from "../base/index.ts";
import { exitMmap } from "../mm/index.ts";
import type { Task } from "./task.ts";
import type { World } from "./world.ts";

/** mmget: one more user of the address space. */
export function mmget(world: World, id: MmId): void {
  world.setMm(id, "mmUsers", world.mm(id).mmUsers + 1);
}

/**
 * One user less; the last takes every mapping down and gives up the users' single reference.
 *
 * @kernel mmput, __mmput, kernel/fork.c (6.18)
 */
export function mmput(world: World, id: MmId, task: Task): void {
  const mm = world.mm(id);
  world.setMm(id, "mmUsers", mm.mmUsers - 1);
  if (mm.mmUsers > 0) return;
  exitMmap(world.edit(mm, task));
  mmdrop(world, id);
}

/** One reference to the descriptor less; the last frees it. */
export function mmdrop(world: World, id: MmId): void {
  const mm = world.mm(id);
  world.setMm(id, "mmCount", mm.mmCount - 1);
  if (mm.mmCount > 0) return;
  world.freePgd(id);
  world.removeMm(id);
}
