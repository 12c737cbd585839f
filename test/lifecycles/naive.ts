/** A task as a naive model has it: nothing is counted, everything is looked up. */
export interface NaiveTask {
  pid: number;
  tgid: number;
  mm: number | undefined;
  readonly kernel: boolean;
  /** Has exited, and who has waited for it. */
  exited: boolean;
  reaped: boolean;
  /** The child that this one waits for in vfork. */
  waitsFor: NaiveTask | undefined;
  /** Writes its process's core dump, or waits until another thread has. */
  dump: "writes" | "waits" | undefined;
  /** A kernel thread that has parked. */
  parked: boolean;
}

/** What a CPU runs, and the address space that it goes on with if that has none. */
interface NaiveCpu {
  current: NaiveTask | undefined;
  borrowed: number | undefined;
  online: boolean;
}

const INIT_MM = 1;

/**
 * Who owns which address space, told again from the rules alone: two lists, and counts that are sums over them. It
 * shares no line with the model that it is held against.
 */
export class Naive {
  tasks: NaiveTask[] = [];
  readonly cpus: NaiveCpu[];
  readonly holds = new Map<string, { readonly mm: number; readonly users: boolean }>();
  /** What the OOM killer's victims had when they were chosen, by thread group: pinned until they are waited for. */
  readonly victims = new Map<number, number>();
  #nextMm = INIT_MM + 1;

  constructor(cpus: number) {
    this.cpus = Array.from({ length: cpus }, () => ({
      current: undefined,
      borrowed: INIT_MM,
      online: true,
    }));
  }

  task(pid: number): NaiveTask | undefined {
    return this.tasks.find((task) => task.pid === pid);
  }

  cpuOf(task: NaiveTask): NaiveCpu | undefined {
    return this.cpus.find(({ current }) => current === task);
  }

  canRun(task: NaiveTask): boolean {
    const sleeps = task.waitsFor !== undefined || task.dump === "waits" || task.parked;
    return !task.exited && !sleeps && this.cpuOf(task) === undefined;
  }

  users(mm: number): number {
    const tasks = this.tasks.filter((task) => !task.kernel && task.mm === mm).length;
    return tasks + [...this.holds.values()].filter((hold) => hold.users && hold.mm === mm).length;
  }

  count(mm: number): number {
    const borrowers = this.cpus.filter(
      ({ current, borrowed }) => current?.mm === undefined && borrowed === mm,
    );
    const kernel = this.tasks.filter((task) => task.kernel && task.mm === mm).length;
    const pins = [...this.holds.values()].filter((hold) => !hold.users && hold.mm === mm).length;
    const victims = [...this.victims.values()].filter((victim) => victim === mm).length;
    return (this.users(mm) > 0 ? 1 : 0) + borrowers.length + kernel + pins + victims;
  }

  /** Every address space that anything refers to, with both counts. */
  counts(): ReadonlyMap<number, readonly [number, number]> {
    const all = new Set<number>();
    for (const { mm } of [...this.tasks, ...this.holds.values()]) if (mm !== undefined) all.add(mm);
    for (const mm of this.victims.values()) all.add(mm);
    for (const { current, borrowed } of this.cpus)
      if (current?.mm === undefined && borrowed !== undefined) all.add(borrowed);
    all.delete(INIT_MM);
    return new Map([...all].map((mm) => [mm, [this.users(mm), this.count(mm)]]));
  }

  adopt(pid: number): void {
    this.#add(pid, pid, this.#nextMm++, false);
  }

  kthread(pid: number): void {
    this.#add(pid, pid, undefined, true);
  }

  #add(pid: number, tgid: number, mm: number | undefined, kernel: boolean): NaiveTask {
    const life = { exited: false, reaped: false, waitsFor: undefined, dump: undefined, parked: false };
    const task: NaiveTask = { pid, tgid, mm, kernel, ...life };
    this.tasks.push(task);
    return task;
  }

  clone(parent: NaiveTask, pid: number, { shares, thread, waits }: Sharing): void {
    const child = this.#add(pid, thread ? parent.tgid : pid, shares ? parent.mm : this.#nextMm++, false);
    if (waits) parent.waitsFor = child;
  }

  exec(task: NaiveTask): void {
    for (const other of [...this.tasks])
      if (other.tgid === task.tgid && other !== task) {
        this.exit(other);
        other.reaped = true;
      }
    const leader = this.task(task.tgid);
    if (leader && leader !== task) leader.pid = task.pid;
    task.pid = task.tgid;
    task.mm = this.#nextMm++;
    this.#release(task);
    this.#sweep();
  }

  exit(task: NaiveTask): void {
    if (task.exited) return;
    const cpu = this.cpuOf(task);
    if (cpu) cpu.borrowed = task.mm ?? cpu.borrowed;
    task.mm = undefined;
    task.exited = true;
    task.waitsFor = undefined;
    task.dump = undefined;
    task.parked = false;
    if (task.pid !== task.tgid || task.kernel) task.reaped = true;
    this.#release(task);
    this.#sweep();
  }

  exitGroup(task: NaiveTask): void {
    for (const other of this.tasks.filter(({ tgid }) => tgid === task.tgid)) this.exit(other);
  }

  /** The others of its process wait until it has written; it then ends them all. */
  dump(task: NaiveTask): void {
    for (const other of this.tasks.filter(({ tgid, exited }) => tgid === task.tgid && !exited)) {
      other.waitsFor = undefined;
      other.dump = other === task ? "writes" : "waits";
    }
  }

  /** A CPU that idles goes away without what it borrowed, or comes back as it went. */
  plug(cpu: number, online: boolean): void {
    const on = this.cpus[cpu];
    if (!on) throw new Error(`no CPU ${cpu}`);
    on.online = online;
    on.borrowed = INIT_MM;
  }

  /** A parent in vfork goes on. */
  #release(child: NaiveTask): void {
    for (const task of this.tasks) if (task.waitsFor === child) task.waitsFor = undefined;
  }

  canBeReaped(task: NaiveTask): boolean {
    const others = this.tasks.some((other) => other.tgid === task.tgid && !other.exited);
    return task.exited && !task.reaped && !others;
  }

  reap(task: NaiveTask): void {
    task.reaped = true;
    this.victims.delete(task.tgid);
    this.#sweep();
  }

  /** What was waited for goes once no CPU runs it. */
  #sweep(): void {
    this.tasks = this.tasks.filter((task) => !task.reaped || this.cpuOf(task) !== undefined);
  }

  turn(cpu: number, next: NaiveTask | undefined): void {
    const on = this.cpus[cpu];
    if (!on) throw new Error(`no CPU ${cpu}`);
    on.borrowed = on.current?.mm ?? on.borrowed;
    on.current = next;
    if (next?.mm !== undefined) on.borrowed = undefined;
    this.#sweep();
  }

  use(thread: NaiveTask, mm: number): void {
    thread.mm = mm;
    const cpu = this.cpuOf(thread);
    if (cpu) cpu.borrowed = undefined;
  }

  unuse(thread: NaiveTask): void {
    const cpu = this.cpuOf(thread);
    if (cpu) cpu.borrowed = thread.mm;
    thread.mm = undefined;
  }
}

/** What a clone shares with its parent. */
export interface Sharing {
  readonly shares: boolean;
  readonly thread: boolean;
  readonly waits: boolean;
}
