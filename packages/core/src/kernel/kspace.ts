import {
  KERNEL_HALF_CLASSIC,
  type KernelHalf,
  KM_TYPES,
  type KmapSlots,
  kernelHalf32,
  kernelHalfOf,
} from "../arch/index.ts";
import {
  PAGE_SIZE,
  type Pid,
  type Refusal,
  type Result,
  shrink,
  type Vpn,
  type Word,
} from "../base/index.ts";
import {
  FrameSource,
  type KspaceEnv,
  kmap,
  kmapAtomicTyped,
  kmapLocal,
  kunmap,
  kunmapAtomicTyped,
  kunmapLocal,
  type PageAllocator,
  vfree,
  vmalloc,
  vmallocAt,
  vmap,
  vunmap,
} from "../kspace/index.ts";
import { flushTlbAll } from "../paging/index.ts";
import type { Profile } from "./profile.ts";
import type { Outcome, Request } from "./request.ts";
import type { Transaction } from "./transaction.ts";

const PAGE = BigInt(PAGE_SIZE);

/** CPUs of the reference machine: they decide how many pages may wait to be purged. */
const CPUS = 2;

/** Frames that are handed out at most, whatever the machine has: 16 GiB. */
const MOST_FRAMES = 2 ** 22;

/** What a 32-bit machine has at most, taken where nothing is known of it. */
const ALL_MEMORY_32 = 1n << 32n;

const halves = new WeakMap<Profile, KernelHalf>();

/** The kernel half of the machine: on a 32-bit kernel it depends on the memory. */
export function kernelHalf(profile: Profile): KernelHalf {
  const known = halves.get(profile);
  if (known) return known;
  const { layout } = profile;
  const classic = profile.kernelHalf === "classic";
  const half =
    layout === "i386"
      ? half32(profile)
      : classic && layout === "x86-64"
        ? KERNEL_HALF_CLASSIC
        : kernelHalfOf(layout);
  halves.set(profile, half);
  return half;
}

/** Entries of 64 bits where the machine's tables have them; slots by purpose where the kernel is that old. */
function half32({ sysctl, pages, kernelHalf: age }: Profile): KernelHalf {
  const memory = Number.isFinite(sysctl.totalPages) ? BigInt(sysctl.totalPages) * PAGE : ALL_MEMORY_32;
  return kernelHalf32({
    pae: pages.paging === "pae",
    kmapSlots: age === "classic" ? "typed" : "stack",
    memory,
  });
}

function envOf(tx: Transaction): KspaceEnv {
  const half = kernelHalf(tx.profile);
  const most = half.bits === 32 ? 2 ** 20 : Number(half.lowMemory / PAGE);
  const totalPages = Math.min(tx.sysctl.totalPages, most);
  return {
    half,
    totalPages,
    cpus: CPUS,
    frames: framesOf(tx, totalPages),
  };
}

/** Frames come from the buddy allocator, where pages are modelled: of any zone, and none of the last reserve. */
function framesOf(tx: Transaction, totalPages: number): PageAllocator {
  const phys = tx.memory?.phys;
  if (!phys) return new FrameSource(tx.kspace(), Math.min(totalPages, MOST_FRAMES));
  return {
    alloc: (order) => phys.alloc(order, "user"),
    free: (pfn) => phys.put(pfn),
  };
}

const pageOfWord = (addr: Word): number => Number(BigInt(addr) / PAGE);
const refused = ({ errno, why }: Refusal): Outcome => ({ errno, why });
const done = (result: Result<undefined>): Outcome => (result.ok ? { ret: 0 } : refused(result.error));
const at = (result: Result<bigint>): Outcome =>
  result.ok ? { ret: shrink(result.value) } : refused(result.error);
const atPage = (result: Result<Vpn>): Outcome =>
  result.ok ? { ret: shrink(BigInt(result.value) * PAGE) } : refused(result.error);

