import {
  type KernelHalf,
  KM_TYPES,
  type KmType,
  kernelVirtual,
  kmapSlotsPerCpu,
  NR_CPUS_32,
} from "../arch/index.ts";
import { assert, ok, PAGE_SIZE, type Result, refuse } from "../base/index.ts";
import { fixedSlots, fixToVirt, virtToFix } from "./fixmap.ts";
import type { Kspace, KspaceDraft, KspaceEnv } from "./kspace.ts";

/** Whether a frame lies above the direct map: PageHighMem. */
export const isHighMem = (pfn: number, { lowMemory }: KernelHalf): boolean =>
  BigInt(pfn) * BigInt(PAGE_SIZE) >= lowMemory;

/** The address of a slot of kmap: PKMAP_ADDR. */
export function pkmapAddress(half: KernelHalf, slot: number): bigint {
  assert(half.pkmap, `${half.name} has slots for kmap`);
  return half.pkmap.start + BigInt(slot * PAGE_SIZE);
}

/** Where a frame without a slot of its own is seen; a frame that the machine lacks is refused. */
function directAddress(pfn: number, { half, totalPages }: KspaceEnv): Result<bigint> {
  if (pfn < 0 || pfn >= totalPages) return refuse("EINVAL", `frame ${pfn} of ${totalPages}`);
  return kernelVirtual(BigInt(pfn) * BigInt(PAGE_SIZE), half);
}

const isLow = (pfn: number, { half, totalPages }: KspaceEnv): boolean =>
  pfn < 0 || pfn >= totalPages || !isHighMem(pfn, half);

/**
 * Gives a frame an address until as many `kunmap` as `kmap` were asked for it. Low memory has one anyway; a high
 * frame gets a slot, or shares the one that it has.
 *
 * @param tid who asks, and sleeps where no slot is free
 * @refuses EINVAL for a frame that the machine lacks; EAGAIN when all slots are in use: the task now waits, and
 *   has its slot as soon as a `kunmap` can give it one
 * @kernel kmap_high, mm/highmem.c (6.18)
 */
export function kmap(k: KspaceDraft, env: KspaceEnv, pfn: number, tid: number): Result<bigint> {
  if (isLow(pfn, env)) return directAddress(pfn, env);
  const slot = kmapHigh(k, env.half, pfn);
  if (slot !== undefined) return ok(pkmapAddress(env.half, slot));
  k.waiters = [...k.waiters, Object.freeze({ tid, pfn })];
  return refuse("EAGAIN", `all ${pkmapSlots(env.half)} slots are in use: task ${tid} sleeps until a kunmap`);
}

const pkmapSlots = (half: KernelHalf): number => half.pkmap?.slots ?? 0;

/** One more user of a frame's slot; undefined when there is no slot for it. */
function kmapHigh(k: KspaceDraft, half: KernelHalf, pfn: number): number | undefined {
  const slot = k.pageAddress.get(pfn) ?? mapNewVirtual(k, half, pfn);
  if (slot === undefined) return undefined;
  const { count } = slotAt(k, slot);
  k.pkmap.set(slot, Object.freeze({ pfn, count: count + 1 }));
  return slot;
}

/**
 * A free slot for a frame: the next after the one handed out last. Each time the search begins again at slot 0,
 * slots without users are flushed, which makes them free.
 * @kernel map_new_virtual, mm/highmem.c (6.18)
 */
function mapNewVirtual(k: KspaceDraft, half: KernelHalf, pfn: number): number | undefined {
  const slots = pkmapSlots(half);
  let left = slots;
  while (left > 0) {
    k.lastPkmap = (k.lastPkmap + 1) % slots;
    if (k.lastPkmap === 0) {
      flushAllZeroPkmaps(k);
      left = slots;
    }
    if (!k.pkmap.has(k.lastPkmap)) {
      k.pkmap.set(k.lastPkmap, Object.freeze({ pfn, count: 1 }));
      k.pageAddress.set(pfn, k.lastPkmap);
      return k.lastPkmap;
    }
    left -= 1;
  }
  return undefined;
}

/**
 * Unmaps every slot that has no users any more, with one flush of the TLBs for all of them.
 * @kernel flush_all_zero_pkmaps, mm/highmem.c (6.18)
 */
function flushAllZeroPkmaps(k: KspaceDraft): void {
  const stale = [...k.pkmap].filter(([, { count }]) => count === 1);
  for (const [slot, { pfn }] of stale) {
    k.pkmap.delete(slot);
    k.pageAddress.delete(pfn);
  }
  if (stale.length > 0) k.pkmapFlushes += 1;
}

/**
 * One user less. The slot stays mapped until the next flush; who waits for a slot is woken when it has no users.
 *
 * @refuses EINVAL for a high frame without users, which the kernel stops at
 * @kernel kunmap_high, mm/highmem.c (6.18)
 */
export function kunmap(k: KspaceDraft, env: KspaceEnv, pfn: number): Result<undefined> {
  if (isLow(pfn, env)) {
    const direct = directAddress(pfn, env);
    return direct.ok ? ok(undefined) : direct;
  }
  const slot = k.pageAddress.get(pfn);
  const count = slot === undefined ? 1 : slotAt(k, slot).count;
  if (slot === undefined || count === 1) return refuse("EINVAL", `frame ${pfn} is not mapped by kmap`);
  k.pkmap.set(slot, Object.freeze({ pfn, count: count - 1 }));
  if (count === 2) wakeWaiters(k, env.half);
  return ok(undefined);
}

