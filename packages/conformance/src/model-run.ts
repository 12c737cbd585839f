import {
  anonVmaPrepare,
  execute,
  type FileId,
  findOrExpand,
  IA32,
  initialState,
  isAccessible,
  type KernelState,
  legacyBase,
  mmapBase,
  mmOf,
  type OpenFile,
  type Outcome,
  PAGE_SIZE,
  PERSONALITY,
  type Pid,
  pageOf,
  pagesOf,
  permissions,
  type Request,
  Transaction,
  traitsOf,
  VM,
  VM_OPS,
  Vma,
  type Vpn,
  vmaName,
  vmFlagCodes,
  vmFlagsOfCodes,
  vmSizes,
  X86_64,
} from "@pagetrail/core";
import type { Child } from "./child.ts";
import { FILE_BYTES, type LiveMoment, type LiveRun, type LiveVma, signalName } from "./live-kernel.ts";
import type { Operation } from "./operation.ts";
import type { Surroundings } from "./surroundings.ts";

/** Size of the small file on disk: some pages and a bit. */
const SMALL_BYTES = 5 * PAGE_SIZE + 100;

/** The program's descriptors as the model's open files; the others are not open. */
export function openFiles(
  live: Surroundings,
  { appendOnly, secret }: Pick<LiveRun, "appendOnly" | "secret">,
): readonly OpenFile[] {
  const memfd = {
    path: "/memfd:live",
    kind: "shmem",
    deleted: true,
    readable: true,
    writable: true,
    size: FILE_BYTES,
  } as const;
  const disk = {
    path: live.file,
    kind: live.fileKind,
    deleted: false,
    readable: true,
    writable: true,
    size: FILE_BYTES,
  } as const;
  const plain = { deleted: false, readable: true, writable: false } as const;
  const id = (fd: number): FileId => fd as FileId;
  return [
    { ...memfd, id: id(20) },
    { ...memfd, id: id(22) },
    { ...memfd, id: id(23), writable: false },
    { ...memfd, id: id(24), readable: false },
    { ...plain, id: id(25), path: "/dev/zero", kind: "zero", writable: true },
    { ...plain, id: id(26), path: "pipe:[0]", kind: "unmappable", noexec: true },
    { ...plain, id: id(27), path: "/", kind: "unmappable" },
    { ...disk, id: id(28) },
    { ...disk, id: id(29), writable: false },
    { ...memfd, id: id(30), path: "/memfd:sealed", writeSealed: true },
    { ...disk, id: id(31), path: `${live.file}a`, deleted: true, appendOnly },
    { ...disk, id: id(32), path: `${live.file}s`, deleted: true, size: SMALL_BYTES },
    ...(secret ? [{ ...memfd, id: id(33), path: "/secretmem", kind: "secret", noexec: true } as const] : []),
  ];
}

/** The model's file behind a descriptor: a dup stands for the description that it shares. */
export const fileOf = (fd: number): number => (fd === 21 ? 20 : fd >= 20 && fd <= 33 ? fd : -1);

/** A model that has what the program's process had when its run began, and goes along with it. */
export class ModelRun {
  state: KernelState;
  tid = 1 as Pid;
  /** Processors that the machine may have. */
  readonly cpus: number;
  private nextPid = 2;
  private nextShm = 1;
  /** The first page of a fill, from which on mappings are left out of moments. */
  private toldBelow = Number.POSITIVE_INFINITY;
  private readonly files: ReadonlyMap<number, OpenFile>;

