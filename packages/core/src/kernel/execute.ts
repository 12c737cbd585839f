import { type Pid, pageOf, type Refusal, type Result, type Word } from "../base/index.ts";
import {
  brk,
  importRanges,
  ioDestroy,
  ioSetup,
  type MmEdit,
  madvise,
  mbind,
  mincore,
  mlock,
  mlockall,
  mmap,
  mprotect,
  mremap,
  mseal,
  msync,
  munlock,
  munlockall,
  munmap,
  type OpenFile,
  pkeyMprotect,
  processMadvise,
  remapFilePages,
  shmat,
  shmdt,
  supposeTouched,
  supposeWritten,
} from "../mm/index.ts";
import {
  beginCoreDump,
  canBeWaitedFor,
  clone,
  execve,
  exitGroup,
  exitTask,
  isLive,
  oomReap,
  refusedExec,
  releaseTask,
  type Task,
} from "../process/index.ts";
import { traceBadArea } from "./bad-area.ts";
import {
  adopt,
  appear,
  disappear,
  execNamed,
  learnLayout,
  renameFiles,
  reveal,
  setPersonality,
  setRlimit,
  unlinkFiles,
} from "./bookkeeping.ts";
import { type Event, isScheduled } from "./event.ts";
import { executeInKernel } from "./kspace.ts";
import { accessMemory, cachePages, defineFile } from "./page-requests.ts";
import { prctl, setSubreaper } from "./prctl.ts";
import { BAD_FILE, isFileId, type Outcome, type Request, type Scheduled } from "./request.ts";
import { executeScheduled } from "./sched-requests.ts";
import type { Transaction } from "./transaction.ts";

const refused = ({ errno, why }: Refusal): Outcome => ({ errno, why });
const valued = (ret: Word): Outcome => ({ ret });
const DONE: Outcome = { ret: 0 };
const answer = (result: Result<unknown>): Outcome => (result.ok ? DONE : refused(result.error));
const located = (result: Result<number>): Outcome =>
  result.ok ? valued(result.value) : refused(result.error);

/** An event as far as execution reads it. */
export type Asked = Pick<Event, "tid" | "request" | "outcome" | "ran" | "wrote"> & {
  /** The event's number, where it is not the first of its transaction. */
  readonly seq?: number;
};

/**
 * Executes one request and says what the model answers.
 *
 * The recorded outcome is the answer wherever no rule of the model decides.
 */
export function execute(tx: Transaction, asked: Asked): Outcome {
  if (asked.seq !== undefined) tx.now = asked.seq;
  tx.faultsAreOf(asked.tid);
  tx.actFor(asked.tid);
  const { tid, request, outcome: recorded } = asked;
  switch (request.call) {
    case "adopt":
      return adopt(tx, tid, request, recorded);
    case "file":
      defineFile(tx, request.file);
      return recorded;
    case "cached":
      cachePages(tx, request);
      return recorded;
    case "prctl": {
      const reaps = setSubreaper(tx, tid, request);
      if (reaps) return reaps;
      break;
    }
    default:
      break;
  }
  if (isScheduled(request)) return executeScheduled(tx, tid, request);
  const edit = tx.editOf(tid);
  if (edit) {
    if (asked.ran) supposeTouched(edit, asked.ran === "loading");
    else if (asked.wrote !== undefined) supposeWritten(edit, pageOf(asked.wrote));
    const outcome =
      request.call === "access"
        ? accessMemory(edit, request, recorded, tx.mmuOf(tid))
        : executeMemory(tx, edit, request);
    if (outcome) return outcome;
  }
  const inKernel = executeInKernel(tx, tid, request);
  if (inKernel) return inKernel;
  const task = tx.peekTask(tid);
  if (!task || task.state === "dead") return { errno: "ESRCH", why: `no task ${tid}` };
  if (!isLive(task) && OF_THE_LIVING.has(request.call))
    return { errno: "ESRCH", why: `task ${tid} has exited` };
  if (OF_THE_LIVING.has(request.call) && tx.peekGroup(task.tgid)?.dumper !== undefined)
    return { errno: "EINTR", why: `process ${task.tgid} is being killed, and dumps core` };
  return executeProcess(tx, task, request, recorded);
}

/** What would give a task that has exited an address space or children, or needs the one that it had. */
const OF_THE_LIVING: ReadonlySet<Request["call"]> = new Set(["clone", "execve", "loaded", "coredump"]);