/** Requests of kernel code about its own half; undefined for all others. */
export function executeInKernel(tx: Transaction, tid: Pid, r: Request): Outcome | undefined {
  const flushes = tx.tlb && flushesOf(tx);
  const outcome = answer(tx, tid, r);
  if (tx.tlb && flushesOf(tx) !== flushes) flushTlbAll(tx.tlb, tx.tlb.acting);
  return outcome;
}

/** Flushes of all TLBs so far: of areas that were freed, and of slots that nobody uses any more. */
const flushesOf = (tx: Transaction): number => tx.peekKspace().purges + tx.peekKspace().pkmapFlushes;

function answer(tx: Transaction, tid: Pid, r: Request): Outcome | undefined {
  switch (r.call) {
    case "vmalloc":
      return atPage(vmalloc(tx.kspace(), envOf(tx), r.bytes, r.caller ?? ""));
    case "vfree":
      return freeArea(tx, r.addr, vfree);
    case "vmap":
      return mapFrames(tx, r);
    case "vunmap":
      return freeArea(tx, r.addr, vunmap);
    case "kmap":
      return at(kmap(tx.kspace(), envOf(tx), r.pfn, tid));
    case "kunmap":
      return done(kunmap(tx.kspace(), envOf(tx), r.pfn));
    case "kmap_local":
      return forSlots(tx, "stack", () => at(kmapLocal(tx.kspace(), envOf(tx), r.cpu, r.pfn)));
    case "kunmap_local":
      return forSlots(tx, "stack", () => done(kunmapLocal(tx.kspace(), envOf(tx), r.cpu, BigInt(r.addr))));
    case "kmap_atomic":
    case "kunmap_atomic":
      return forSlots(tx, "typed", () => atomic(tx, r));
    default:
      return undefined;
  }
}

/** vfree or vunmap, of an address: one that is not a page's is refused with a warning. */
function freeArea(tx: Transaction, addr: Word, free: typeof vfree): Outcome {
  if (BigInt(addr) % PAGE !== 0n) return { errno: "EINVAL", why: "not the address of a page" };
  return done(free(tx.kspace(), envOf(tx), pageOfWord(addr)));
}

type Of<C extends Request["call"]> = Request & { readonly call: C };

function mapFrames(tx: Transaction, { pfns, guard, caller = "" }: Of<"vmap">): Outcome {
  const env = envOf(tx);
  const missing = pfns.find((pfn) => pfn < 0 || pfn >= env.totalPages);
  if (missing !== undefined) return { errno: "EINVAL", why: `frame ${missing} of ${env.totalPages}` };
  return atPage(vmap(tx.kspace(), env, pfns, { caller, guard: guard !== 0 }));
}

/** A kernel has one kind of slots for single high pages; on 64-bit no kind needs any. */
function forSlots(tx: Transaction, kind: KmapSlots, ask: () => Outcome): Outcome {
  const { bits, kmapSlots } = kernelHalf(tx.profile);
  if (bits === 64 || kmapSlots === kind) return ask();
  const has = kind === "typed" ? "a stack of slots: kmap_local" : "slots by purpose: kmap_atomic";
  return { errno: "EINVAL", why: `this kernel has ${has}` };
}

function atomic(tx: Transaction, r: Of<"kmap_atomic" | "kunmap_atomic">): Outcome {
  const type = KM_TYPES.find((name) => name === r.type);
  if (!type) return { errno: "EINVAL", why: `no slot is for ${r.type}` };
  return r.call === "kmap_atomic"
    ? at(kmapAtomicTyped(tx.kspace(), envOf(tx), r.cpu, { type, pfn: r.pfn }))
    : done(kunmapAtomicTyped(tx.kspace(), r.cpu, type));
}

/** Puts an area where a recording has it, though the model would have put it elsewhere. */
export function followInKernel(tx: Transaction, r: Request, ret: Word): void {
  if (r.call === "vmalloc")
    vmallocAt(tx.kspace(), envOf(tx), pageOfWord(ret) as Vpn, r.bytes, r.caller ?? "");
}
