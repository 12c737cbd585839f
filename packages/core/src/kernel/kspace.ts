import { type KernelHalf, kernelHalf32, kernelHalfOf } from "../arch/index.ts";
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
  kmapLocal,
  kunmap,
  kunmapLocal,
  type PageAllocator,
  vfree,
  vmalloc,
  vmallocAt,
} from "../kspace/index.ts";
import type { Profile } from "./profile.ts";
import type { Outcome, Request } from "./request.ts";
import type { Transaction } from "./transaction.ts";

const PAGE = BigInt(PAGE_SIZE);

/** CPUs of the reference machine: they decide how many pages may wait to be purged. */
const CPUS = 2;

/** Frames that are handed out at most, whatever the machine has: 16 GiB. */
const MOST_FRAMES = 2 ** 22;

const halves = new WeakMap<Profile, KernelHalf>();

/** The kernel half of the machine: on a 32-bit kernel it depends on the memory. */
export function kernelHalf(profile: Profile): KernelHalf {
  const known = halves.get(profile);
  if (known) return known;
  const { layout, sysctl } = profile;
  const half =
    layout === "i386" && Number.isFinite(sysctl.totalPages)
      ? kernelHalf32({ pae: false, kmapSlots: "stack", memory: BigInt(sysctl.totalPages) * PAGE })
      : kernelHalfOf(layout);
  halves.set(profile, half);
  return half;
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
  switch (r.call) {
    case "vmalloc":
      return atPage(vmalloc(tx.kspace(), envOf(tx), r.bytes, r.caller ?? ""));
    case "vfree":
      return freeArea(tx, r.addr);
    case "kmap":
      return at(kmap(tx.kspace(), envOf(tx), r.pfn, tid));
    case "kunmap":
      return done(kunmap(tx.kspace(), envOf(tx), r.pfn));
    case "kmap_local":
      return at(kmapLocal(tx.kspace(), envOf(tx), r.cpu, r.pfn));
    case "kunmap_local":
      return done(kunmapLocal(tx.kspace(), envOf(tx), r.cpu, BigInt(r.addr)));
    default:
      return undefined;
  }
}

/** vfree, of an address: one that is not a page's is refused with a warning. */
function freeArea(tx: Transaction, addr: Word): Outcome {
  if (BigInt(addr) % PAGE !== 0n) return { errno: "EINVAL", why: "not the address of a page" };
  return done(vfree(tx.kspace(), envOf(tx), pageOfWord(addr)));
}

/** Puts an area where a recording has it, though the model would have put it elsewhere. */
export function followInKernel(tx: Transaction, r: Request, ret: Word): void {
  if (r.call === "vmalloc")
    vmallocAt(tx.kspace(), envOf(tx), pageOfWord(ret) as Vpn, r.bytes, r.caller ?? "");
}
