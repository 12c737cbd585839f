import type { Request, Word } from "@pagetrail/core";

/** What both sides are asked to do: a system call, or what a program does without one. */
export type Operation =
  | {
      readonly request: Request;
      /** The descriptor that stands for the request's file. */
      readonly fd?: number;
    }
  /** Reads or writes a byte. */
  | { readonly touch: number; readonly write: boolean }
  | { readonly fork: "go on" | "child exits" }
  /** Attaches a new System V segment, which goes with its last mapping. */
  | { readonly attach: { readonly addr: number; readonly flags: number; readonly size: number } }
  /** Gives up CAP_IPC_LOCK and CAP_SYS_RAWIO. */
  | { readonly drop: "capabilities" }
  /**
   * So many mappings of a page each from an address on, for what happens near max_map_count. Mappings from
   * there on are left out of every moment from then on.
   */
  | { readonly fill: { readonly addr: number; readonly count: number } }
  /** System calls one after the other; the program answers the nanoseconds that they took. */
  | { readonly batch: readonly Operation[] };

/** The entry by which the program calls the kernel. */
export type Abi = "x86-64" | "i386";

/** One system call as the program makes it. */
export interface SystemCall {
  readonly name: string;
  readonly number: number;
  /** `@` is the address of the words in `data`. */
  readonly args: readonly (Word | "@")[];
  /** Machine words that an argument points to. */
  readonly data?: readonly Word[];
}

/** Numbers of the calls, as arch/x86/entry/syscalls has them: 64-bit, 32-bit. */
const NUMBERS = {
  mmap: [9, 192],
  mprotect: [10, 125],
  munmap: [11, 91],
  brk: [12, 45],
  mremap: [25, 163],
  msync: [26, 144],
  mincore: [27, 218],
  madvise: [28, 219],
  shmdt: [67, 398],
  personality: [135, 136],
  mlock: [149, 150],
  munlock: [150, 151],
  mlockall: [151, 152],
  munlockall: [152, 153],
  prctl: [157, 172],
  remap_file_pages: [216, 257],
  pkey_mprotect: [329, 380],
  mlock2: [325, 376],
  io_setup: [206, 245],
  io_destroy: [207, 246],
  mbind: [237, 274],
  process_madvise: [440, 440],
  process_mrelease: [448, 448],
  mseal: [462, 462],
} as const;

export const RESOURCES = { as: 9, data: 2, stack: 3, memlock: 8 } as const;

type Name = keyof typeof NUMBERS;

/** The call for a request about memory; undefined for a request that is no plain call. */
export function systemCall(operation: Operation, abi: Abi): SystemCall | undefined {
  if (!("request" in operation)) return undefined;
  const { request: r } = operation;
  const call = (name: Name, ...args: SystemCall["args"]): SystemCall => ({
    name: name === "mmap" && abi === "i386" ? "mmap2" : name,
    number: NUMBERS[name][abi === "x86-64" ? 0 : 1],
    args,
  });
  switch (r.call) {
    case "mmap": {
      const offset = abi === "x86-64" ? r.offset : BigInt(r.offset) / 4096n;
      return call("mmap", r.addr, r.length, r.prot, r.flags, operation.fd ?? -1, offset);
    }
    case "munmap":
    case "munlock":
    case "mincore":
      return call(r.call, r.addr, r.length);
    case "mprotect":
      return call("mprotect", r.addr, r.length, r.prot);
    case "pkey_mprotect":
      return call("pkey_mprotect", r.addr, r.length, r.prot, r.pkey);
    case "remap_file_pages":
      return call("remap_file_pages", r.addr, r.size, r.prot, r.pgoff, r.flags);
    case "mremap":
      return call("mremap", r.addr, r.oldLength, r.newLength, r.flags, r.newAddr);
    case "brk":
    case "shmdt":
      return call(r.call, r.addr);
    case "madvise":
      return call("madvise", r.addr, r.length, r.advice);
    case "mlock":
      return r.flags === 0 ? call("mlock", r.addr, r.length) : call("mlock2", r.addr, r.length, r.flags);
    case "mlockall":
      return call("mlockall", r.flags);
    case "munlockall":
      return call("munlockall");
    case "msync":
    case "mseal":
      return call(r.call, r.addr, r.length, r.flags);
    case "prctl": {
      const pointer = r.option === PR_SET_MM && (r.arg === MM_MAP || r.arg === MM_MAP_SIZE);
      const arg3 = pointer ? "@" : (r.arg3 ?? 0);
      const data = abi === "x86-64" ? r.map : r.map?.flatMap(halves);
      const made = call("prctl", r.option, r.arg, arg3, r.arg4 ?? 0, r.arg5 ?? 0);
      return data ? { ...made, data } : made;
    }
    case "io_setup":
      return call("io_setup", r.events, "@");
    case "io_destroy":
      return call("io_destroy", r.ctx);
    case "process_mrelease":
      return call("process_mrelease", descriptorOf(r.target), r.flags);
    case "process_madvise": {
      const args = [descriptorOf(r.target), "@", r.ranges.length, r.advice, r.flags] as const;
      return { ...call("process_madvise", ...args), data: r.ranges.flat() };
    }
    case "mbind": {
      const bits = abi === "x86-64" ? 64 : 32;
      return { ...call("mbind", r.addr, r.length, r.mode, "@", bits, r.flags), data: [r.nodes] };
    }
    case "personality":
      return call("personality", r.persona);
    default:
      return undefined;
  }
}

