import { type Request, UNLIMITED } from "@pagetrail/core";
import {
  CLONE_WITH_SIGNAL,
  IPC,
  parseFlags,
  parseNumber,
  parseStruct,
  RLIM_INFINITY_NAMES,
  RLIMIT,
  type StraceCall,
} from "../text/index.ts";
import { Arguments } from "./arguments.ts";

const FORKS: ReadonlySet<string> = new Set(["clone", "clone3", "fork", "vfork"]);

export const isFork = (name: string): boolean => FORKS.has(name);

const CLONE_VM_VFORK = 0x4100;
const CSIGNAL = 0xff;

/** The CLONE_ flags of a fork, vfork, clone or clone3, the exit signal left out. */
export function cloneFlags(call: StraceCall): number {
  if (call.name === "fork") return 0;
  if (call.name === "vfork") return CLONE_VM_VFORK;
  const flags = call.name === "clone3" ? clone3Flags(call) : namedArgument(call, "flags");
  const value = parseFlags(flags ?? "0", CLONE_WITH_SIGNAL) ?? 0;
  return value - (value % (CSIGNAL + 1));
}

const clone3Flags = (call: StraceCall): string | undefined => parseStruct(call.args[0] ?? "")?.get("flags");

/** clone prints its arguments by name: clone(child_stack=NULL, flags=…, child_tidptr=…). */
const namedArgument = (call: StraceCall, name: string): string | undefined =>
  call.args.find((a) => a.startsWith(`${name}=`))?.slice(name.length + 1);

const RESOURCES = {
  RLIMIT_AS: "as",
  RLIMIT_DATA: "data",
  RLIMIT_STACK: "stack",
  RLIMIT_MEMLOCK: "memlock",
} as const;
type Resource = (typeof RESOURCES)[keyof typeof RESOURCES];

/** One resource limit as a call shows it. */
export interface ShownLimit {
  readonly resource: Resource;
  readonly target: number;
  readonly soft: number;
  readonly hard: number;
}

function resourceOf(text: string): Resource | undefined {
  const number = parseFlags(text, RLIMIT);
  const name = Object.keys(RESOURCES).find((n) => RLIMIT[n] === number);
  return name === undefined ? undefined : RESOURCES[name as keyof typeof RESOURCES];
}

/** A limit in bytes; `8192*1024`, RLIM64_INFINITY. */
function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return RLIM_INFINITY_NAMES.includes(text) ? UNLIMITED : parseNumber(text);
}

function shownLimit(struct: string, resource: string, target: number): ShownLimit | undefined {
  const members = parseStruct(struct);
  const known = resourceOf(resource);
  const soft = limitOf(members?.get("rlim_cur"));
  const hard = limitOf(members?.get("rlim_max"));
  if (known === undefined || soft === undefined || hard === undefined) return undefined;
  return { resource: known, target, soft, hard };
}

/** The limit that prlimit64 or setrlimit sets; undefined when it sets none that shapes address spaces. */
export function limitSet(call: StraceCall): ShownLimit | undefined {
  const a = new Arguments(call);
  if (call.name === "setrlimit") return shownLimit(a.text(1), a.text(0), 0);
  if (call.name === "prlimit64") return shownLimit(a.text(2), a.text(1), a.number(0) ?? 0);
  return undefined;
}

/** The limit that prlimit64 or getrlimit shows as it was before the call. */
export function limitShown(call: StraceCall): ShownLimit | undefined {
  const a = new Arguments(call);
  if (call.name === "getrlimit" || call.name === "ugetrlimit") return shownLimit(a.text(1), a.text(0), 0);
  if (call.name === "prlimit64") return shownLimit(a.text(3), a.text(1), a.number(0) ?? 0);
  return undefined;
}

const IPC_RMID = IPC.IPC_RMID ?? 0;

/** shmget and shmctl(IPC_RMID) as what they do to the segments that shmat will ask for. */
export function shmRequest(call: StraceCall, result: number): Request | undefined {
  const a = new Arguments(call);
  if (call.name === "shmget") {
    const size = a.number(1);
    const key = parseFlags(a.text(0), { IPC_PRIVATE: 0 });
    return size === undefined || key === undefined ? undefined : { call: "shmget", key, size, shm: result };
  }
  if (call.name !== "shmctl" || a.flags(1, IPC) !== IPC_RMID) return undefined;
  const shm = a.number(0);
  return shm === undefined ? undefined : { call: "shmrm", shm };
}

/** Calls that appear in a log because they belong to memory, although no rule decides how they end. */
export const GIVEN_CALLS: ReadonlySet<string> = new Set([
  "unlink",
  "unlinkat",
  "rename",
  "renameat",
  "renameat2",
  "rmdir",
  "truncate",
  "ftruncate",
  "fallocate",
  "memfd_create",
  "memfd_secret",
  "prlimit64",
  "setrlimit",
  "prctl",
  "arch_prctl",
  "shmget",
  "shmctl",
  "pkey_alloc",
  "pkey_free",
  "pkey_mprotect",
  "process_madvise",
  "process_mrelease",
  "remap_file_pages",
  "mbind",
  "set_mempolicy",
  "set_mempolicy_home_node",
  "userfaultfd",
  "io_setup",
  "io_destroy",
  "io_uring_setup",
  "map_shadow_stack",
]);

/** What a process wants of children that end: nothing, though exec makes it forget a mere SA_NOCLDWAIT. */
export type ChildReaping = "ignored" | "not waited for" | "waited for";

/** What a call that sets the action of SIGCHLD says of that; undefined for any other call. */
export function childReaping({ name, args }: StraceCall): ChildReaping | undefined {
  const [signal, action = ""] = args;
  if ((name !== "rt_sigaction" && name !== "sigaction") || signal !== "SIGCHLD") return undefined;
  const members = parseStruct(action);
  if (!members) return undefined;
  if (members.get("sa_handler") === "SIG_IGN") return "ignored";
  return /\bSA_NOCLDWAIT\b/.test(members.get("sa_flags") ?? "") ? "not waited for" : "waited for";
}
