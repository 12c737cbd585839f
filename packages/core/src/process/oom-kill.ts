import { done, type MmId, type Pid, type Result, refuse } from "../base/index.ts";
import { reapPages } from "../mm/index.ts";
import { mmdrop, mmgrab } from "./mm-refs.ts";
import { INIT, isLive, NO_MM, type ThreadGroup } from "./task.ts";
import type { World } from "./world.ts";

/**
 * The machine is out of memory, and this process is to die for it: its address space is pinned until the last of it
 * is gone, so that its memory can be taken before it exits. Whoever shares it is killed too, and where that is init,
 * which cannot be, nothing is taken. That the processes end are events of their own.
 *
 * @refuses ESRCH for no process with an address space, EPERM for init and kernel threads, EBUSY for one that was
 * chosen before
 * @kernel __oom_kill_process, mark_oom_victim, mm/oom_kill.c (6.18)
 */
export function oomKill(world: World, target: Pid): Result<void> {
  const victim = world.peekTask(target);
  if (!victim || !isLive(victim)) return refuse("ESRCH", `no task ${target} that lives`);
  if (victim.kind !== undefined || victim.tgid === INIT)
    return refuse("EPERM", "init and kernel threads stay");
  if (victim.mm === NO_MM) return refuse("ESRCH", `task ${target} has no address space`);
  const group = world.group(victim.tgid);
  if (group.oomMm !== undefined) return refuse("EBUSY", `process ${victim.tgid} was chosen before`);
  group.oomMm = victim.mm;
  mmgrab(world, victim.mm, { kind: "oom victim", pid: victim.tgid });
  if (sharesWithInit(world, victim.mm)) world.setMm(victim.mm, "oomSkip", true);
  return done;
}

const sharesWithInit = (world: World, mm: MmId): boolean =>
  world.threads(INIT).some((task) => isLive(task) && task.mm === mm);

/**
 * The reaper takes the victim's memory without waiting for it: what is private and can be, unless the process has
 * taken its mappings down itself by then.
 *
 * @refuses ESRCH for a process that was not chosen
 * @kernel oom_reap_task_mm, mm/oom_kill.c (6.18)
 */
export function oomReap(world: World, target: Pid): Result<void> {
  const mm = world.peekGroup(world.peekTask(target)?.tgid ?? target)?.oomMm;
  if (mm === undefined) return refuse("ESRCH", `process ${target} was not chosen by the OOM killer`);
  const victim = world.mm(mm);
  if (victim.mmUsers === 0 || victim.oomSkip) return done;
  world.setMm(mm, "unstable", true);
  reapPages(world.teardown(victim));
  world.setMm(mm, "oomSkip", true);
  return done;
}

/** What pins a victim's address space goes with its process: free_signal_struct, kernel/fork.c. */
export function releaseVictim(world: World, { tgid, oomMm }: ThreadGroup): void {
  if (oomMm !== undefined) mmdrop(world, oomMm, { kind: "oom victim", pid: tgid });
}
