import { assert, INIT_MM, type MmId } from "../base/index.ts";
import type { TlbEntry, Translation } from "./tlb.ts";
import {
  type CpuTlb,
  type CpuTlbDraft,
  type MmContext,
  TLB_NR_DYN_ASIDS,
  type TlbContext,
  type TlbMachine,
} from "./tlb-state.ts";

/** Requests for more entries than this flush everything: tlb_single_page_flush_ceiling. */
export const TLB_SINGLE_PAGE_FLUSH_CEILING = 33;

/** The PCID under which CR3 is loaded for an ASID while the kernel runs. */
export const kernPcid = (asid: number): number => asid + 1;

/** The one under which user code runs, where page-table isolation keeps two views. */
export const userPcid = (asid: number): number => kernPcid(asid) + 2048;

/** How an access found its translation; without an entry the tables have none, and the access faults. */
export interface TlbAccess {
  readonly hit: boolean;
  readonly entry: TlbEntry | undefined;
}

/**
 * Translates a page on a CPU: from the cache, or by a walk of the loaded tables, whose result is then cached. A
 * cached translation that does not grant the access is dropped, and the tables decide.
 *
 * @param walk what the tables of an address space say; undefined where they do not grant the access
 * @param grants whether a cached translation does
 */
export function tlbAccess(
  cpu: CpuTlbDraft,
  vpn: number,
  walk: (mm: MmId, vpn: number) => Translation | undefined,
  grants: (cached: Translation) => boolean = () => true,
): TlbAccess {
  const cached = cpu.tlb.lookup(cpu.loadedAsid, vpn);
  if (cached) assert(!cpu.isLazy || cached.global, `CPU ${cpu.cpu} uses what it only borrows`);
  if (cached && grants(cached)) {
    cpu.counts.hits += 1;
    return { hit: true, entry: cached };
  }
  if (cached) cpu.tlb.flushPage(cpu.loadedAsid, vpn);
  cpu.counts.misses += 1;
  const found = walk(cpu.loadedMm, vpn);
  if (!found) return { hit: false, entry: undefined };
  if (cpu.tlb.fill(cpu.loadedAsid, found)) cpu.counts.evictions += 1;
  cpu.counts.fills += 1;
  return { hit: false, entry: cpu.tlb.peek(cpu.loadedAsid, vpn) };
}

/** What a switch did: whether CR3 was loaded, with which ASID, and whether that flushed it. */
export interface Switched {
  readonly loaded: boolean;
  readonly asid: number;
  readonly flushed: boolean;
}

/**
 * Makes `next` the address space that a CPU uses. The CPU stays in the mask of the one before.
 * @kernel switch_mm_irqs_off, arch/x86/mm/tlb.c (6.18)
 */
export function switchMm(machine: TlbMachine, cpuId: number, next: MmId): Switched {
  const cpu = machine.cpu(cpuId);
  const wasLazy = cpu.isLazy;
  cpu.isLazy = false;
  if (cpu.loadedMm === next) {
    const asid = cpu.loadedAsid;
    const context = machine.peekContext(next);
    const missedNone = contextOf(cpu, asid).tlbGen === context.tlbGen;
    if (!wasLazy || missedNone) return { loaded: false, asid, flushed: false };
    return loadMm(machine, cpu, context, { asid, needFlush: true });
  }
  if (next !== INIT_MM) enterMask(machine, next, cpuId);
  const context = machine.peekContext(next);
  return loadMm(machine, cpu, context, chooseNewAsid(machine, cpu, context));
}

interface NewAsid {
  readonly asid: number;
  readonly needFlush: boolean;
}

/**
 * The ASID that the address space has here, or the next one in turn.
 * @kernel choose_new_asid, arch/x86/mm/tlb.c (6.18)
 */
function chooseNewAsid({ pcid }: TlbMachine, cpu: CpuTlbDraft, next: MmContext): NewAsid {
  if (!pcid) return { asid: 0, needFlush: true };
  const held = cpu.ctxs.findIndex(({ ctxId }) => ctxId === next.ctxId);
  if (held >= 0) return { asid: held, needFlush: contextOf(cpu, held).tlbGen < next.tlbGen };
  const asid = cpu.nextAsid < TLB_NR_DYN_ASIDS ? cpu.nextAsid : 0;
  cpu.nextAsid = asid + 1;
  return { asid, needFlush: true };
}

/** Loads CR3 and keeps record of it: load_new_mm_cr3. */
function loadMm({ pcid }: TlbMachine, cpu: CpuTlbDraft, next: MmContext, chosen: NewAsid): Switched {
  const { asid, needFlush } = chosen;
  if (needFlush) {
    cpu.ctxs[asid] = { ctxId: next.ctxId, tlbGen: next.tlbGen };
    flushLoaded(cpu, pcid, asid);
  }
  cpu.counts.switches += 1;
  cpu.loadedMm = next.mm;
  cpu.loadedAsid = asid;
  return { loaded: true, asid, flushed: needFlush };
}

