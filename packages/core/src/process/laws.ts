import { INIT_MM, type MmId, type Violation } from "../base/index.ts";
import type { MmStruct } from "../mm/index.ts";
import type { Cpu, LazyTlb } from "./cpu.ts";
import { type Holder, holderText, type Ref, refKey } from "./ledger.ts";
import { isLive, NO_MM, pidOf, type Task, type ThreadGroup } from "./task.ts";

/** The state as far as these laws read it. */
export interface Owned {
  readonly tasks: Iterable<Task>;
  readonly mms: Iterable<MmStruct>;
  readonly groups: Iterable<ThreadGroup>;
  readonly cpus: Iterable<Cpu>;
  readonly refs: Iterable<Ref>;
  readonly lazyTlb: LazyTlb;
  /** TLBs are modelled: a CPU that only borrows may have been made to leave what it borrows. */
  readonly tlbs?: boolean;
}

const law = "ownership";

/**
 * mm_users and mm_count are the lines of the ledger, and these are what tasks and CPUs say: no holder without a
 * count, no count without a holder. Nothing that was freed is held, none that has exited holds anything, and what a
 * running task has loaded is there.
 */
export function* ownershipLaw(state: Owned): Iterable<Violation> {
  const tasks = [...state.tasks];
  const cpus = [...state.cpus];
  const mms = new Map([...state.mms].map((mm) => [mm.id, mm]));
  const refs = [...state.refs];
  yield* countsLaw(mms, refs);
  const groups = [...state.groups];
  yield* holdersLaw(tasks, mms, cpus, groups, refs, state.lazyTlb);
  yield* groupsLaw(tasks, groups);
  yield* loadedLaw(tasks, mms, cpus, state.tlbs === true);
}

/** Both counts of every address space equal the lines of the ledger, and its life fits to them. */
function* countsLaw(mms: ReadonlyMap<MmId, MmStruct>, refs: readonly Ref[]): Iterable<Violation> {
  const lines = new Map<string, number>();
  for (const { mm, counter, holder } of refs) {
    lines.set(`${counter} ${mm}`, (lines.get(`${counter} ${mm}`) ?? 0) + 1);
    if (!mms.has(mm)) yield { law, where: `mm ${mm}`, what: `freed, but held: ${holderText(holder)}` };
  }
  for (const mm of mms.values()) {
    const where = `mm ${mm.id}`;
    const users = lines.get(`users ${mm.id}`) ?? 0;
    const count = lines.get(`count ${mm.id}`) ?? 0;
    if (mm.mmUsers !== users)
      yield { law, where, what: `mm_users is ${mm.mmUsers}, the ledger has ${users}` };
    if (mm.mmCount !== count)
      yield { law, where, what: `mm_count is ${mm.mmCount}, the ledger has ${count}` };
    const life = mm.mmUsers > 0 ? "in use" : "borrowed";
    if (mm.life !== life || mm.mmCount === 0)
      yield { law, where, what: `${mm.life}, with counts ${mm.mmUsers} and ${mm.mmCount}` };
  }
}

/** Every line of the ledger that a task, a CPU or an address space must have, and no other. */
function* holdersLaw(
  tasks: readonly Task[],
  mms: ReadonlyMap<MmId, MmStruct>,
  cpus: readonly Cpu[],
  groups: readonly ThreadGroup[],
  refs: readonly Ref[],
  lazyTlb: LazyTlb,
): Iterable<Violation> {
  const ledger = new Map(refs.map((ref) => [refKey(ref.holder), ref]));
  const must = function* (mm: MmId, holder: Holder): Iterable<Violation> {
    const ref = ledger.get(refKey(holder));
    ledger.delete(refKey(holder));
    if (ref?.mm !== mm)
      yield { law, where: `mm ${mm}`, what: `${holderText(holder)}, but the ledger does not say so` };
  };
  for (const { pid, mm, kind } of tasks)
    if (mm !== NO_MM) yield* must(mm, { kind: kind === "kthread" ? "kthread" : "task", pid });
  for (const mm of mms.values())
    if (mm.life !== "borrowed") yield* must(mm.id, { kind: "mm users", mm: mm.id });
  const byPid = new Map(tasks.map((task) => [task.pid, task]));
  for (const { id, current, prevMm } of lazyTlb === "refcount" ? cpus : []) {
    const task = byPid.get(current);
    const borrowed = prevMm !== NO_MM ? prevMm : task?.mm === NO_MM ? task.activeMm : NO_MM;
    if (borrowed !== NO_MM) yield* must(borrowed, { kind: "cpu", cpu: id });
  }
  for (const { tgid, oomMm } of groups)
    if (oomMm !== undefined) yield* must(oomMm, { kind: "oom victim", pid: tgid });
  for (const { mm, holder } of ledger.values())
    if (holder.kind !== "named")
      yield { law, where: `mm ${mm}`, what: `the ledger says: ${holderText(holder)}, and nothing else does` };
}

