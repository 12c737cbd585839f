import { CLONE, INIT_MM, type MmId, NO_MM, type Pid } from "@pagetrail/core";
import { NULL, type Pointer, type TaskSample } from "./capture.ts";
import type { Foresight } from "./foresight.ts";
import type { Stage } from "./stage.ts";

/** Pids for processes of which only the address space is seen; no kernel gives such. */
const UNSEEN = 2 ** 22;

const BEFORE = { assumed: ["before"] } as const;

/** Brings onto the stage who was there before the capture, when the capture first names them. */
export class Cast {
  #unseen = 0;
  /** Address spaces from before the capture whose counts no sample has shown yet. */
  readonly unsettled = new Set<MmId>();

  constructor(
    private readonly stage: Stage,
    private readonly foresight: Foresight,
  ) {}

  /** A task that the capture names, at position `at`: one that the model does not have was there before. */
  introduce(sample: TaskSample, at: number): void {
    const { pid, comm } = sample;
    if (pid === 0) return;
    if (this.stage.state.tasks.has(pid as Pid)) return;
    if (this.foresight.isKernel(pid, at)) {
      this.stage.emit(0, { call: "kthread", child: pid as Pid, comm }, BEFORE);
      return;
    }
    const mm = this.#mmOf(sample, at);
    const isNew = mm !== undefined && this.stage.idOf(mm) === undefined;
    this.#introduceUser(pid, comm, mm, this.foresight.tgidOf(pid, at));
    // Those who share it come along: each may be the last that has it.
    if (isNew) for (const other of this.foresight.ownersOf(mm, at)) this.introduce(other, at);
  }

  /** Of a task that is about to be gone, what it borrows was its own. */
  #mmOf({ pid, mm, activeMm }: TaskSample, at: number): Pointer | undefined {
    if (mm !== undefined && mm !== NULL) return mm;
    return this.foresight.mmOf(pid, at) ?? (activeMm === NULL ? undefined : activeMm);
  }

  #introduceUser(pid: number, comm: string, mm: Pointer | undefined, tgid: number): void {
    const { stage } = this;
    const id = mm === undefined ? undefined : stage.idOf(mm);
    const leader = stage.state.tasks.get(tgid as Pid);
    if (tgid !== pid && !leader) {
      this.#introduceUser(tgid, comm, mm, tgid);
      this.#introduceUser(pid, comm, mm, tgid);
      return;
    }
    const lender = id === undefined ? undefined : stage.userOf(id);
    if (lender && id !== undefined) {
      if (tgid !== pid && leader?.mm === id) this.#adopt(pid, comm, tgid);
      else stage.emit(lender.pid, { call: "clone", flags: CLONE.VM, child: pid as Pid }, BEFORE);
      this.#takeOver(id);
      return;
    }
    this.#adopt(pid, comm, tgid);
    const own = stage.state.tasks.get(pid as Pid)?.mm ?? NO_MM;
    if (tgid === pid || leader?.mm !== own) this.unsettled.add(own);
    else this.#takeOver(own);
    if (mm !== undefined) stage.bind(mm, own);
  }

  #adopt(pid: number, comm: string, tgid: number): void {
    this.stage.emit(pid, { call: "adopt", comm, tgid: tgid as Pid }, BEFORE);
  }

  /** A user from before the capture has got a name: one of those without is no longer needed. */
  #takeOver(id: MmId): void {
    const [holder] = this.stage.holders(id, "users", BEFORE_CAPTURE);
    if (holder !== undefined) this.stage.emit(0, { call: "release", holder }, BEFORE);
  }

  /** The address space behind a pointer that somebody borrows; with an owner of its own if nobody is seen to be it. */
  lend(pointer: Pointer, at: number): MmId {
    const known = this.stage.idOf(pointer);
    if (known !== undefined) return known;
    const [owner] = this.foresight.ownersOf(pointer, at);
    if (owner) this.introduce({ ...owner, mm: pointer }, at);
    const found = this.stage.idOf(pointer);
    if (found !== undefined) return found;
    this.#introduceUser(UNSEEN + this.#unseen++, "?", pointer, UNSEEN + this.#unseen - 1);
    return this.stage.idOf(pointer) ?? INIT_MM;
  }

  /** Whether a task was made up to own an address space. */
  isUnseen(pid: number): boolean {
    return pid >= UNSEEN;
  }
}

/** How the names of holders begin that were there before the capture. */
export const BEFORE_CAPTURE = "somebody from before the capture";
