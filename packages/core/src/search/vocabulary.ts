import { ERRNO, type MmId, PAGE_SIZE, type Word } from "../base/index.ts";
import { CALLS, type Event, type KernelState } from "../kernel/index.ts";
import { MADV, MAP, type MmStruct, MREMAP, PROT } from "../mm/index.ts";
import type { Task } from "../process/index.ts";
import type { Moment } from "./moment.ts";

/** What a number is: pages become bytes where they meet bytes, and an address goes with bytes as it is. */
export type Unit = "number" | "pages" | "bytes" | "address";

/** Something that has a number, or a name. What it is of says where it is looked up. */
export type Term<V> =
  | { readonly of: "event"; readonly unit: Unit; read(event: Event, moment: Moment): V | undefined }
  | { readonly of: "space"; readonly unit: Unit; read(mm: MmStruct): V | undefined }
  | { readonly of: "process"; readonly unit: Unit; read(task: Task, state: KernelState): V | undefined }
  | { readonly of: "machine"; readonly unit: Unit; read(state: KernelState): V | undefined };

export type NumberTerm = Term<Word>;
/** Something may have two names, of which either will do. */
export type NameTerm = Term<string> & { readonly other?: (event: Event) => string };

const space = (read: (mm: MmStruct) => number | undefined, unit: Unit = "number"): NumberTerm => ({
  of: "space",
  unit,
  read,
});

const pages = (read: (mm: MmStruct) => number | undefined): NumberTerm => space(read, "pages");
const place = (read: (mm: MmStruct) => number): NumberTerm => space(read, "address");
const vmas: NumberTerm = space((mm) => mm.vmas.size);

/** Numbers of an address space. Those of pages are known only where the log tells of pages. */
export const SPACE_TERMS: Readonly<Record<string, NumberTerm>> = {
  vmas,
  maps: vmas,
  map_count: vmas,
  total_vm: pages((mm) => mm.totalVm),
  locked_vm: pages((mm) => mm.lockedVm),
  data_vm: pages((mm) => mm.dataVm),
  exec_vm: pages((mm) => mm.execVm),
  stack_vm: pages((mm) => mm.stackVm),
  hiwater_vm: pages((mm) => Math.max(mm.hiwaterVm, mm.totalVm)),
  rss: pages((mm) => mm.pages?.rss),
  rss_anon: pages((mm) => mm.pages?.rssAnon),
  rss_file: pages((mm) => mm.pages?.rssFile),
  rss_shmem: pages((mm) => mm.pages?.rssShmem),
  hugetlb: pages((mm) => mm.pages?.hugetlb),
  swap: pages((mm) => mm.pages?.swapEnts),
  pte: pages((mm) => mm.pages?.table.counted),
  brk: place((mm) => mm.brk),
  start_brk: place((mm) => mm.startBrk),
  start_stack: place((mm) => mm.startStack),
  mmap_base: place((mm) => mm.mmapBase * PAGE_SIZE),
  mm_users: space((mm) => mm.mmUsers),
  mm_count: space((mm) => mm.mmCount),
};

/** Numbers of an address space that are 0 once it is gone. */
export const COUNTS_OF_USERS: ReadonlySet<NumberTerm> = new Set(
  [SPACE_TERMS.mm_users, SPACE_TERMS.mm_count].filter((term) => term !== undefined),
);

/** Numbers of a process: of its first task, but for its threads. */
export const PROCESS_TERMS: Readonly<Record<string, NumberTerm>> = {
  faults: { of: "process", unit: "number", read: (task) => task.minFlt + task.majFlt },
  min_flt: { of: "process", unit: "number", read: (task) => task.minFlt },
  maj_flt: { of: "process", unit: "number", read: (task) => task.majFlt },
  threads: {
    of: "process",
    unit: "number",
    read: ({ pid, tgid }, state) => (pid === tgid ? state.groups.get(tgid)?.live : undefined),
  },
};

/** Numbers of the machine. */
export const MACHINE_TERMS: Readonly<Record<string, NumberTerm>> = {
  committed: { of: "machine", unit: "pages", read: (state) => state.committed },
  free: { of: "machine", unit: "pages", read: (state) => state.memory?.phys.freePages },
  swap_used: { of: "machine", unit: "pages", read: (state) => state.memory?.swap.used },
  tasks: { of: "machine", unit: "number", read: (state) => state.tasks.size },
  spaces: { of: "machine", unit: "number", read: (state) => state.mms.size },
};

type Members = Readonly<Record<string, unknown>>;

const argument = (member: string, unit: Unit): NumberTerm => ({
  of: "event",
  unit,
  read: ({ request }) => {
    const value = (request as unknown as Members)[member];
    return typeof value === "number" || typeof value === "bigint" ? value : undefined;
  },
});

const textArgument = (member: string): NameTerm => ({
  of: "event",
  unit: "number",
  read: ({ request }) => {
    const value = (request as unknown as Members)[member];
    return typeof value === "string" ? value : undefined;
  },
});