/** Each in its turn tries again; who finds no slot sleeps on. */
function wakeWaiters(k: KspaceDraft, half: KernelHalf): void {
  k.waiters = k.waiters.filter(({ pfn }) => kmapHigh(k, half, pfn) === undefined);
}

function slotAt(k: KspaceDraft, slot: number): { readonly pfn: number; readonly count: number } {
  const found = k.pkmap.get(slot);
  assert(found, `slot ${slot} is mapped`);
  return found;
}

/** The address of one of a CPU's slots; `index` counts from FIX_KMAP_BEGIN. */
export const kmapLocalAddress = ({ fixmap }: KernelHalf, index: number): bigint =>
  fixToVirt(fixmap, fixedSlots(fixmap, "FIX_KMAP").from + index);

/** How many slots of a CPU's stack are taken: kmap_ctrl.idx of what runs there. */
export function kmapDepth(k: Pick<Kspace, "locals">, { kmapSlots }: KernelHalf, cpu: number): number {
  const first = cpu * kmapSlotsPerCpu(kmapSlots);
  let depth = 0;
  while (depth < kmapSlotsPerCpu(kmapSlots) && k.locals.has(first + depth)) depth += 1;
  return depth;
}

const noCpu = (cpu: number): Result<never> => refuse("EINVAL", `CPU ${cpu} of ${NR_CPUS_32}`);
const isCpu = (cpu: number): boolean => cpu >= 0 && cpu < NR_CPUS_32;

/**
 * Gives a frame an address on one CPU, until it is taken back in the reverse order: kmap_atomic and kmap_local_page
 * of kernels that keep a stack of slots.
 *
 * @refuses EINVAL for a frame that the machine lacks, EBUSY when all slots of the CPU are taken, at which the
 *   kernel stops
 * @kernel __kmap_local_pfn_prot, mm/highmem.c (6.18)
 */
export function kmapLocal(k: KspaceDraft, env: KspaceEnv, cpu: number, pfn: number): Result<bigint> {
  if (isLow(pfn, env)) return directAddress(pfn, env);
  if (!isCpu(cpu)) return noCpu(cpu);
  const most = kmapSlotsPerCpu("stack");
  const depth = kmapDepth(k, env.half, cpu);
  if (depth === most) return refuse("EBUSY", `all ${most} slots of CPU ${cpu} are taken`);
  return takeSlot(k, env.half, cpu * most + depth, pfn);
}

function takeSlot(k: KspaceDraft, half: KernelHalf, index: number, pfn: number): Result<bigint> {
  k.locals.set(index, pfn);
  return ok(kmapLocalAddress(half, index));
}

/**
 * Takes back the slot that a CPU took last. Addresses of the direct map and of kmap had none, and are fine.
 *
 * @refuses EINVAL for another slot: the kernel warns, and unmaps the wrong one
 * @kernel kunmap_local_indexed, mm/highmem.c (6.18)
 */
export function kunmapLocal(k: KspaceDraft, env: KspaceEnv, cpu: number, address: bigint): Result<undefined> {
  const { half } = env;
  const slot = half.bits === 32 ? virtToFix(half.fixmap, address) : undefined;
  const { from, to } = slot === undefined ? { from: 0, to: 0 } : fixedSlots(half.fixmap, "FIX_KMAP");
  if (slot === undefined || slot < from || slot >= to) {
    if (address >= half.pageOffset) return ok(undefined);
    return refuse("EINVAL", `0x${address.toString(16)} is a user address`);
  }
  if (!isCpu(cpu)) return noCpu(cpu);
  const depth = kmapDepth(k, half, cpu);
  const last = cpu * kmapSlotsPerCpu("stack") + depth - 1;
  if (depth === 0) return refuse("EINVAL", `CPU ${cpu} has no slot taken`);
  if (slot !== from + last)
    return refuse(
      "EINVAL",
      `not nested: CPU ${cpu} took 0x${kmapLocalAddress(half, last).toString(16)} last`,
    );
  k.locals.delete(last);
  return ok(undefined);
}

/**
 * Gives a frame the one slot that a CPU has for a purpose: kmap_atomic up to 2.6.36.
 *
 * @refuses EINVAL for a frame that the machine lacks; EBUSY when the slot is taken, where the kernel would
 *   overwrite it
 */
export function kmapAtomicTyped(
  k: KspaceDraft,
  env: KspaceEnv,
  cpu: number,
  { type, pfn }: { readonly type: KmType; readonly pfn: number },
): Result<bigint> {
  if (isLow(pfn, env)) return directAddress(pfn, env);
  if (!isCpu(cpu)) return noCpu(cpu);
  const index = typedIndex(cpu, type);
  if (k.locals.has(index))
    return refuse("EBUSY", `${type} of CPU ${cpu} is taken by frame ${k.locals.get(index)}`);
  return takeSlot(k, env.half, index, pfn);
}

/**
 * Takes a purpose's slot back; one that is free already stays so, as after a frame of low memory.
 *
 * @refuses EINVAL for a CPU that is none
 */
export function kunmapAtomicTyped(k: KspaceDraft, cpu: number, type: KmType): Result<undefined> {
  if (!isCpu(cpu)) return noCpu(cpu);
  k.locals.delete(typedIndex(cpu, type));
  return ok(undefined);
}

const typedIndex = (cpu: number, type: KmType): number =>
  KM_TYPES.indexOf(type) + cpu * kmapSlotsPerCpu("typed");
