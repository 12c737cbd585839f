import {
  holderText,
  idlePid,
  isLive,
  type LazyTlb,
  type MmId,
  type Outcome,
  type Pid,
  type Profile,
  pid,
  type Request,
  type Task,
  violations,
} from "@pagetrail/core";
import { FIRST, MACHINE, Machine } from "./machine.ts";

/** The machine of the other tests with CPUs that the log tells of. */
export const cpuProfile = (cpus: number, lazyTlb: LazyTlb = "refcount"): Profile => ({
  ...MACHINE,
  scheduling: { cpus, lazyTlb },
});

/** The kernel thread of every machine with CPUs. */
export const KTHREAD = pid(50);

/**
 * A machine with CPUs, all idle at first, one process and one kernel thread. After every request the laws are
 * checked: a violation is an error.
 */
export class CpuMachine extends Machine {
  constructor(cpus = 2, lazyTlb: LazyTlb = "refcount") {
    super(cpuProfile(cpus, lazyTlb));
    this.ask({ call: "kthread", child: KTHREAD, comm: "kworker/0:1" });
  }

  override ask(request: Request, tid: Pid = FIRST): Outcome {
    const outcome = super.ask(request, tid);
    for (const { where, what } of violations(this.state)) throw new Error(`${where}: ${what}`);
    return outcome;
  }

  /** The CPU turns to a task, 0 for idle; what ran leaves in `state`, for good if it has exited. */
  turn(cpu: number, next: number, state?: string): Outcome {
    const current = this.state.cpus.get(cpu)?.current ?? 0;
    const idle = current < 0;
    const task = this.state.tasks.get(current as Pid);
    const leaves = state ?? (task && isLive(task) ? "S" : "X");
    return this.ask({ call: "switch", cpu, next, state: idle ? "R" : leaves }, (idle ? 0 : current) as Pid);
  }

  /** Forks a child of this pid. */
  fork(child: number, parent: Pid = FIRST, flags = 17): Pid {
    this.ask({ call: "clone", flags, child: pid(child) }, parent);
    return pid(child);
  }

  /** A task by its pid; 0, -1 … are the idle tasks of the CPUs. */
  task(tid: number): Task {
    const task = this.state.tasks.get((tid <= 0 ? idlePid(-tid) : tid) as Pid);
    if (!task) throw new Error(`no task ${tid}`);
    return task;
  }

  /** mm_users and mm_count; undefined for an address space that was freed. */
  counts(mm: MmId): readonly [number, number] | undefined {
    const found = this.state.mms.get(mm);
    return found && [found.mmUsers, found.mmCount];
  }

  /** Who holds an address space, in words. */
  holders(mm: MmId): readonly string[] {
    return [...this.state.refs.values()]
      .filter((ref) => ref.mm === mm)
      .map(({ holder }) => holderText(holder));
  }
}