const PR_SET_MM = 35;
const MM_MAP = 14;
const MM_MAP_SIZE = 15;

/** A word of 64 bits as two of 32, the lower first. */
const halves = (word: Word): readonly Word[] => [
  Number(BigInt.asUintN(32, BigInt(word))),
  Number(BigInt(word) >> 32n),
];

/** PIDFD_SELF_THREAD_GROUP: the caller's own process without a descriptor. */
const PIDFD_SELF = -10001;

/** What stands for the process of a request: its own, or a descriptor that is not open. */
const descriptorOf = (target: number): number => (target === 0 ? PIDFD_SELF : 99);

/** A number as the register holds it, in hex. */
export const hexOf = (n: Word): string => BigInt.asUintN(64, BigInt(n)).toString(16);

/** The line of the program's command language for an operation. */
export function commandOf(operation: Operation, abi: Abi): string {
  if ("touch" in operation) return `${operation.write ? "w" : "r"} ${hexOf(operation.touch)}`;
  if ("fork" in operation) return operation.fork === "go on" ? "f" : "c";
  if ("drop" in operation) return "k";
  if ("batch" in operation) {
    const { batch } = operation;
    return [`t ${hexOf(batch.length)}`, ...batch.map((one) => commandOf(one, abi))].join("\n");
  }
  if ("fill" in operation) return `p ${hexOf(operation.fill.addr)} ${hexOf(operation.fill.count)}`;
  if ("attach" in operation) {
    const { addr, flags, size } = operation.attach;
    return ["m", ...[addr, flags, size].map(hexOf)].join(" ");
  }
  const { request: r } = operation;
  if (r.call === "setrlimit")
    return `l ${hexOf(RESOURCES[r.resource])} ${limitHex(r.soft)} ${limitHex(r.hard)}`;
  const call = systemCall(operation, abi);
  if (!call) throw new Error(`${r.call} is no command of the program`);
  // mincore needs room for its answer, which the program has.
  const args = call.args.map((arg) => (arg === "@" ? arg : hexOf(arg)));
  if (call.name === "mincore") return ["v", ...args].join(" ");
  if (r.call === "io_setup") return `a ${hexOf(r.events)}`;
  const words = call.data ? [":", ...call.data.map(hexOf)] : [];
  return ["s", hexOf(call.number), ...args, ...words].join(" ");
}

/** A limit as the kernel has it: all bits for none. */
export const limitHex = (n: number): string =>
  n === Number.POSITIVE_INFINITY ? "ffffffffffffffff" : n.toString(16);