/** Requests about the caller's own address space; undefined for all others. */
function executeMemory(tx: Transaction, edit: MmEdit, r: Request): Outcome | undefined {
  switch (r.call) {
    case "mmap":
      return mmapFile(tx, edit, r);
    case "munmap":
      return answer(munmap(edit, r.addr, r.length));
    case "mprotect":
      return answer(mprotect(edit, r.addr, r.length, r.prot));
    case "pkey_mprotect":
      return answer(pkeyMprotect(edit, r.addr, r.length, r.prot, r.pkey));
    case "remap_file_pages":
      return answer(remapFilePages(edit, { ...r, address: r.addr }, (file) => attachmentsOf(tx, file)));
    case "mremap":
      return located(
        mremap(edit, {
          address: r.addr,
          oldLength: r.oldLength,
          newLength: r.newLength,
          flags: r.flags,
          newAddress: r.newAddr,
          entry: r.entry,
        }),
      );
    case "brk":
      return valued(brk(edit, r.addr).brk);
    case "madvise":
      return answer(madvise(edit, r.addr, r.length, r.advice));
    case "mlock":
      return answer(mlock(edit, r.addr, r.length, r.flags));
    case "munlock":
      return answer(munlock(edit, r.addr, r.length));
    case "mlockall":
      return answer(mlockall(edit, r.flags));
    case "munlockall":
      munlockall(edit);
      return valued(0);
    case "msync":
      return answer(msync(edit, r.addr, r.length, r.flags));
    case "mincore":
      return answer(mincore(edit, r.addr, r.length));
    case "mseal":
      return answer(mseal(edit, r.addr, r.length, r.flags));
    case "shmat":
      return located(shmat(edit, tx.peekShm(r.shm), r.addr, r.flags));
    case "shmdt":
      return answer(shmdt(edit, r.addr));
    case "prctl":
      return prctl(edit, r);
    case "process_madvise":
      return adviseProcess(tx, edit, r);
    case "process_mrelease":
      return releaseProcess(tx, edit, r);
    case "mbind":
      return answer(mbind(edit, { ...r, address: r.addr }));
    case "io_setup":
      return located(ioSetup(edit, r.events, r.cpus));
    case "io_destroy":
      return answer(ioDestroy(edit, r.ctx));
    default:
      return undefined;
  }
}

/** VMAs that hold a System V segment which has been removed; any number holds one that has not. */
function attachmentsOf(tx: Transaction, { inode = 0 }: OpenFile): number {
  if (tx.peekShm(inode)) return Number.POSITIVE_INFINITY;
  const same = [...tx.files()].filter(({ file }) => file.kind === "shm" && file.inode === inode);
  return same.reduce((sum, { mappings }) => sum + mappings, 0);
}

function adviseProcess(tx: Transaction, own: MmEdit, r: Request & { call: "process_madvise" }): Outcome {
  if (tx.traits.processMadvise === "none")
    return { errno: "ENOSYS", why: "this release has no process_madvise" };
  const imported = importRanges(r, tx.layout.taskSize, own.mm.layout.bits);
  if (!imported.ok) return refused(imported.error);
  if (r.target === BAD_FILE) return NO_PROCESS;
  const edit = r.target > 0 ? tx.editOf(r.target as Pid) : own;
  if (!edit) return { errno: "ESRCH", why: `no process ${r.target}` };
  const { advice } = r;
  return located(processMadvise(edit, { ranges: imported.value, advice }, edit.mm.id === own.mm.id));
}

const NO_PROCESS: Outcome = { errno: "EBADF", why: "no process behind the descriptor" };

/** process_mrelease, mm/oom_kill.c (6.18): only of a process that is dying; here, that the OOM killer chose. */
function releaseProcess(tx: Transaction, own: MmEdit, r: Request & { call: "process_mrelease" }): Outcome {
  if (r.flags !== 0) return { errno: "EINVAL", why: "flags are none yet" };
  if (r.target === BAD_FILE) return NO_PROCESS;
  const edit = r.target > 0 ? tx.editOf(r.target as Pid) : own;
  if (!edit) return { errno: "ESRCH", why: `no process ${r.target} with memory` };
  const chosen = r.target > 0 && oomReap(tx, r.target as Pid).ok;
  return chosen ? DONE : { errno: "EINVAL", why: "the process is not dying" };
}

