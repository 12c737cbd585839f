import type { AccessKind } from "@pagetrail/core";
import { isKernelAddress } from "./frame.ts";
import type { PerfSample } from "./record.ts";

/** What a sample means for memory. */
export type PerfEvent =
  | PerfFault
  | { readonly what: "enter"; readonly call: CallName; readonly args: readonly string[] }
  | { readonly what: "exit"; readonly call: CallName; readonly ret: bigint }
  /** A program runs in place of another; a thread that called exec had another tid before. */
  | { readonly what: "exec"; readonly path: string; readonly formerTid: number }
  /** A task was made; `flags` as clone had them, where the event says so. */
  | { readonly what: "born"; readonly child: number; readonly flags: number | undefined }
  | { readonly what: "gone" }
  | PerfSwitch
  /** Of no use to a model of memory, or of none yet. */
  | { readonly what: "unused" }
  /** A fault in the kernel's half. */
  | { readonly what: "kernel" }
  | { readonly what: "unreadable"; readonly why: string };

/** A system call's name, or its number where the event has no more. */
export type CallName = string | number;

/** A CPU turns from one task to another. */
export interface PerfSwitch {
  readonly what: "switch";
  readonly prev: SwitchedTask;
  /** The letter of the state in which the first leaves; R where it was preempted. */
  readonly state: string;
  readonly next: SwitchedTask;
}

export interface SwitchedTask {
  readonly pid: number;
  readonly comm: string;
}

export interface PerfFault {
  readonly what: "fault";
  /** Undefined where the text has none. */
  readonly addr: number | undefined;
  /** Undefined where the event does not tell: only the tracepoints of exceptions do. */
  readonly access: AccessKind | undefined;
  readonly inKernel: boolean;
  /** Each fault has such an event, unless perf only drew samples. */
  readonly complete: boolean;
}

const SOFTWARE_FAULTS: ReadonlySet<string> = new Set([
  "page-faults",
  "faults",
  "minor-faults",
  "min-flt",
  "major-faults",
  "maj-flt",
]);
/** Of these every fault has one. */
const EVERY_FAULT: ReadonlySet<string> = new Set(["page-faults", "faults"]);

const ENTER = "syscalls:sys_enter_";
const EXIT = "syscalls:sys_exit_";

/** What an event is, by its name and by the names of its fields. */
export function readSample(sample: PerfSample): PerfEvent {
  const { event, text, tid } = sample;
  if (SOFTWARE_FAULTS.has(event)) return softwareFault(sample);
  if (event.startsWith(ENTER))
    return { what: "enter", call: event.slice(ENTER.length), args: namedWords(text) };
  if (event.startsWith(EXIT)) return callExit(event.slice(EXIT.length), text);
  switch (event) {
    case "exceptions:page_fault_user":
    case "exceptions:page_fault_kernel":
      return exception(text, event.endsWith("kernel"));
    case "raw_syscalls:sys_enter":
      return rawEnter(text);
    case "raw_syscalls:sys_exit":
      return rawExit(text);
    case "sched:sched_process_exec":
      return processExec(text, tid);
    case "task:task_newtask":
      return newTask(text);
    case "sched:sched_process_fork":
      return processFork(text);
    case "sched:sched_switch":
      return taskSwitch(text);
    case "sched:sched_process_exit":
      return { what: "gone" };
    default:
      return { what: "unused" };
  }
}

const unreadable = (fields: string): PerfEvent => ({
  what: "unreadable",
  why: `the event lacks ${fields}: write it anew with perf script -F +trace`,
});

/** User memory ends here, with four-level page tables. */
const USER_END = 2 ** 47;

const PROT_BITS = { write: 2, fetch: 16 };

/** @kernel enum x86_pf_error_code, arch/x86/include/asm/trap_pf.h (6.18) */
function exception(text: string, inKernel: boolean): PerfEvent {
  const [, address = ""] = /\baddress=(?:0x)?([0-9a-f]+)/.exec(text) ?? [];
  const [, code] = /\berror_code=(?:0x)?([0-9a-f]+)/.exec(text) ?? [];
  if (address === "" || code === undefined) return unreadable("address= and error_code=");
  const addr = Number.parseInt(address, 16);
  if (addr >= USER_END) return { what: "kernel" };
  const error = Number.parseInt(code, 16);
  const access = error & PROT_BITS.fetch ? "exec" : error & PROT_BITS.write ? "write" : "read";
  return { what: "fault", addr, access, inKernel, complete: true };
}

/** perf pads an address to 16 places: what is shorter has more than one blank before it. */
const SECOND_ADDRESS = /(?: ([0-9a-f]{16})| {2,}([0-9a-f]{1,15}))(?= |$)/;