/**
 * A kernel thread goes on with the address space that is loaded: no load of CR3, no flush.
 * @kernel enter_lazy_tlb, arch/x86/mm/tlb.c (6.18)
 */
export function enterLazyTlb(machine: TlbMachine, cpuId: number): void {
  if (machine.peekCpu(cpuId).loadedMm !== INIT_MM) machine.cpu(cpuId).isLazy = true;
}

/** Entries for pages [start, end) of an address space were taken away, or grant less than before. */
export interface FlushRequest {
  readonly mm: MmId;
  readonly start: number;
  readonly end: number;
  /** Pages that one entry maps, 1 unless they are large; all of them have the same size. */
  readonly stride?: number;
  /** Page tables were freed: a CPU that only borrows the address space must leave it. */
  readonly freedTables?: boolean;
  /** Also ask CPUs of the mask that run something else, so that they leave it: at most once a second. */
  readonly trim?: boolean;
}

/** How a request was done. */
export interface Shootdown {
  /** Everything, because the pages were too many to go one by one. */
  readonly full: boolean;
  /** Other CPUs that got an IPI, ascending. */
  readonly ipis: readonly number[];
}

/** A request with its place in the order of requests: struct flush_tlb_info. */
export interface FlushInfo extends FlushRequest {
  readonly full: boolean;
  readonly newTlbGen: number;
  readonly initiatingCpu: number;
}

/**
 * Makes every CPU forget what a range of an address space translated to, as far as it could still use it: CPUs
 * that are lazy, or run something else, catch up when they come back.
 *
 * @param cpuId the CPU that asks
 * @kernel flush_tlb_mm_range, arch/x86/mm/tlb.c (6.18)
 */
export function flushTlbMmRange(machine: TlbMachine, cpuId: number, request: FlushRequest): Shootdown {
  const { mm, start, end, stride = 1 } = request;
  const context = machine.context(mm);
  context.tlbGen += 1;
  const full = Math.floor((end - start) / stride) > TLB_SINGLE_PAGE_FLUSH_CEILING;
  const info: FlushInfo = { ...request, full, newTlbGen: context.tlbGen, initiatingCpu: cpuId };
  if (context.cpumask.some((cpu) => cpu !== cpuId)) return { full, ipis: flushTlbMulti(machine, info) };
  if (machine.peekCpu(cpuId).loadedMm === mm) flushTlbFunc(machine, cpuId, info);
  return { full, ipis: [] };
}

/**
 * Asks the CPUs of the mask that have to know, the asking one among them, and answers who got an IPI.
 * @kernel native_flush_tlb_multi, arch/x86/mm/tlb.c (6.18)
 */
function flushTlbMulti(machine: TlbMachine, info: FlushInfo): readonly number[] {
  const { cpumask } = machine.peekContext(info.mm);
  const online = new Set(machine.cpus());
  const asked = cpumask.filter(
    (cpu) => online.has(cpu) && (info.freedTables || shouldFlushTlb(machine.peekCpu(cpu), info)),
  );
  const ipis = asked.filter((cpu) => cpu !== info.initiatingCpu);
  const { counts } = machine.cpu(info.initiatingCpu);
  counts.shootdowns += 1;
  counts.ipisSent += ipis.length;
  for (const cpu of asked) flushTlbFunc(machine, cpu, info);
  return ipis;
}

/** should_flush_tlb: a lazy CPU catches up at its next switch. */
const shouldFlushTlb = (cpu: CpuTlb, { mm, trim }: FlushInfo): boolean =>
  !cpu.isLazy && (cpu.loadedMm === mm || trim === true);

/**
 * One CPU does a request: in an IPI, or as the one that asked. One that comes late, after a later request, finds
 * nothing to do, because that one flushed everything.
 * @kernel flush_tlb_func, arch/x86/mm/tlb.c (6.18)
 */
export function flushTlbFunc(machine: TlbMachine, cpuId: number, info: FlushInfo): void {
  const cpu = machine.cpu(cpuId);
  if (cpuId !== info.initiatingCpu) cpu.counts.ipisReceived += 1;
  if (cpu.loadedMm !== info.mm) {
    leaveMask(machine, info.mm, cpuId);
    return;
  }
  if (cpu.isLazy) {
    switchMm(machine, cpuId, INIT_MM);
    return;
  }
  const local = contextOf(cpu, cpu.loadedAsid);
  const { tlbGen } = machine.peekContext(info.mm);
  if (local.tlbGen === tlbGen) return;
  const isNext = info.newTlbGen === local.tlbGen + 1 && info.newTlbGen === tlbGen;
  if (isNext && !info.full) flushPages(cpu, info);
  else flushLoaded(cpu, machine.pcid, cpu.loadedAsid);
  cpu.ctxs[cpu.loadedAsid] = { ctxId: local.ctxId, tlbGen };
}

/** CPUs that may know pages which reclaim took, until they are asked to forget: struct tlbflush_unmap_batch. */
export type UnmapBatch = Set<number>;

