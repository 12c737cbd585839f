import {
  execute,
  type FileId,
  initialState,
  type KernelState,
  type MmStruct,
  mmapBase,
  mmOf,
  type OpenFile,
  type Outcome,
  PAGE_SIZE,
  PERSONALITY,
  type Pid,
  type Profile,
  pagemapEntry,
  type Request,
  smaps,
  statusVm,
  Transaction,
  X86_64,
} from "@pagetrail/core";
import {
  type FamilyMoment,
  type MemberAccount,
  parseSmaps,
  parseStatus,
  SIZE_FIELDS,
  type SizeField,
} from "./account.ts";
import { CACHED_PAGES, type FamilyRun, FILE_PAGES, type PagePlace } from "./live-pages.ts";
import { type Access, CODE, FILL_BYTE, type PageOperation } from "./operation.ts";

const MEMFD = 20 as FileId;
const DISK = 28 as FileId;

/** The program's descriptors as the model's open files; the first of each inode has its page cache. */
function openFiles(place: PagePlace): readonly OpenFile[] {
  const memfd = {
    path: "/memfd:pages",
    kind: "shmem",
    deleted: true,
    readable: true,
    writable: true,
    size: FILE_PAGES * PAGE_SIZE,
  } as const;
  const disk = {
    path: place.file,
    kind: place.fileKind,
    deleted: false,
    readable: true,
    writable: true,
    size: CACHED_PAGES * PAGE_SIZE,
  } as const;
  const id = (fd: number): FileId => fd as FileId;
  return [
    { ...memfd, id: MEMFD },
    { ...memfd, id: id(22), mapping: MEMFD },
    { ...memfd, id: id(23), mapping: MEMFD, writable: false },
    { id: id(25), path: "/dev/zero", kind: "zero", readable: true, writable: true, deleted: false },
    { ...disk, id: DISK },
    { ...disk, id: id(29), mapping: DISK, writable: false },
  ];
}

/** Frames of the model's machine: a gibibyte. */
const FRAMES = 2 ** 18;

/** The machine, small, and with every access told. */
const pageMachine = ({ machine, readAhead }: PagePlace): Profile => ({
  ...machine,
  pages: { ...machine.pages, known: true, frames: FRAMES, readAhead },
});

const CLONE_PARENT_SIGCHLD = 0x8011;
const SHARED_ANONYMOUS_FIXED = 0x31;

/** A model of a family that has what the program's first member had, and goes along with it. */
export class FamilyModel {
  state: KernelState;
  /** Members so far, the dead included. */
  born = 1;
  readonly #alive = new Set([0]);
  readonly #files: Map<FileId, OpenFile>;

  constructor(place: PagePlace, { stat, moments }: FamilyRun) {
    const tx = new Transaction(initialState(pageMachine(place)));
    const tid = this.tid(0);
    this.#files = new Map(openFiles(place).map((file) => [file.id, file]));
    this.#openFiles(tx);
    const field = (number: number): number => stat[number - 1] ?? 0;
    execute(tx, { tid, request: { call: "adopt", comm: "pages", tgid: tid }, outcome: { ret: 0 } });
    tx.task(tid).personality = PERSONALITY.ADDR_NO_RANDOMIZE;
    const edit = tx.edit(tx.mm(tx.task(tid).mm), tx.task(tid));
    edit.set("mmapBase", mmapBase(X86_64, 8 * 2 ** 20, { on: false, pages: 0 }));
    edit.set("startBrk", field(47));
    edit.set("brk", field(47));
    edit.set("startCode", field(26));
    edit.set("endCode", field(27));
    edit.set("startData", field(45));
    edit.set("endData", field(46));
    edit.set("startStack", field(28));
    edit.set("hiwaterVm", sizeAtStart(moments, "VmPeak"));
    for (const [file, dirty] of [
      [MEMFD, 1],
      [DISK, 0],
    ] as const)
      this.#ask(tx, tid, { call: "cached", file, start: 0, end: CACHED_PAGES, dirty });
    this.#mapCode(tx, tid);
    // Only a commit adds the faults so far to the task.
    const begun = new Transaction(tx.commit(0));
    const task = begun.task(tid);
    task.minFlt = moments[0]?.members.get(0)?.minorFaults ?? 0;
    task.majFlt = moments[0]?.members.get(0)?.majorFaults ?? 0;
    this.state = begun.commit(0);
  }

  /** Not from 1 on: no sibling can be made of init. */
  tid(member: number): Pid {
    return (member + 2) as Pid;
  }

  /** The size of a file in bytes. */
  sizeOf(fd: number): number {
    return this.#files.get(fd as FileId)?.size ?? 0;
  }