function mmapFile(tx: Transaction, edit: MmEdit, r: Request & { call: "mmap" }): Outcome {
  const file = r.file === BAD_FILE ? "none" : isFileId(r.file) ? tx.peekFile(r.file) : undefined;
  const { addr: address, length, prot, flags, offset, entry } = r;
  return located(mmap(edit, { address, length, prot, flags, offset, file, entry }));
}

/** Requests about tasks, files and the rest of the machine. */
function executeProcess(
  tx: Transaction,
  task: Task,
  r: Exclude<Request, Scheduled>,
  recorded: Outcome,
): Outcome {
  switch (r.call) {
    case "clone": {
      if (r.child === 0) return recorded;
      const made = clone(tx, task, r.flags, r.child);
      return made.ok ? valued(made.value) : refused(made.error);
    }
    case "execve": {
      if (r.refused) return refused(refusedExec(tx, task, r.refused));
      if (!r.load) return recorded;
      const ended = execve(tx, task, r.load);
      if (!ended.ok) return refused(ended.error);
      return ended.value.killed !== undefined ? { gone: "SIGSEGV" } : valued(0);
    }
    case "coredump": {
      const begun = beginCoreDump(tx, task);
      return begun.ok ? recorded : refused(begun.error);
    }
    case "exit":
      // Behind a core dump the thread that wrote it ends its whole process: get_signal, kernel/signal.c (6.18).
      if (tx.peekGroup(task.tgid)?.dumper === task.pid) exitGroup(tx, task.tgid);
      else exitTask(tx, task.pid);
      return recorded;
    case "kill":
      if (r.addr !== undefined && tx.trace && task.mm !== 0)
        traceBadArea(tx.mm(task.mm), r.addr, r.code, tx.trace);
      exitGroup(tx, task.tgid);
      return recorded;
    case "exit_group":
    case "abandon":
      exitGroup(tx, task.tgid);
      return recorded;
    case "reap": {
      const child = tx.peekTask(r.child);
      if (child && canBeWaitedFor(tx, child)) releaseTask(tx, child);
      return recorded;
    }
    case "personality":
      return setPersonality(tx, task, r.persona);
    case "setrlimit":
      return setRlimit(tx, task, r);
    case "access":
      return recorded;
    case "loaded":
      execNamed(tx, task, r.comm);
      return recorded;
    case "autoreap":
      if (isLive(task)) tx.group(task.tgid).autoreap = r.on === 0 ? undefined : true;
      return recorded;
    case "reveal":
      if (task.mm !== 0) reveal(tx, tx.edit(tx.mm(task.mm), task), r);
      return recorded;
    case "appears":
      return task.mm === 0 ? recorded : appear(tx, tx.edit(tx.mm(task.mm), task), r, recorded);
    case "disappears":
      return task.mm === 0 ? recorded : disappear(tx.edit(tx.mm(task.mm), task), r, recorded);
    case "layout":
      if (task.mm !== 0) learnLayout(tx.edit(tx.mm(task.mm), task), r);
      return recorded;
    case "shmget":
      if (r.shm >= 0) tx.makeShm({ id: r.shm, key: r.key, size: r.size });
      return recorded;
    case "shmrm":
      tx.removeShm(r.shm);
      return recorded;
    case "unlink":
      if ("ret" in recorded) unlinkFiles(tx, r.path);
      return recorded;
    case "rename":
      if ("ret" in recorded) renameFiles(tx, r.from, r.to);
      return recorded;
    case "given":
      return recorded;
    case "adopt":
    case "file":
    case "cached":
      return recorded;
    default:
      return memoryWithoutMm(r);
  }
}

/** A task past exit_mm, or a kernel thread, asks about memory: nothing is mapped there. */
function memoryWithoutMm(r: Exclude<Request, Scheduled | { call: ProcessCall }>): Outcome {
  return { errno: "EFAULT", why: `${r.call} by a task without an address space` };
}

type ProcessCall =
  | "clone"
  | "execve"
  | "exit"
  | "exit_group"
  | "coredump"
  | "kill"
  | "abandon"
  | "reap"
  | "personality"
  | "setrlimit"
  | "access"
  | "loaded"
  | "autoreap"
  | "reveal"
  | "appears"
  | "disappears"
  | "layout"
  | "shmget"
  | "shmrm"
  | "unlink"
  | "rename"
  | "given"
  | "adopt"
  | "file"
  | "cached";
