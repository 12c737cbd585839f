import {
  type FileId,
  fileId,
  isLive,
  type KernelState,
  type MmContext,
  type MmId,
  type MmStruct,
  mmOf,
  type OpenFile,
  type Pid,
  pid,
  type Task,
  tlbContexts,
} from "@pagetrail/core";
import type { PlaceWord } from "./value.ts";

/** A number that is known when its line runs. */
export type Value = (scene: Scene) => bigint;

/** Why a line cannot run although it reads well: a name without a value, a process that has exited. */
export class Impasse extends Error {
  override readonly name = "Impasse";
}

/** The pid of a scenario's first process; the others count up from it. */
const FIRST_PID = 100;

/** What a running scenario's names stand for, and the state that its next line meets. */
export class Scene {
  /** The process that the present line is about. */
  subject: Pid = pid(FIRST_PID);
  readonly #values = new Map<string, bigint>();
  readonly #pids = new Map<string, Pid>();
  /** The address space that each has, or had last. */
  readonly #mms = new Map<string, MmId>();
  readonly #segments = new Map<string, number>();
  readonly #files = new Map<string, OpenFile>();
  #hired = 0;
  #shmgets = 0;

  constructor(public state: KernelState) {}

  impasse(why: string): Impasse {
    return new Impasse(why);
  }

  value(name: string): bigint {
    const value = this.#values.get(name);
    if (value === undefined)
      throw this.impasse(`'${name}' has no value: what should give it one did not succeed`);
    return value;
  }

  /** Gives a name its value, or takes it away. */
  bind(name: string, value: bigint | undefined): void {
    if (value === undefined) this.#values.delete(name);
    else this.#values.set(name, value);
  }

  /** `p+0x2000` where a name stands for an address not far below; otherwise the address. */
  describe(address: number): string {
    let [best, least] = ["", 2 ** 30];
    for (const [name, value] of this.#values) {
      const beyond = address - Number(value);
      if (beyond >= 0 && beyond < least) [best, least] = [name, beyond];
    }
    if (best === "") return `0x${address.toString(16)}`;
    return least === 0 ? best : `${best}+${sizeText(least)}`;
  }

  /** The stack pointer, the heap's start or the break of the subject's address space. */
  place(word: PlaceWord): bigint {
    const mm = this.mm(this.subject);
    return BigInt({ stack: mm.startStack, heap: mm.startBrk, brk: mm.brk }[word]);
  }

  pid(name: string): Pid {
    const found = this.#pids.get(name);
    if (found === undefined) throw this.impasse(`no process '${name}' was made`);
    return found;
  }

  nameOf(pid: Pid): string {
    for (const [name, of] of this.#pids) if (of === pid) return name;
    return String(pid);
  }

  /** The address space that a process has, or had before it exited. */
  lastMm(name: string): MmId {
    const found = this.#mms.get(name);
    if (found === undefined) throw this.impasse(`${name} never had an address space`);
    return found;
  }

  /** Takes note of what every name's task has now. */
  settle(): void {
    for (const [name, pid] of this.#pids) {
      const mm = this.task(pid)?.mm;
      if (mm) this.#mms.set(name, mm);
    }
  }

  /** The process of that name, if it can make a request. */
  caller(name: string): Pid {
    const found = this.victim(name);
    const state = this.task(found)?.state;
    if (state === "vforked")
      throw this.impasse(`${name} waits in vfork, until its child has called exec or exit`);
    if (this.state.tlb && this.task(found)?.onCpu === undefined)
      throw this.impasse(`${name} runs on no CPU: a line such as 'switch cpu0 ${name}' has to come first`);
    if (state === "dumping") throw this.impasse(`${name} waits for a core dump, and will exit`);
    return found;
  }

  /** The process of that name, if a signal can still end it. */
  victim(name: string): Pid {
    const found = this.pid(name);
    const task = this.task(found);
    if (!task || !isLive(task)) throw this.impasse(`${name} has exited`);
    return found;
  }

  /** A pid for a new process or thread of that name: the one that its line asks for, or the next. */
  hire(name: string, wanted?: number): Pid {
    const old = this.#pids.get(name);
    const task = old === undefined ? undefined : this.task(old);
    if (task && isLive(task)) throw this.impasse(`there is a ${name} already`);
    const made = wanted === undefined ? this.#nextPid() : pid(wanted);
    if (this.task(made)) throw this.impasse(`there is a task ${made} already`);
    this.#pids.set(name, made);
    return made;
  }

  #nextPid(): Pid {
    const taken = new Set(this.#pids.values());
    let made: Pid;
    do {
      made = pid(FIRST_PID + this.#hired);
      this.#hired += 1;
    } while (taken.has(made));
    return made;
  }

  /** A name of which no task came: its clone was refused. */
  dismiss(name: string): void {
    this.#pids.delete(name);
  }

  /** A child of the subject that is a zombie with no thread left: waiting for it does not sleep. */
  zombie(name: string): Pid {
    const found = this.pid(name);
    const task = this.task(found);
    const caller = this.task(this.subject);
    if (!task) throw this.impasse(`${name} is gone: nobody can wait for it`);
    if (task.tgid !== found || task.parent !== caller?.tgid)
      throw this.impasse(`${name} is no child of ${this.nameOf(this.subject)}`);
    if (task.state !== "zombie" || this.state.groups.get(found)?.live !== 0)
      throw this.impasse(`${name} still runs: wait would sleep`);
    return found;
  }

  task(of: Pid): Task | undefined {
    return this.state.tasks.get(of);
  }

  mm(of: Pid): MmStruct {
    const mm = mmOf(this.state, of);
    if (!mm) throw this.impasse(`${this.nameOf(of)} has no address space any more`);
    return mm;
  }

  /** What the TLBs are told of an address space. */
  context(mm: MmId): MmContext {
    const found = tlbContexts(this.state).find((context) => context.mm === mm);
    if (!found) throw this.impasse("this machine has no TLBs: a machine line with 'tlb 64' gives it some");
    return found;
  }

  segment(name: string): number {
    const found = this.#segments.get(name);
    if (found === undefined) throw this.impasse(`no segment '${name}' was made`);
    return found;
  }

  newSegment(name: string): number {
    const id = this.#shmgets;
    this.#shmgets += 1;
    this.#segments.set(name, id);
    return id;
  }

  file(path: string): OpenFile {
    const found = this.#files.get(path);
    if (!found) throw this.impasse(`there is no file ${path}`);
    return found;
  }

  /** Keeps what is known of a file, under the id that it has or a new one. */
  setFile(file: Omit<OpenFile, "id">): OpenFile {
    const id: FileId = this.#files.get(file.path)?.id ?? fileId(this.#files.size + 1);
    const known = { ...file, id };
    this.#files.set(file.path, known);
    return known;
  }
}

const UNITS = ["", "K", "M", "G", "T"];

/** `64K`, `2M`, `5`: a number of bytes as a scenario writes it. */
export function sizeText(bytes: number): string {
  let [size, unit] = [bytes, 0];
  while (size !== 0 && size % 1024 === 0 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size}${UNITS[unit]}`;
}