  /** Living members. */
  alive(): readonly number[] {
    return [...this.#alive];
  }

  /** Does one operation, and says what the family would look like after it. */
  step(operation: PageOperation): FamilyMoment {
    const tx = new Transaction(this.state);
    this.#openFiles(tx);
    const outcome = this.#perform(tx, operation);
    this.state = tx.commit(this.state.seq + 1);
    return this.moment(answerOf(outcome));
  }

  moment(result: string): FamilyMoment {
    const members = new Map<number, MemberAccount>();
    for (const member of this.#alive) {
      const tid = this.tid(member);
      const mm = mmOf(this.state, tid);
      const task = this.state.tasks.get(tid);
      if (!mm || !task) continue;
      members.set(member, {
        mappings: parseSmaps(smaps(this.state, mm)).map((m) => ({ ...m, ...this.#pagesOf(mm, m) })),
        sizes: parseStatus(statusVm(this.state, mm, task.tgid)),
        minorFaults: task.minFlt,
        majorFaults: task.majFlt,
      });
    }
    return { result, members };
  }

  #pagesOf(
    mm: MmStruct,
    { start, end }: { start: number; end: number },
  ): { bits: number[]; frames: number[] } {
    const bits: number[] = [];
    const frames: number[] = [];
    for (let page = start / PAGE_SIZE; page < end / PAGE_SIZE; page++) {
      const entry = pagemapEntry(this.state, mm, page);
      bits.push(Number(entry >> 52n));
      frames.push(Number(entry & FRAME_MASK));
    }
    return { bits, frames };
  }

  /** The state forgets a file that nothing maps; here its descriptor is open all the time. */
  #openFiles(tx: Transaction): void {
    for (const file of this.#files.values()) if (!tx.peekFile(file.id)) tx.defineFile(file);
  }

  /** The page of instructions: shared memory that the program wrote, and then let the member execute. */
  #mapCode(tx: Transaction, tid: Pid): void {
    const place = { addr: CODE, length: PAGE_SIZE, prot: 7, flags: SHARED_ANONYMOUS_FIXED };
    this.#ask(tx, tid, { call: "mmap", ...place, offset: 0, file: 0 });
    const file = tx.editOf(tid)?.lookup(CODE / PAGE_SIZE)?.file ?? 0;
    this.#ask(tx, tid, { call: "cached", file, start: 0, end: 1, dirty: 1 });
    this.#ask(tx, tid, { call: "access", addr: CODE, kind: "exec" });
  }

  #ask(tx: Transaction, tid: Pid, request: Request): Outcome {
    return execute(tx, { tid, request, outcome: { ret: 0 } });
  }

  #perform(tx: Transaction, operation: PageOperation): Outcome {
    const tid = this.tid(operation.member);
    if (!this.#alive.has(operation.member)) return { errno: "ESRCH" };
    if ("access" in operation) return this.#access(tx, tid, operation.access);
    if ("truncate" in operation) return this.#resize(tx, tid, operation.truncate.fd, operation.truncate.size);
    if ("fill" in operation) return this.#fill(tx, tid, operation.fill);
    if ("request" in operation) return this.#ask(tx, tid, operation.request);
    return operation.life === "fork" ? this.#fork(tx, tid) : this.#exit(tx, operation.member);
  }

  #access(tx: Transaction, tid: Pid, { addr, kind }: Access): Outcome {
    const value = kind === "write" ? { value: FILL_BYTE.toString(16) } : {};
    return this.#ask(tx, tid, { call: "access", addr, kind, ...value });
  }

  /** Every open file of the inode learns of its new size. */
  #resize(tx: Transaction, tid: Pid, fd: number, size: number): Outcome {
    for (const file of this.#files.values()) {
      if (file.id !== fd && file.mapping !== fd) continue;
      const resized = { ...file, size };
      this.#files.set(file.id, resized);
      this.#ask(tx, tid, { call: "file", file: resized });
    }
    return { ret: 0 };
  }

  #fill(
    tx: Transaction,
    tid: Pid,
    { fd, offset, length }: { fd: number; offset: number; length: number },
  ): Outcome {
    const file = this.#files.get(fd as FileId);
    if (offset + length > (file?.size ?? 0)) this.#resize(tx, tid, fd, offset + length);
    const start = offset / PAGE_SIZE;
    this.#ask(tx, tid, { call: "cached", file: fd, start, end: start + 1, dirty: 1 });
    return { ret: length };
  }

  /** The child has its page of instructions mapped before it is heard of. */
  #fork(tx: Transaction, tid: Pid): Outcome {
    const child = this.tid(this.born);
    const made = this.#ask(tx, tid, { call: "clone", flags: CLONE_PARENT_SIGCHLD, child });
    if (!("ret" in made)) return made;
    this.#alive.add(this.born++);
    return this.#ask(tx, child, { call: "access", addr: CODE, kind: "exec" });
  }

  #exit(tx: Transaction, member: number): Outcome {
    this.#alive.delete(member);
    return this.#ask(tx, this.tid(member), { call: "exit_group", code: 0 });
  }
}

const FRAME_MASK = (1n << 52n) - 1n;

const sizeAtStart = (moments: FamilyRun["moments"], name: SizeField): number =>
  (moments[0]?.members.get(0)?.sizes[SIZE_FIELDS.indexOf(name)] ?? 0) / 4;

/** The outcome as the program's answer says it: the words of an access's signal, and where. */
function answerOf(outcome: Outcome): string {
  if ("gone" in outcome) return outcome.gone;
  if ("signal" in outcome)
    return `${outcome.signal} ${outcome.code.replace(/^\w+?_/, "")} at 0x${outcome.addr.toString(16)}`;
  return "ret" in outcome ? `0x${BigInt(outcome.ret).toString(16)}` : `-${outcome.errno}`;
}