function* groupsLaw(tasks: readonly Task[], groups: readonly ThreadGroup[]): Iterable<Violation> {
  const live = new Map<number, number>();
  for (const t of tasks) {
    if (isLive(t)) live.set(t.tgid, (live.get(t.tgid) ?? 0) + 1);
    else if (t.mm !== NO_MM) yield { law, where: `task ${t.pid}`, what: `${t.state} with an mm` };
  }
  for (const g of groups) {
    const n = live.get(g.tgid) ?? 0;
    const waiting = tasks.filter((t) => t.tgid === g.tgid && t.state === "dumping").length;
    if (waiting !== (g.dumper === undefined ? 0 : n - 1))
      yield { law, where: `process ${g.tgid}`, what: `${waiting} threads wait for task ${g.dumper}'s dump` };
    if (g.live !== n) yield { law, where: `process ${g.tgid}`, what: `counts ${g.live} threads, has ${n}` };
  }
}

/** What runs has page tables loaded; an idle task has no mm, and what has none and does not run borrows nothing. */
function* loadedLaw(
  tasks: readonly Task[],
  mms: ReadonlyMap<MmId, MmStruct>,
  cpus: readonly Cpu[],
  tlbs: boolean,
): Iterable<Violation> {
  const runs = new Map(cpus.map(({ id, current }) => [current, id]));
  for (const task of tasks) {
    const where = `task ${pidOf(task)}`;
    const { mm, activeMm, onCpu, kind } = task;
    if (onCpu !== runs.get(task.pid))
      yield { law, where, what: `on CPU ${onCpu}, where another task runs, or none knows of it` };
    if (kind === "idle" && mm !== NO_MM) yield { law, where, what: `an idle task with mm ${mm}` };
    if (activeMm !== NO_MM && !mms.has(activeMm)) yield { law, where, what: `borrows mm ${activeMm}, freed` };
    const right = mm !== NO_MM ? activeMm === mm : (activeMm !== NO_MM) === (onCpu !== undefined);
    if (!right) yield { law, where, what: `has mm ${mm} and active_mm ${activeMm}` };
    if (onCpu !== undefined && task.state === "runnable") yield { law, where, what: "runs, as runnable" };
    if (
      onCpu === undefined &&
      task.state === "dead" &&
      !task.preempted &&
      !cpus.some(({ prev }) => prev === task.pid)
    )
      yield { law, where, what: "dead, and off its CPU" };
  }
  for (const { id, loadedMm, lazy, current } of cpus) {
    const task = tasks.find(({ pid }) => pid === current);
    const where = `CPU ${id}`;
    if (!task) yield { law, where, what: `runs task ${current}, which is gone` };
    else if (loadedMm !== task.activeMm && !(tlbs && loadedMm === INIT_MM && task.mm === NO_MM))
      yield { law, where, what: `has mm ${loadedMm} loaded, its task has ${task.activeMm}` };
    if (!mms.has(loadedMm)) yield { law, where, what: `has mm ${loadedMm} loaded, freed` };
    if (lazy && task?.mm !== NO_MM) yield { law, where, what: "is lazy with a task that has its own" };
  }
}