  constructor(live: Surroundings, start: LiveRun, child: Child) {
    const { personality } = child;
    const layout = child.abi === "i386" ? IA32 : X86_64;
    const tx = new Transaction(initialState(live.profile));
    this.cpus = live.cpus;
    this.files = new Map(openFiles(live, start).map((file) => [file.id, file]));
    execute(tx, {
      tid: this.tid,
      request: { call: "adopt", comm: "live", tgid: this.tid },
      outcome: { ret: 0 },
    });
    setLimits(tx, this.tid, start.limits);
    tx.task(this.tid).personality = personality;
    const task = tx.task(this.tid);
    tx.addMm({ ...tx.mm(task.mm), layout });
    const edit = tx.edit(tx.mm(task.mm), task);
    const [first] = start.moments;
    const files = new Map<string, FileId>();
    for (const v of first?.vmas ?? []) edit.replaceVmas([], [initialVma(tx, files, v)]);
    const bottomUp = (personality & PERSONALITY.ADDR_COMPAT_LAYOUT) !== 0;
    const legacy = legacyBase(layout, 0);
    edit.set("mmapLegacyBase", legacy);
    edit.set("bottomUp", bottomUp);
    edit.set("mmapBase", bottomUp ? legacy : mmapBase(layout, child.stackLimit, { on: false, pages: 0 }));
    edit.set("startBrk", start.brk);
    edit.set("brk", start.brk);
    edit.set("startCode", start.startCode);
    edit.set("endCode", start.endCode);
    edit.set("startData", start.startData);
    edit.set("endData", start.endData);
    edit.set("startStack", start.stackPointer);
    edit.set("hiwaterVm", (first?.sizes.VmPeak ?? 0) / 4);
    tx.commitment.committed += live.committed;
    this.state = tx.commit(0);
  }

  /** Does one operation, and says what the process would look like after it. */
  step(operation: Operation): LiveMoment {
    const tx = new Transaction(this.state);
    const outcome = this.perform(tx, operation);
    this.state = tx.commit(this.state.seq + 1);
    return this.moment(outcome);
  }

  moment(outcome: Outcome): LiveMoment {
    const mm = mmOf(this.state, this.tid);
    if (!mm) return { result: answerOf(outcome), vmas: [], sizes: {} };
    const vmas = mm.vmas.collect(0, this.toldBelow).map(
      (v): LiveVma => ({
        start: v.start * PAGE_SIZE,
        end: v.end * PAGE_SIZE,
        permissions: permissions(v),
        offset: v.file === 0 ? 0 : v.pgoff * PAGE_SIZE,
        name: vmaName(this.state, mm, v),
        codes: vmFlagCodes(v, traitsOf(this.state.profile)).trimEnd(),
      }),
    );
    const sizes = Object.fromEntries(Object.entries(vmSizes(mm)).map(([name, pages]) => [name, 4 * pages]));
    return { result: answerOf(outcome), vmas, sizes };
  }

  private perform(tx: Transaction, operation: Operation): Outcome {
    if ("request" in operation) return this.ask(tx, operation.request);
    if ("touch" in operation) return touch(tx, this.tid, pageOf(operation.touch), operation.write);
    if ("fork" in operation) return this.fork(tx, operation.fork === "go on");
    if ("attach" in operation) return this.attach(tx, operation.attach);
    if ("fill" in operation) return this.fill(tx, operation.fill);
    if ("batch" in operation) {
      for (const one of operation.batch) this.perform(tx, one);
      return { ret: 0 };
    }
    const group = tx.group(tx.task(this.tid).tgid);
    group.capabilities = { ...group.capabilities, ipcLock: false, sysRawio: false };
    return { ret: 0 };
  }

  /** The state forgets a file that nothing maps; here its descriptor is open all the time. */
  private ask(tx: Transaction, request: Request): Outcome {
    const file = request.call === "mmap" ? this.files.get(request.file) : undefined;
    if (file) tx.defineFile(file);
    return execute(tx, { tid: this.tid, request, outcome: { ret: 0 } });
  }

  private fork(tx: Transaction, goOn: boolean): Outcome {
    const child = this.nextPid++ as Pid;
    const made = execute(tx, {
      tid: this.tid,
      request: { call: "clone", flags: 17, child },
      outcome: { ret: child },
    });
    if (!("ret" in made)) return made;
    const ends = goOn ? this.tid : child;
    execute(tx, { tid: ends, request: { call: "exit_group", code: 0 }, outcome: { ret: 0 } });
    if (goOn) this.tid = child;
    else execute(tx, { tid: this.tid, request: { call: "reap", child }, outcome: { ret: 0 } });
    return { ret: 0 };
  }