/**
 * An address, then where the program was, each perhaps with symbol and module. One alone is the address if
 * nothing stands behind it or a call chain follows, which then has the other; else it is where the program was.
 */
function softwareFault({ event, text, period, stack }: PerfSample): PerfEvent {
  const [head, first] = /^ *([0-9a-f]{1,16})(?= |$)/.exec(text) ?? ["", undefined];
  const behind = text.slice(head.length);
  const second = SECOND_ADDRESS.exec(behind);
  const [inner] = stack ?? [];
  const lonely = inner === undefined && second === null && behind.trim() !== "";
  const address = lonely ? undefined : first;
  const place = lonely ? first : (second?.[1] ?? second?.[2] ?? inner?.address.slice(2));
  const addr = address === undefined ? undefined : Number.parseInt(address, 16);
  if (addr !== undefined && addr >= USER_END) return { what: "kernel" };
  return {
    what: "fault",
    addr,
    access: addr !== undefined && place === address ? "exec" : undefined,
    inKernel: place !== undefined && isKernelAddress(place),
    complete: EVERY_FAULT.has(event) && (period ?? 1) === 1,
  };
}

/** `addr: 0x00000000, len: 0x00002000`: the values, in the order of the call's arguments. */
function namedWords(text: string): readonly string[] {
  return [...text.matchAll(/\b\w+: (0x[0-9a-f]+)/g)].map(([, word = ""]) => word);
}

function callExit(call: string, text: string): PerfEvent {
  const [, ret] = /(?:^| )(-?(?:0x[0-9a-f]{1,16}|\d{1,20}))(?= |$)/.exec(text) ?? [];
  return ret === undefined ? unreadable("a result") : { what: "exit", call, ret: signed(ret) };
}

/** `NR 9 (0, 2000, 3, 22, ffffffff, 0)` */
function rawEnter(text: string): PerfEvent {
  const [, number, list = ""] = /\bNR (-?\d+) \(([0-9a-f, ]*)\)/.exec(text) ?? [];
  if (number === undefined) return unreadable("NR and arguments");
  const args = list.split(/, */).filter((word) => word !== "");
  return { what: "enter", call: Number(number), args: args.map((word) => `0x${word}`) };
}

/** `NR 9 = 140737353928704` */
function rawExit(text: string): PerfEvent {
  const [, number, ret] = /\bNR (-?\d+) = (-?\d{1,20})/.exec(text) ?? [];
  if (number === undefined || ret === undefined) return unreadable("NR and a result");
  return { what: "exit", call: Number(number), ret: signed(ret) };
}

const signed = (text: string): bigint => BigInt.asIntN(64, BigInt(text));

function processExec(text: string, tid: number): PerfEvent {
  const [, path] = /\bfilename=(.*?) pid=\d+/.exec(text) ?? [];
  if (path === undefined) return unreadable("filename=");
  const [, former] = /\bold_pid=(\d+)/.exec(text) ?? [];
  return { what: "exec", path, formerTid: Number(former ?? tid) };
}

function newTask(text: string): PerfEvent {
  const [, child] = /\bpid=(\d+) comm=/.exec(text) ?? [];
  const [, flags] = /\bclone_flags=(?:0x)?([0-9a-f]+)/.exec(text) ?? [];
  if (child === undefined) return unreadable("pid=");
  return {
    what: "born",
    child: Number(child),
    flags: flags === undefined ? undefined : Number.parseInt(flags, 16),
  };
}

function processFork(text: string): PerfEvent {
  const [, child] = /\bchild_pid=(\d+)/.exec(text) ?? [];
  return child === undefined
    ? unreadable("child_pid=")
    : { what: "born", child: Number(child), flags: undefined };
}

const FIELDS =
  /\bprev_comm=(.*?) prev_pid=(\d+) prev_prio=\S+ prev_state=(\S+) ==> next_comm=(.*?) next_pid=(\d+)/;
/** As a plugin of perf's prints them: `bash:4242 [120] S ==> swapper/0:0 [120]`. */
const SHORT = /^ *(.*?):(\d+) \[\d+\] (\S+) ==> (.*?):(\d+) \[\d+\]/;

function taskSwitch(text: string): PerfEvent {
  const found = FIELDS.exec(text) ?? SHORT.exec(text);
  if (!found) return unreadable("prev_pid= and next_pid=");
  const [, comm = "", pid, state = "", nextComm = "", nextPid] = found;
  return {
    what: "switch",
    prev: { pid: Number(pid), comm },
    state: leavingState(state),
    next: { pid: Number(nextPid), comm: nextComm },
  };
}

/** `R+` was preempted; a zombie that leaves its CPU will not come back. */
const leavingState = (printed: string): string => {
  const letter = printed.endsWith("+") ? "R" : printed.charAt(0);
  return letter === "Z" ? "X" : letter;
};
