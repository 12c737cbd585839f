import { assert, INIT_MM, type MmId, type Pid } from "../base/index.ts";
import { exitMmap } from "../mm/index.ts";
import { switchMm } from "../paging/index.ts";
import type { Holder, Ref } from "./ledger.ts";
import { refKey } from "./ledger.ts";
import { type MmSignal, mmLife } from "./mm-life.ts";
import { NO_MM } from "./task.ts";
import type { World } from "./world.ts";

/** A new address space gets its first user, and the users their one reference. */
export function publishMm(world: World, id: MmId, pid: Pid): void {
  advanceMm(world, id, "publish");
  mmget(world, id, { kind: "task", pid });
  mmgrab(world, id, { kind: "mm users", mm: id });
}

/** mmget: one more user of the address space. */
export function mmget(world: World, id: MmId, holder: Holder): void {
  note(world, { mm: id, counter: "users", holder, since: world.now });
  world.setMm(id, "mmUsers", world.mm(id).mmUsers + 1);
}

/**
 * One user less; the last takes every mapping down and gives up the users' single reference.
 *
 * @kernel mmput, __mmput, kernel/fork.c (6.18)
 */
export function mmput(world: World, id: MmId, holder: Holder): void {
  strike(world, id, holder);
  const mm = world.mm(id);
  world.setMm(id, "mmUsers", mm.mmUsers - 1);
  if (mm.mmUsers > 0) return;
  advanceMm(world, id, "lastUser");
  exitMmap(world.teardown(mm));
  advanceMm(world, id, "usersReference");
  mmdrop(world, id, { kind: "mm users", mm: id });
}

/** mmgrab: one more reference to the descriptor. */
export function mmgrab(world: World, id: MmId, holder: Holder): void {
  note(world, { mm: id, counter: "count", holder, since: world.now });
  world.setMm(id, "mmCount", world.mm(id).mmCount + 1);
}

/** One reference to the descriptor less; the last frees it. */
export function mmdrop(world: World, id: MmId, holder: Holder): void {
  strike(world, id, holder);
  const mm = world.mm(id);
  world.setMm(id, "mmCount", mm.mmCount - 1);
  if (mm.mmCount > 0) return;
  advanceMm(world, id, "lastReference");
  cleanupLazyTlbs(world, id);
  world.freePgd(id);
  world.removeMm(id);
}

/** A CPU begins to borrow: counted in one variant of the kernel, and only known to the CPU in the other. */
export function mmgrabLazyTlb(world: World, id: MmId, cpu: number): void {
  if (world.scheduling.lazyTlb === "refcount") mmgrab(world, id, { kind: "cpu", cpu });
}

/** A CPU ends to borrow. */
export function mmdropLazyTlb(world: World, id: MmId, cpu: number): void {
  if (world.scheduling.lazyTlb === "refcount") mmdrop(world, id, { kind: "cpu", cpu });
}

/**
 * Where borrowers are not counted, they are sent to init_mm before what they borrowed is freed.
 *
 * @kernel cleanup_lazy_tlbs, kernel/fork.c (6.18)
 */
function cleanupLazyTlbs(world: World, id: MmId): void {
  if (world.scheduling.lazyTlb !== "shootdown") return;
  for (const { id: n, current, prevMm, loadedMm } of [...world.cpus()]) {
    const task = world.peekTask(current);
    if (prevMm === id) world.cpu(n).prevMm = NO_MM;
    if (loadedMm === id) {
      world.cpu(n).loadedMm = INIT_MM;
      if (world.tlb) switchMm(world.tlb, n, INIT_MM);
    }
    if (task?.activeMm !== id) continue;
    assert(task.mm === NO_MM, `mm ${id} is freed while task ${current} runs on it`);
    world.task(current).activeMm = INIT_MM;
    world.cpu(n).lazy = false;
  }
}

/** A task's use passes to another pid: exec by a thread that is not the leader. */
export function renameUser(world: World, from: Pid, to: Pid): void {
  const ref = world.peekRef(refKey({ kind: "task", pid: from }));
  if (!ref) return;
  world.setRef(refKey(ref.holder), undefined);
  note(world, { ...ref, holder: { kind: "task", pid: to } });
}

function note(world: World, ref: Ref): void {
  const key = refKey(ref.holder);
  assert(!world.peekRef(key), `${ref.holder.kind} holds a reference already`);
  world.setRef(key, ref);
}

function strike(world: World, id: MmId, holder: Holder): void {
  const key = refKey(holder);
  assert(world.peekRef(key)?.mm === id, `${holder.kind} has no reference to mm ${id}`);
  world.setRef(key, undefined);
}

function advanceMm(world: World, id: MmId, signal: MmSignal): void {
  const { life } = world.mm(id);
  const next = mmLife.next(life, signal);
  assert(next, `mm ${id}: ${signal} is not drawn from ${life}`);
  world.setMm(id, "life", next);
}
