import type { FileId, Pid, Vpn, Word } from "../base/index.ts";
import type { AccessKind } from "../fault/index.ts";
import type { Entry, OpenFile } from "../mm/index.ts";
import type { Counter, ExecRequest, RefusedExec } from "../process/index.ts";

/** No open file stands behind the descriptor. */
export const BAD_FILE = -1;

/**
 * What was asked of the kernel. Addresses and lengths are bytes as the program passed them. Whatever the
 * kernel was free to choose (a pid, a random base) is part of the request, so that replay is
 * deterministic.
 */
export type Request =
  | {
      readonly call: "mmap";
      readonly addr: Word;
      readonly length: Word;
      readonly prot: number;
      readonly flags: number;
      readonly offset: Word;
      /** The entry that the call came through, 32 or 64; absent for the task's own. */
      readonly entry?: Entry;
      /** 0 for none, BAD_FILE for a descriptor that is not open. */
      readonly file: number;
    }
  | { readonly call: "munmap"; readonly addr: Word; readonly length: Word }
  | { readonly call: "mprotect"; readonly addr: Word; readonly length: Word; readonly prot: number }
  | {
      readonly call: "pkey_mprotect";
      readonly addr: Word;
      readonly length: Word;
      readonly prot: number;
      readonly pkey: number;
    }
  | {
      readonly call: "remap_file_pages";
      readonly addr: Word;
      readonly size: Word;
      readonly prot: Word;
      /** Pages of the file. */
      readonly pgoff: Word;
      readonly flags: number;
    }
  | {
      readonly call: "process_madvise";
      /** The process behind the descriptor: 0 for the caller's own, BAD_FILE for none. */
      readonly target: number;
      /** Address and length of each. */
      readonly ranges: readonly (readonly [Word, Word])[];
      readonly advice: number;
      readonly flags: Word;
    }
  | {
      readonly call: "process_mrelease";
      /** As for process_madvise. */
      readonly target: number;
      readonly flags: Word;
    }
  | {
      readonly call: "mbind";
      readonly addr: Word;
      readonly length: Word;
      /** The mode with its flags. */
      readonly mode: number;
      /** A bit for each node. */
      readonly nodes: Word;
      readonly flags: Word;
    }
  | {
      readonly call: "io_setup";
      readonly events: number;
      /** The processors that the machine may have: a ring has room for some events of each. */
      readonly cpus: number;
    }
  | { readonly call: "io_destroy"; readonly ctx: Word }
  | {
      readonly call: "mremap";
      readonly addr: Word;
      readonly oldLength: Word;
      readonly newLength: Word;
      readonly flags: number;
      readonly newAddr: Word;
      /** As of mmap. */
      readonly entry?: Entry;
    }
  | { readonly call: "brk"; readonly addr: Word }
  | { readonly call: "madvise"; readonly addr: Word; readonly length: Word; readonly advice: number }
  | { readonly call: "mlock"; readonly addr: Word; readonly length: Word; readonly flags: number }
  | { readonly call: "munlock"; readonly addr: Word; readonly length: Word }
  | { readonly call: "mlockall"; readonly flags: number }
  | { readonly call: "munlockall" }
  | { readonly call: "msync"; readonly addr: Word; readonly length: Word; readonly flags: number }
  | { readonly call: "mincore"; readonly addr: Word; readonly length: Word }
  | { readonly call: "mseal"; readonly addr: Word; readonly length: Word; readonly flags: Word }
  | { readonly call: "shmat"; readonly shm: number; readonly addr: Word; readonly flags: number }
  | { readonly call: "shmdt"; readonly addr: Word }
  | { readonly call: "personality"; readonly persona: number }
  | {
      readonly call: "setrlimit";
      /** The process whose limit it is; 0 is the caller's own. */
      readonly target: number;
      readonly resource: "as" | "data" | "stack" | "memlock";
      readonly soft: number;
      readonly hard: number;
    }
  | {
      readonly call: "prctl";
      readonly option: number;
      readonly arg: Word;
      /** The further arguments, absent where they are 0. */
      readonly arg3?: Word;
      readonly arg4?: Word;
      readonly arg5?: Word;
      /** What PR_SET_MM_MAP points to, as far as it is known: struct prctl_mm_map in words of 64 bits. */
      readonly map?: readonly Word[];
    }
  | {
      readonly call: "clone";
      readonly flags: number;
      /** The new task's pid; 0 when none was made. */
      readonly child: Pid;
    }
  | {
      readonly call: "execve";
      readonly path: string;
      readonly load?: ExecRequest;
      /** Why it fails, where that follows from the files alone. */
      readonly refused?: RefusedExec;
    }
  | { readonly call: "exit"; readonly code: number }
  | { readonly call: "exit_group"; readonly code: number }
  | InKernel
  | Scheduled
  | Bookkeeping;

