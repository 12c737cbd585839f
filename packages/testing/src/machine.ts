import {
  type Event,
  execute,
  initialState,
  type KernelState,
  type MmStruct,
  mmOf,
  type Outcome,
  PAGE_SIZE,
  type Pid,
  type Profile,
  pid,
  REFERENCE_PROFILE,
  type Request,
  Transaction,
  VM,
} from "@pagetrail/core";
import type { Run } from "./run.ts";

/** The first process of every machine. */
export const FIRST: Pid = pid(1);

/** The reference machine with RAM, so that overcommit has something to count. */
export const MACHINE: Profile = {
  ...REFERENCE_PROFILE,
  sysctl: { ...REFERENCE_PROFILE.sysctl, totalPages: 2 ** 22 },
};

/**
 * A machine that tests drive: one process with an empty address space, and requests one by one. What it was asked is
 * a run, which can be replayed and saved.
 */
export class Machine implements Run {
  /** The state behind the last request. */
  state: KernelState;
  readonly #events: Event[] = [];

  /** @param profile the kernel, its settings, and what is told of it */
  constructor(readonly profile: Profile = MACHINE) {
    this.state = initialState(profile);
    this.ask({ call: "adopt", comm: "test", tgid: FIRST });
  }

  /** Every request so far, with how it ended. */
  get events(): readonly Event[] {
    return this.#events;
  }

  /** Executes a request of a process in a transaction of its own; how it ends is the model's answer. */
  ask(request: Request, tid: Pid = FIRST): Outcome {
    const tx = new Transaction(this.state);
    const outcome = execute(tx, { tid, request, outcome: { ret: 0 } });
    this.state = tx.commit(this.state.seq + 1);
    this.#events.push({ seq: this.state.seq, tid, request, outcome });
    return outcome;
  }

  /** The address space of a process that has one. */
  mm(tid: Pid = FIRST): MmStruct {
    const mm = mmOf(this.state, tid);
    if (!mm) throw new Error(`process ${tid} has no address space`);
    return mm;
  }

  /** Writes to a page that may be written to, given by its number. */
  write(page: number, tid: Pid = FIRST): void {
    const vma = this.mm(tid).vmas.find(page);
    if (!vma || (vma.flags & VM.WRITE) === 0) throw new Error(`page ${page} cannot be written`);
    this.ask({ call: "access", addr: page * PAGE_SIZE, kind: "write" }, tid);
  }
}
