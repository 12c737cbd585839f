import { INIT_MM, type MmId } from "../base/index.ts";
import { Tlb, type TlbShape } from "./tlb.ts";

/** Address spaces of which one CPU keeps translations at a time. */
export const TLB_NR_DYN_ASIDS = 6;

/** The TLBs of a machine as its profile has them: how each is built, and whether CR3 carries a PCID. */
export interface TlbModel {
  readonly entries: number;
  readonly ways: number;
  readonly replacement: "lru" | "fifo" | "random";
  /** Where the numbers of "random" begin. */
  readonly seed: number;
  readonly pcid: boolean;
}

export const tlbShape = ({ entries, ways, replacement, seed }: TlbModel): TlbShape => ({
  entries,
  ways,
  replacement: replacement === "random" ? { seed } : replacement,
});

/** What the TLB code knows of one address space: mm_context_t and mm_cpumask. */
export interface MmContext {
  readonly mm: MmId;
  /** Never used again for another address space; that of init_mm is 1. */
  readonly ctxId: number;
  /** How many flushes have been asked for. */
  readonly tlbGen: number;
  /** CPUs that may hold translations, ascending. A CPU leaves when a request finds something else loaded. */
  readonly cpumask: readonly number[];
}

/** Which address space an ASID of one CPU stands for, and the last flush that it has seen: struct tlb_context. */
export interface TlbContext {
  /** 0 while the ASID stands for none. */
  readonly ctxId: number;
  readonly tlbGen: number;
}

/** What happened to one CPU's TLB so far, for a view. The kernel counts some of it in /proc/vmstat. */
export interface TlbCounts {
  readonly hits: number;
  readonly misses: number;
  readonly fills: number;
  /** Translations that went because their place was needed. */
  readonly evictions: number;
  /** Pages flushed one by one: nr_tlb_local_flush_one. */
  readonly pageFlushes: number;
  /** Flushes of all that an address space had, or of everything: by requests and by switches. */
  readonly fullFlushes: number;
  /** Loads of CR3. */
  readonly switches: number;
  /** Requests from here that asked other CPUs: nr_tlb_remote_flush. */
  readonly shootdowns: number;
  readonly ipisSent: number;
  /** nr_tlb_remote_flush_received. */
  readonly ipisReceived: number;
}

/** One CPU's TLB and the kernel's record of it: struct tlb_state. */
export interface CpuTlb {
  readonly cpu: number;
  readonly tlb: Tlb;
  /** The address space in CR3. */
  readonly loadedMm: MmId;
  readonly loadedAsid: number;
  /** A kernel thread runs on a borrowed address space. */
  readonly isLazy: boolean;
  /** The ASID to take next for an address space that has none here; 6 wraps to 0. */
  readonly nextAsid: number;
  /** By ASID. */
  readonly ctxs: readonly TlbContext[];
  readonly counts: TlbCounts;
}

export type MmContextDraft = { -readonly [K in keyof MmContext]: MmContext[K] };
export type CpuTlbDraft = { -readonly [K in Exclude<keyof CpuTlb, "ctxs" | "counts">]: CpuTlb[K] } & {
  ctxs: TlbContext[];
  counts: { -readonly [K in keyof TlbCounts]: number };
};

const NO_COUNTS: TlbCounts = {
  hits: 0,
  misses: 0,
  fills: 0,
  evictions: 0,
  pageFlushes: 0,
  fullFlushes: 0,
  switches: 0,
  shootdowns: 0,
  ipisSent: 0,
  ipisReceived: 0,
};

const NO_CONTEXT: TlbContext = { ctxId: 0, tlbGen: 0 };

/** The context of init_mm at boot. */
export const initContext = (): MmContext => ({ mm: INIT_MM, ctxId: 1, tlbGen: 1, cpumask: [] });

/**
 * The context of a new address space.
 *
 * @param ctxId one that no address space had before, above 1
 * @kernel init_new_context, arch/x86/include/asm/mmu_context.h (6.18)
 */
export const newContext = (mm: MmId, ctxId: number): MmContext => ({ mm, ctxId, tlbGen: 0, cpumask: [] });

/**
 * A CPU at boot: init_mm is loaded with ASID 0, and nothing is cached.
 * @kernel initialize_tlbstate_and_flush, arch/x86/mm/tlb.c (6.18)
 */
export function bootedCpu(cpu: number, shape: TlbShape, init: MmContext): CpuTlb {
  const ctxs = Array.from({ length: TLB_NR_DYN_ASIDS }, () => NO_CONTEXT);
  ctxs[0] = { ctxId: init.ctxId, tlbGen: init.tlbGen };
  const loaded = { loadedMm: INIT_MM, loadedAsid: 0, isLazy: false, nextAsid: 1 };
  return { cpu, tlb: Tlb.empty(shape), ...loaded, ctxs, counts: NO_COUNTS };
}

/** A CPU that comes back begins anew, but for what it has counted. */
export function resetCpu(machine: TlbMachine, cpuId: number): void {
  const cpu = machine.cpu(cpuId);
  const { tlb, ctxs, ...fresh } = bootedCpu(cpuId, cpu.tlb.shape, machine.peekContext(INIT_MM));
  Object.assign(cpu, { ...fresh, counts: cpu.counts, ctxs: ctxs.slice(), tlb: tlb.clone() });
}

/** A copy of a CPU's record to change in place. */
export const checkOutCpu = (cpu: CpuTlb): CpuTlbDraft => ({
  ...cpu,
  tlb: cpu.tlb.clone(),
  ctxs: cpu.ctxs.slice(),
  counts: { ...cpu.counts },
});

/** Makes a copy that was changed part of a state. */
export function freezeCpu(draft: CpuTlbDraft): CpuTlb {
  Object.freeze(draft.ctxs);
  Object.freeze(draft.counts);
  return Object.freeze(draft);
}

/** The machine as the TLB code sees it. Records are checked out once and changed in place. */
export interface TlbMachine {
  /** Whether CR3 carries a PCID: without, there is ASID 0 only, and every load of CR3 flushes. */
  readonly pcid: boolean;
  /** The CPUs that are online, ascending. */
  cpus(): Iterable<number>;
  peekCpu(cpu: number): CpuTlb;
  cpu(cpu: number): CpuTlbDraft;
  peekContext(mm: MmId): MmContext;
  context(mm: MmId): MmContextDraft;
}
