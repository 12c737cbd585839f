import type { MmId, Pid } from "../base/index.ts";

/** How a CPU that goes on with an address space of nobody's keeps it from being freed: MMU_LAZY_TLB_*. */
export type LazyTlb = "refcount" | "shootdown";

/** What a log tells of scheduling: how many CPUs there are (0 where it tells nothing), and the kernel's variant. */
export interface Scheduling {
  readonly cpus: number;
  readonly lazyTlb: LazyTlb;
}

/** One CPU: its run queue's current task, and what its TLB was told of. */
export interface Cpu {
  readonly id: number;
  readonly online: boolean;
  /** rq->curr, by its key among the tasks. */
  readonly current: Pid;
  /** cpu_tlbstate.loaded_mm: whose page tables CR3 points to. */
  readonly loadedMm: MmId;
  /** cpu_tlbstate_shared.is_lazy: a task runs that does not need them. */
  readonly lazy: boolean;
  /** rq->prev_mm: borrowed until now, to be dropped by finish_task_switch; NO_MM but in between. */
  readonly prevMm: MmId;
  /** The task that was switched away from, until finish_task_switch; 0 for none. */
  readonly prev: Pid;
}

export type CpuDraft = { -readonly [K in keyof Cpu]: Cpu[K] };