/** What kernel code asks for in its own half of the address space. */
export type InKernel =
  /** `caller` is the function that asks; absent where nobody knows. */
  | { readonly call: "vmalloc"; readonly bytes: Word; readonly caller?: string }
  | { readonly call: "vfree"; readonly addr: Word }
  /** Frames that somebody else holds, in a row; without a guard page behind them if `guard` is 0. */
  | {
      readonly call: "vmap";
      readonly pfns: readonly number[];
      readonly guard?: number;
      readonly caller?: string;
    }
  | { readonly call: "vunmap"; readonly addr: Word }
  | { readonly call: "kmap"; readonly pfn: number }
  | { readonly call: "kunmap"; readonly pfn: number }
  | { readonly call: "kmap_local"; readonly pfn: number; readonly cpu: number }
  | { readonly call: "kunmap_local"; readonly addr: Word; readonly cpu: number }
  /** A CPU's one slot for a purpose, as up to 2.6.36: `type` is a name of KM_TYPES. */
  | { readonly call: "kmap_atomic"; readonly pfn: number; readonly cpu: number; readonly type: string }
  | { readonly call: "kunmap_atomic"; readonly cpu: number; readonly type: string };

/** What happens to CPUs, kernel threads and references: no system call asks for it. */
export type Scheduled =
  /** A CPU turns from the task that asks, its current one, to another. */
  | {
      readonly call: "switch";
      readonly cpu: number;
      /** 0 for the CPU's idle task. */
      readonly next: number;
      /** The state that the current task leaves in, as a letter: R, S, D, I, T, t, P; X for good. */
      readonly state: string;
      /** 1 when finish_task_switch comes as an event of its own. */
      readonly unfinished?: number;
    }
  | { readonly call: "finish_task_switch"; readonly cpu: number }
  | { readonly call: "wake"; readonly target: Pid }
  | { readonly call: "migrate"; readonly target: Pid; readonly cpu: number }
  | { readonly call: "cpu_online"; readonly cpu: number }
  | { readonly call: "cpu_offline"; readonly cpu: number }
  /** A kernel thread comes to be. */
  | { readonly call: "kthread"; readonly child: Pid; readonly comm: string }
  /** Somebody wants a kernel thread to end, to park, or to go on. */
  | { readonly call: "kthread_stop"; readonly target: Pid }
  | { readonly call: "kthread_park"; readonly target: Pid }
  | { readonly call: "kthread_unpark"; readonly target: Pid }
  /** The OOM killer chooses a process; its reaper takes that one's memory. */
  | { readonly call: "oom_kill"; readonly target: Pid }
  | { readonly call: "oom_reap"; readonly target: Pid }
  /** The kernel thread that asks takes on the address space of a process, or lets go of it. */
  | { readonly call: "use_mm"; readonly target: Pid }
  | { readonly call: "unuse_mm" }
  /** Somebody who is no task refers to a process's address space; or no longer does. */
  | {
      readonly call: "hold";
      readonly target: Pid;
      readonly counter: Counter;
      readonly holder: string;
    }
  | { readonly call: "release"; readonly holder: string };

/**
 * What is no call that changes an address space: what a recording knows from elsewhere, and calls of
 * which only the name and the outcome matter.
 */
