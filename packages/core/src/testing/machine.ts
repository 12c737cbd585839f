import { type Pid, pid } from "../base/index.ts";
import {
  execute,
  initialState,
  type KernelState,
  mmOf,
  type Outcome,
  type Profile,
  REFERENCE_PROFILE,
  type Request,
  Transaction,
} from "../kernel/index.ts";
import { anonVmaPrepare, type MmStruct, VM } from "../mm/index.ts";

/** The first process of every machine. */
export const FIRST = pid(1);

/** The reference machine with RAM, so that overcommit has something to count. */
export const MACHINE: Profile = {
  ...REFERENCE_PROFILE,
  sysctl: { ...REFERENCE_PROFILE.sysctl, totalPages: 2 ** 22 },
};

/** A machine that tests drive: one process with an empty address space, and requests one by one. */
export class Machine {
  state: KernelState;

  constructor(profile: Profile = MACHINE) {
    this.state = initialState(profile);
    this.ask({ call: "adopt", comm: "test", tgid: FIRST });
  }

  /** Executes a request of a process in a transaction of its own. */
  ask(request: Request, tid: Pid = FIRST): Outcome {
    const tx = new Transaction(this.state);
    const outcome = execute(tx, { tid, request, outcome: { ret: 0 } });
    this.state = tx.commit(this.state.seq + 1);
    return outcome;
  }

  mm(tid: Pid = FIRST): MmStruct {
    const mm = mmOf(this.state, tid);
    if (!mm) throw new Error(`process ${tid} has no address space`);
    return mm;
  }

  /** What a write fault does to the VMA of a page. */
  write(page: number, tid: Pid = FIRST): void {
    const tx = new Transaction(this.state);
    const task = tx.task(tid);
    const edit = tx.edit(tx.mm(task.mm), task);
    const vma = edit.lookup(page);
    if (!vma || (vma.flags & VM.WRITE) === 0) throw new Error(`page ${page} cannot be written`);
    if ((vma.flags & VM.SHARED) === 0) anonVmaPrepare(edit, vma);
    this.state = tx.commit(this.state.seq + 1);
  }
}
