import { IA32, legacyBase, mmapBase } from "../arch/index.ts";
import { type MmId, NO_FILE, type Pid } from "../base/index.ts";
import {
  accountedPages,
  anonVmaPrepare,
  emptyMm,
  type MmEdit,
  type MmStruct,
  mergeNew,
  munmapRange,
  PROT_RWX,
  VM,
  VM_MAY,
  VM_OPS,
  Vma,
} from "../mm/index.ts";
import { bornState, clearPid, execUnknown, isLive, mmget, publishMm, type Task } from "../process/index.ts";
import { isFileId, type Outcome, type Request } from "./request.ts";
import type { Transaction } from "./transaction.ts";

type Of<C extends Request["call"]> = Request & { readonly call: C };

/** A process that was there before the recording: an address space of which nothing is known yet. */
export function adopt(tx: Transaction, pid: Pid, r: Of<"adopt">, recorded: Outcome): Outcome {
  clearPid(tx, pid);
  const leader = r.tgid !== pid ? tx.peekTask(r.tgid) : undefined;
  const { limits, capabilities } = tx.profile;
  const shared = leader?.mm;
  const mm = shared || tx.newMmId();
  tx.addTask({
    pid,
    tgid: leader ? leader.tgid : pid,
    parent: 0 as Pid,
    state: bornState(tx.scheduling.cpus > 0),
    mm,
    activeMm: mm,
    comm: r.comm,
    personality: leader?.personality ?? 0,
    minFlt: 0,
    majFlt: 0,
    vforkParent: 0 as Pid,
  });
  if (leader && shared) {
    tx.group(leader.tgid).live += 1;
    mmget(tx, mm, { kind: "task", pid });
  } else {
    tx.addMm(unknownMm(tx, mm), r.pages === "unknown" ? "given" : "fresh");
    publishMm(tx, mm, pid);
    tx.addGroup({ tgid: pid, limits, capabilities, live: 1 });
  }
  return recorded;
}

/** An address space of which nothing is known yet. */
function unknownMm(tx: Transaction, id: MmId): MmStruct {
  const { limits } = tx.profile;
  const unmoved = { on: false, pages: 0 };
  return {
    ...emptyMm(id, tx.layout),
    mmapBase: mmapBase(tx.layout, limits.stack.soft, unmoved),
    mmapLegacyBase: legacyBase(tx.layout, 0),
    mmapCompatBase: mmapBase(IA32, limits.stack.soft, unmoved),
    mmapCompatLegacyBase: legacyBase(IA32, 0),
  };
}

/** A task of the recording runs another program, of which the recording shows nothing but the name. */
export function execNamed(tx: Transaction, task: Task, comm: string): void {
  execUnknown(tx, task, unknownMm(tx, tx.newMmId()), comm);
}

/** Puts a mapping where the recording shows that there must be one, into what is still free. */
export function reveal(tx: Transaction, edit: MmEdit, r: Of<"reveal">): void {
  const file = isFileId(r.file) ? tx.peekFile(r.file) : undefined;
  const shared = (r.flags & VM.SHARED) !== 0 ? VM.SHARED | VM.MAYSHARE : 0;
  const flags = (r.prot & PROT_RWX) | VM_MAY | shared;
  let at: number = r.start;
  while (at < r.end) {
    const next = edit.findVma(at);
    const end = Math.min(next ? next.start : r.end, r.end);
    if (end > at) {
      const pgoff = file ? r.pgoff + (at - r.start) : at;
      const ops = file ? VM_OPS.file : VM_OPS.anon;
      const start = at as typeof r.start;
      mergeNew(edit, new Vma(start, end as typeof r.end, flags, 0, pgoff, file?.id ?? NO_FILE, ops, 0, 0));
    }
    at = next ? Math.max(next.end, at + 1) : r.end;
  }
}

/**
 * Puts a mapping where /proc shows one, as it shows it: it merges with nothing. The memory that it promises is
 * taken for granted.
 *
 * @refuses EPERM, ENOMEM: what was known there cannot go, because it is sealed or may not be split
 */
export function appear(tx: Transaction, edit: MmEdit, r: Of<"appears">, recorded: Outcome): Outcome {
  const gone = munmapRange(edit, r.start, r.end);
  if (!gone.ok) return gone.error;
  const file = isFileId(r.file) ? tx.peekFile(r.file) : undefined;
  const special = Object.values(VM_OPS).find((ops) => "label" in ops && ops.label === r.label);
  const ops = special ?? (file ? VM_OPS.file : VM_OPS.anon);
  const id = file?.id ?? NO_FILE;
  const vma = new Vma(r.start, r.end, r.flags, r.high, r.pgoff, id, ops, 0, 0);
  edit.addVma(vma);
  edit.env.commitment.committed += accountedPages([vma]);
  if (r.written === 1) anonVmaPrepare(edit, vma);
  return recorded;
}

/** Takes away what /proc no longer shows; refuses as `appear` does. */
export function disappear(edit: MmEdit, r: Of<"disappears">, recorded: Outcome): Outcome {
  const gone = munmapRange(edit, r.start, r.end);
  return gone.ok ? recorded : gone.error;
}

/** Sets what a placement or a break shows of an address space that exec did not lay out in the recording. */
export function learnLayout(edit: MmEdit, r: Of<"layout">): void {
  if (r.mmapBase > 0) edit.set("mmapBase", r.mmapBase);
  if (r.brk > 0) {
    edit.set("startBrk", r.startBrk ?? r.brk);
    edit.set("brk", r.brk);
  }
  if (r.startStack) edit.set("startStack", r.startStack);
}

/** Sets the personality and answers the old one; 0xffffffff only asks. */
export function setPersonality(tx: Transaction, task: Task, persona: number): Outcome {
  const before = task.personality;
  if (persona !== 0xffffffff) tx.task(task.pid).personality = persona;
  return { ret: before };
}

/** do_prlimit, kernel/sys.c (6.18): a soft limit above the hard one is refused. */
export function setRlimit(tx: Transaction, task: Task, r: Of<"setrlimit">): Outcome {
  const target = r.target === 0 ? task : tx.peekTask(r.target as Pid);
  if (!target || !isLive(target)) return { errno: "ESRCH", why: `no process ${r.target}` };
  if (r.soft > r.hard) return { errno: "EINVAL", why: "the soft limit exceeds the hard one" };
  const group = tx.group(target.tgid);
  group.limits = { ...group.limits, [r.resource]: { soft: r.soft, hard: r.hard } };
  return { ret: 0 };
}

/** Open files of that path lose their name: maps appends (deleted). */
export function unlinkFiles(tx: Transaction, path: string): void {
  for (const { file } of [...tx.files()]) {
    if (file.path === path && !file.deleted) tx.defineFile({ ...file, deleted: true });
  }
}

/** A file that stood at the target loses its name, the one that moved takes it. */
export function renameFiles(tx: Transaction, from: string, to: string): void {
  unlinkFiles(tx, to);
  for (const { file } of [...tx.files()]) {
    if (file.path === from && !file.deleted) tx.defineFile({ ...file, path: to });
  }
}