/** Arguments of calls, under the names that a log has for them. */
export const ARGUMENTS: Readonly<Record<string, Unit>> = {
  addr: "address",
  length: "bytes",
  oldLength: "bytes",
  newLength: "bytes",
  newAddr: "address",
  offset: "bytes",
  size: "bytes",
  soft: "bytes",
  hard: "bytes",
  prot: "number",
  flags: "number",
  advice: "number",
  file: "number",
  child: "number",
  target: "number",
  code: "number",
  option: "number",
  arg: "number",
  persona: "number",
  pkey: "number",
  shm: "number",
  pfn: "number",
  next: "number",
};

/** Numbers of the event itself. */
export const EVENT_TERMS: Readonly<Record<string, NumberTerm>> = {
  seq: { of: "event", unit: "number", read: ({ seq }) => seq },
  line: { of: "event", unit: "number", read: ({ line }) => line },
  time: {
    of: "event",
    unit: "number",
    read: ({ time }, { started }) => (time === undefined ? undefined : time - (started ?? time)),
  },
  tid: { of: "event", unit: "number", read: ({ tid }) => tid },
  pid: { of: "event", unit: "number", read: (event, moment) => processOf(event, moment) },
  ret: { of: "event", unit: "address", read: ({ outcome }) => ("ret" in outcome ? outcome.ret : undefined) },
  ...Object.fromEntries(Object.entries(ARGUMENTS).map(([name, unit]) => [name, argument(name, unit)])),
};

/** The process of the task that an event is of. */
export const processOf = ({ tid }: Event, { before, after }: Moment): number =>
  (before.tasks.get(tid) ?? after.tasks.get(tid))?.tgid ?? tid;

/** The name under which the recording has the call, else that of the request. */
export const callOf = ({ as, request }: Event): string =>
  as ?? (request.call === "given" ? request.name : request.call);

/** How the event ended: `ok`, an errno, a signal, or `gone`. */
export function outcomeOf({ outcome }: Event): string {
  if ("ret" in outcome) return "ok";
  if ("errno" in outcome) return outcome.errno;
  return "gone" in outcome ? "gone" : outcome.signal;
}

const signalOf = ({ request, outcome }: Event): string | undefined => {
  if ("signal" in outcome) return outcome.signal;
  return request.call === "kill" ? request.signal : undefined;
};

/** What has a name rather than a number. */
export const NAME_TERMS: Readonly<Record<string, NameTerm>> = {
  call: { of: "event", unit: "number", read: callOf, other: ({ request }) => request.call },
  outcome: { of: "event", unit: "number", read: outcomeOf },
  signal: { of: "event", unit: "number", read: signalOf },
  path: textArgument("path"),
  kind: textArgument("kind"),
  resource: textArgument("resource"),
  state: { of: "process", unit: "number", read: (task) => task.state },
  comm: { of: "process", unit: "number", read: (task) => task.comm },
};

/** Numbers that have names. */
export const CONSTANTS: ReadonlyMap<string, number> = new Map(
  Object.entries({ PROT, MAP, MADV, MREMAP }).flatMap(([prefix, names]) =>
    Object.entries(names).map(([name, value]) => [`${prefix}_${name}`, value] as const),
  ),
);

export const NUMBER_TERMS: Readonly<Record<string, NumberTerm>> = {
  ...EVENT_TERMS,
  ...SPACE_TERMS,
  ...PROCESS_TERMS,
  ...MACHINE_TERMS,
};

/** What becomes of mappings at an event, and what the mapping at an address is. */
export const VMA_EVENTS = [
  "created",
  "removed",
  "grown",
  "shrunk",
  "moved",
  "split",
  "merged",
  "protected",
  "changed",
] as const;
export type VmaEvent = (typeof VMA_EVENTS)[number];

export const VMA_STATES = [
  "mapped",
  "unmapped",
  "readable",
  "writable",
  "executable",
  "private",
  "shared",
  "anonymous",
  "file",
  "locked",
  "sealed",
  "growsdown",
] as const;
export type VmaState = (typeof VMA_STATES)[number];

/** Beside the states of its chart, a task exists or is gone. */
export const TASK_WORDS = [
  ...["exists", "gone", "new", "runnable", "running", "interruptible", "uninterruptible", "idling"],
  ...["stopped", "traced", "parked", "vforked", "offline", "zombie", "dead"],
] as const;

export const CPU_WORDS = ["online", "offline", "idle", "lazy", "runs", "loads"] as const;
export type CpuWord = (typeof CPU_WORDS)[number];

/** Names of calls and outcomes that every log may have. */
export const KNOWN_NAMES: Readonly<Record<string, readonly string[]>> = {
  call: CALLS,
  outcome: ["ok", "gone", "SIGSEGV", "SIGBUS", "SIGKILL", ...Object.keys(ERRNO)],
  signal: ["SIGSEGV", "SIGBUS", "SIGKILL"],
  kind: ["read", "write", "exec"],
  resource: ["as", "data", "stack", "memlock"],
  state: TASK_WORDS.slice(2),
};

/** No address space has this number. */
export const NO_SPACE = 0 as MmId;