export type Bookkeeping =
  /** A process that was there before the recording, with nothing known of its mappings. */
  | {
      readonly call: "adopt";
      readonly comm: string;
      readonly tgid: Pid;
      /** What it touched before is not known, so that its pages are not modelled. */
      readonly pages?: "unknown";
    }
  /** A mapping that was there before the recording, found because something named it. */
  | {
      readonly call: "reveal";
      readonly start: Vpn;
      readonly end: Vpn;
      readonly prot: number;
      readonly flags: number;
      readonly pgoff: number;
      readonly file: number;
    }
  /** A mapping as /proc shows it, in place of whatever was known there. */
  | {
      readonly call: "appears";
      readonly start: Vpn;
      readonly end: Vpn;
      /** vm_flags, bits 0-31 and 32-63. */
      readonly flags: number;
      readonly high: number;
      readonly pgoff: number;
      readonly file: number;
      /** The name of what the kernel maps itself: [vdso]. */
      readonly label?: string;
      /** 1: the program has written to it, so that it has an anon_vma. */
      readonly written?: number;
    }
  /** /proc no longer shows a mapping there. */
  | { readonly call: "disappears"; readonly start: Vpn; readonly end: Vpn }
  /** The task runs a program of which only the name is known. */
  | { readonly call: "loaded"; readonly comm: string }
  /** Whether the process ignores SIGCHLD, so that its children leave no zombies: 1 or 0. */
  | { readonly call: "autoreap"; readonly on: number }
  /** Where things must lie in an address space from before the recording; 0 for what is not shown. */
  | {
      readonly call: "layout";
      readonly mmapBase: Vpn;
      /** The break, and where the heap begins unless `startBrk` says that. */
      readonly brk: number;
      readonly startBrk?: number;
      readonly startStack?: number;
    }
  /** An open file description that mappings will name. */
  | { readonly call: "file"; readonly file: OpenFile }
  /** The task, which a signal kills, writes a core dump first. */
  | { readonly call: "coredump"; readonly signal: string }
  /** The task was ended by a signal; `code` and `addr` are those of a fault that could not be served. */
  | { readonly call: "kill"; readonly signal: string; readonly code?: string; readonly addr?: Word }
  /** The recording goes on, but the process can no longer be modelled. */
  | { readonly call: "abandon"; readonly why: string }
  /** A zombie child was waited for. */
  | { readonly call: "reap"; readonly child: Pid }
  /**
   * A program touched memory. Without a kind all that is known is that the address was named, so that the stack
   * reaches down to it.
   */
  | {
      readonly call: "access";
      readonly addr: Word;
      readonly kind?: AccessKind;
      /** Bytes; one when absent. */
      readonly length?: number;
      /** The bytes that a write leaves, as hex digits from the lowest address up. */
      readonly value?: string;
    }
  /** Pages [start, end) of a file are in the page cache, up to date; dirty if they were just written. */
  | {
      readonly call: "cached";
      readonly file: number;
      readonly start: number;
      readonly end: number;
      readonly dirty?: number;
    }
  | { readonly call: "shmget"; readonly key: number; readonly size: number; readonly shm: number }
  | { readonly call: "shmrm"; readonly shm: number }
  | { readonly call: "unlink"; readonly path: string }
  | { readonly call: "rename"; readonly from: string; readonly to: string }
  /** A call whose outcome the model takes as given. */
  | { readonly call: "given"; readonly name: string };

export type Call = Request["call"];

/** How a call ended: a value, an errno, or not at all because the task was gone. */
export type Outcome =
  | { readonly ret: Word }
  | { readonly errno: string; readonly why?: string }
  | { readonly gone: string }
  /** An access that ended in a signal, with its si_code and si_addr. */
  | { readonly signal: string; readonly code: string; readonly addr: Word };

export const sameOutcome = (a: Outcome, b: Outcome): boolean => {
  if (a === b) return true;
  if ("ret" in a) return "ret" in b && a.ret === b.ret;
  if ("errno" in a) return "errno" in b && a.errno === b.errno;
  if ("gone" in a) return "gone" in b && a.gone === b.gone;
  return "signal" in b && a.signal === b.signal && a.code === b.code && a.addr === b.addr;
};

export const isFileId = (n: number): n is FileId => n > 0;