  private fill(tx: Transaction, { addr, count }: { addr: number; count: number }): Outcome {
    const ask = (request: Request): Outcome => execute(tx, { tid: this.tid, request, outcome: { ret: 0 } });
    const length = count * PAGE_SIZE;
    const made = ask({ call: "mmap", addr, length, prot: 0, flags: 0x32, offset: 0, file: 0 });
    for (let i = 1; i < count; i += 2)
      ask({ call: "mprotect", addr: addr + i * PAGE_SIZE, length: PAGE_SIZE, prot: 1 });
    this.toldBelow = pageOf(addr);
    return made;
  }

  private attach(tx: Transaction, r: { addr: number; flags: number; size: number }): Outcome {
    const shm = this.nextShm++;
    execute(tx, {
      tid: this.tid,
      request: { call: "shmget", key: 0, size: r.size, shm },
      outcome: { ret: shm },
    });
    const at = execute(tx, {
      tid: this.tid,
      request: { call: "shmat", shm, addr: r.addr, flags: r.flags },
      outcome: { ret: 0 },
    });
    execute(tx, { tid: this.tid, request: { call: "shmrm", shm }, outcome: { ret: 0 } });
    return at;
  }
}

const SIGSEGV = 11;
const SIGBUS = 7;
const MAPERR = 1;
const ACCERR = 2;
const ADRERR = 2;

/** A page touched: the stack grows to it, and private memory that is written gets its anon_vma. */
function touch(tx: Transaction, tid: Pid, page: number, write: boolean): Outcome {
  const signal = (number: number, code: number): Outcome => ({ gone: signalName(number, code) });
  const task = tx.task(tid);
  const edit = tx.edit(tx.mm(task.mm), task);
  const found = findOrExpand(edit, page);
  const vma = edit.lookup(page);
  if (!found.ok || !vma) return signal(SIGSEGV, MAPERR);
  if (write ? (vma.flags & VM.WRITE) === 0 : !isAccessible(vma)) return signal(SIGSEGV, ACCERR);
  const size = vma.file === 0 || vma.ops.name === "anon" ? undefined : edit.env.file(vma.file).size;
  if (write && (vma.flags & VM.SHARED) === 0) anonVmaPrepare(edit, vma);
  if (vma.ops === VM_OPS.hugetlb && edit.env.sysctl.hugePages === 0) return signal(SIGBUS, ADRERR);
  if (size !== undefined && vma.pgoff + (page - vma.start) >= pagesOf(size)) return signal(SIGBUS, ADRERR);
  return { ret: 1 };
}

function setLimits(tx: Transaction, pid: Pid, numbers: readonly number[]): void {
  const limit = (i: number): { soft: number; hard: number } => ({
    soft: numbers[2 * i] ?? 0,
    hard: numbers[2 * i + 1] ?? 0,
  });
  const group = tx.group(pid);
  group.limits = { as: limit(0), data: limit(1), stack: limit(2), memlock: limit(3) };
}

function initialVma(tx: Transaction, files: Map<string, FileId>, v: LiveVma): Vma {
  const special = Object.values(VM_OPS).find((ops) => "label" in ops && ops.label === v.name);
  const start = pageOf(v.start);
  const isFile = v.name.startsWith("/");
  if (isFile && !files.has(v.name)) files.set(v.name, program(tx, v.name));
  const file = files.get(v.name) ?? (0 as FileId);
  const pgoff = isFile ? v.offset / PAGE_SIZE : special ? 0 : start;
  // The run is a forked process, and what its parent wrote to inherited.
  const written = !isFile && !special;
  const [anonVma, chain] = written ? [1_000_000 + start, 2] : [0, 0];
  const ops = special ?? (isFile ? VM_OPS.file : VM_OPS.anon);
  return new Vma(start, pageOf(v.end) as Vpn, vmFlagsOfCodes(v.codes), 0, pgoff, file, ops, anonVma, chain);
}

const program = (tx: Transaction, path: string): FileId =>
  tx.makeFile({ path, kind: "disk", readable: true, writable: false, deleted: false }).id;

/** The outcome as the program's answer says it. */
export function answerOf(outcome: Outcome): string {
  if ("gone" in outcome) return outcome.gone;
  if ("signal" in outcome) return `${outcome.signal} ${outcome.code}`;
  return "ret" in outcome ? `0x${BigInt(outcome.ret).toString(16)}` : `-${outcome.errno}`;
}