/**
 * A page was taken out of an address space by reclaim: forgotten at once where no CPU but this one may know it;
 * else the CPUs that may wait for the end of the batch.
 *
 * @kernel should_defer_flush, mm/rmap.c; arch_tlbbatch_add_pending, arch/x86/include/asm/tlbflush.h (6.18)
 */
export function flushUnmapped(
  machine: TlbMachine,
  cpuId: number,
  mm: MmId,
  page: number,
  batch: UnmapBatch,
): void {
  const { cpumask } = machine.peekContext(mm);
  if (!cpumask.some((cpu) => cpu !== cpuId)) {
    flushTlbMmRange(machine, cpuId, { mm, start: page, end: page + 1 });
    return;
  }
  machine.context(mm).tlbGen += 1;
  for (const cpu of cpumask) batch.add(cpu);
}

/**
 * The CPUs of a batch forget all that they know of the address space that they have loaded.
 * @kernel arch_tlbbatch_flush, arch/x86/mm/tlb.c (6.18)
 */
export function flushBatch(machine: TlbMachine, cpuId: number, batch: UnmapBatch): void {
  if (batch.size === 0) return;
  const online = new Set(machine.cpus());
  const asked = [...batch].filter((cpu) => online.has(cpu) && !machine.peekCpu(cpu).isLazy);
  const ipis = asked.filter((cpu) => cpu !== cpuId).length;
  batch.clear();
  const { counts } = machine.cpu(cpuId);
  counts.shootdowns += 1;
  counts.ipisSent += ipis;
  for (const id of asked.sort((a, b) => a - b)) {
    const cpu = machine.cpu(id);
    if (id !== cpuId) cpu.counts.ipisReceived += 1;
    if (cpu.loadedMm === INIT_MM) continue;
    const { ctxId, tlbGen } = machine.peekContext(cpu.loadedMm);
    if (contextOf(cpu, cpu.loadedAsid).tlbGen === tlbGen) continue;
    flushLoaded(cpu, machine.pcid, cpu.loadedAsid);
    cpu.ctxs[cpu.loadedAsid] = { ctxId, tlbGen };
  }
}

function flushPages(cpu: CpuTlbDraft, { start, end, stride = 1 }: FlushInfo): void {
  for (let vpn = start; vpn < end; vpn += stride) cpu.tlb.flushPage(cpu.loadedAsid, vpn);
  // As the kernel counts: a table that went with nothing in it is none.
  cpu.counts.pageFlushes += Math.floor((end - start) / stride);
}

function flushLoaded(cpu: CpuTlbDraft, pcid: boolean, asid: number): void {
  if (pcid) cpu.tlb.flushAsid(asid);
  else cpu.tlb.flushNonGlobal();
  cpu.counts.fullFlushes += 1;
}

/**
 * Makes every CPU forget what pages [start, end) of the kernel half translated to, whatever it runs.
 * @kernel flush_tlb_kernel_range, arch/x86/mm/tlb.c (6.18)
 */
export function flushTlbKernelRange(
  machine: TlbMachine,
  cpuId: number,
  start: number,
  end: number,
): Shootdown {
  if (end - start > TLB_SINGLE_PAGE_FLUSH_CEILING) return flushTlbAll(machine, cpuId);
  return onEachCpu(machine, cpuId, false, (cpu) => {
    cpu.tlb.flushRange(cpu.loadedAsid, start, end);
    cpu.counts.pageFlushes += end - start;
  });
}

/**
 * Empties the TLBs of all CPUs, global entries included.
 * @kernel flush_tlb_all, arch/x86/mm/tlb.c (6.18)
 */
export function flushTlbAll(machine: TlbMachine, cpuId: number): Shootdown {
  return onEachCpu(machine, cpuId, true, (cpu) => {
    cpu.tlb.flushAll();
    cpu.counts.fullFlushes += 1;
  });
}

function onEachCpu(
  machine: TlbMachine,
  cpuId: number,
  full: boolean,
  flush: (cpu: CpuTlbDraft) => void,
): Shootdown {
  const ipis: number[] = [];
  for (const id of machine.cpus()) {
    const cpu = machine.cpu(id);
    flush(cpu);
    if (id === cpuId) continue;
    cpu.counts.ipisReceived += 1;
    ipis.push(id);
  }
  const { counts } = machine.cpu(cpuId);
  counts.shootdowns += 1;
  counts.ipisSent += ipis.length;
  return { full, ipis };
}

function contextOf(cpu: Pick<CpuTlb, "cpu" | "ctxs">, asid: number): TlbContext {
  const context = cpu.ctxs[asid];
  assert(context, `ASID ${asid} of CPU ${cpu.cpu}`);
  return context;
}

function enterMask(machine: TlbMachine, mm: MmId, cpu: number): void {
  const { cpumask } = machine.peekContext(mm);
  if (!cpumask.includes(cpu)) machine.context(mm).cpumask = [...cpumask, cpu].sort((a, b) => a - b);
}

function leaveMask(machine: TlbMachine, mm: MmId, cpu: number): void {
  const context = machine.context(mm);
  context.cpumask = context.cpumask.filter((other) => other !== cpu);
}
