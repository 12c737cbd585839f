import {
  advanceState,
  CLONE,
  initialState,
  type KernelState,
  type Pid,
  REFERENCE_PROFILE,
  type Request,
  violations,
} from "@pagetrail/core";
import { expect, test } from "vitest";
import { Naive, type NaiveTask } from "./naive.ts";
import { random } from "./random.ts";

const EVENTS = 100_000;
const CPUS = 4;
/** The process that is always there and adopts all orphans. */
const INIT = 1;
const MOST_TASKS = 24;
const PIDS = 60;
const MOST_KTHREADS = 6;

const SHARINGS = [
  { flags: 17, shares: false, thread: false, waits: false },
  { flags: CLONE.VM | CLONE.SIGHAND | CLONE.THREAD, shares: true, thread: true, waits: false },
  { flags: CLONE.VM | CLONE.VFORK, shares: true, thread: false, waits: true },
  { flags: CLONE.VM, shares: true, thread: false, waits: false },
];

/** Both models, and a stream of events that are possible in the naive one. */
class Pair {
  readonly naive = new Naive(CPUS);
  state: KernelState = initialState({
    ...REFERENCE_PROFILE,
    scheduling: { cpus: CPUS, lazyTlb: "refcount" },
  });
  readonly #below: (n: number) => number;
  #holders = 0;
  /** Core dumps for which other threads waited. */
  waited = 0;
  readonly #stopping = new Set<number>();
  readonly #parking = new Set<number>();

  constructor(seed: number) {
    this.#below = random(seed);
    this.#ask(INIT, { call: "adopt", comm: "init", tgid: INIT as Pid });
    this.naive.adopt(INIT);
    for (const pid of [2, 3, 4]) {
      this.#ask(0, { call: "kthread", child: pid as Pid, comm: `kworker/${pid}` });
      this.naive.kthread(pid);
    }
  }

  #ask(tid: number, request: Request): void {
    const seq = this.state.seq + 1;
    const asked = { seq, tid: tid as Pid, request, outcome: { ret: 0 } };
    const { predicted } = advanceState(this.state, asked);
    if ("errno" in predicted)
      throw new Error(`event ${seq}: ${JSON.stringify(request)} of ${tid}: ${predicted.why}`);
    this.state = advanceState(this.state, { ...asked, outcome: predicted }).state;
  }

  #one<T>(list: readonly T[]): T | undefined {
    return list[this.#below(list.length)];
  }

  #some(which: (task: NaiveTask) => boolean): NaiveTask | undefined {
    return this.#one(this.naive.tasks.filter(which));
  }

  /** One event, of whatever kind is possible; which it was. */
  step(): string {
    for (;;) {
      const kind = this.#one(KINDS);
      if (kind && this[kind]()) return kind;
    }
  }

  turn(): boolean {
    const { naive } = this;
    const cpu = this.#below(CPUS);
    if (!naive.cpus[cpu]?.online) return false;
    const current = naive.cpus[cpu].current;
    const next = this.#below(4) === 0 ? undefined : this.#some((task) => naive.canRun(task));
    if (next === current) return false;
    const state =
      current === undefined ? "R" : current.exited ? "X" : (this.#one(["R", "S", "D", "I"]) ?? "R");
    this.#ask(current?.pid ?? 0, { call: "switch", cpu, next: next?.pid ?? 0, state });
    naive.turn(cpu, next);
    return true;
  }

  fork(): boolean {
    const { naive } = this;
    const parent = this.#some(
      (task) => !task.kernel && !task.exited && task.waitsFor === undefined && !task.dump,
    );
    const pid = this.#freePid();
    const sharing = this.#one(SHARINGS);
    if (!parent || pid === undefined || !sharing || naive.tasks.length >= MOST_TASKS) return false;
    if (parent.pid === INIT && sharing.waits) return false;
    this.#ask(parent.pid, { call: "clone", flags: sharing.flags, child: pid as Pid });
    naive.clone(parent, pid, sharing);
    return true;
  }

  kthread(): boolean {
    const pid = this.#freePid();
    if (pid === undefined || this.naive.tasks.filter(({ kernel }) => kernel).length >= MOST_KTHREADS)
      return false;
    this.#ask(0, { call: "kthread", child: pid as Pid, comm: `kworker/${pid}` });
    this.naive.kthread(pid);
    return true;
  }

  /** A kernel thread is told to stop, and does so later. */
  stop(): boolean {
    const thread = this.#some(({ kernel, exited, pid }) => kernel && !exited && !this.#stopping.has(pid));
    if (!thread) return false;
    this.#ask(0, { call: "kthread_stop", target: thread.pid as Pid });
    this.#stopping.add(thread.pid);
    this.#parking.delete(thread.pid);
    thread.parked = false;
    return true;
  }

  stopped(): boolean {
    const thread = this.#some(({ pid, mm }) => this.#stopping.has(pid) && mm === undefined);
    if (!thread) return false;
    this.#ask(thread.pid, { call: "exit", code: 0 });
    this.#stopping.delete(thread.pid);
    this.naive.exit(thread);
    return true;
  }

  /** A kernel thread is told to park, and does so when it next leaves its CPU. */
  park(): boolean {
    const thread = this.#some(
      ({ kernel, exited, parked, pid }) => kernel && !exited && !parked && !this.#stopping.has(pid),
    );
    if (!thread) return false;
    this.#ask(0, { call: "kthread_park", target: thread.pid as Pid });
    this.#parking.add(thread.pid);
    return true;
  }

  parked(): boolean {
    const { naive } = this;
    const cpu = naive.cpus.findIndex(
      ({ current }) => current !== undefined && this.#parking.has(current.pid),
    );
    const thread = naive.cpus[cpu]?.current;
    if (!thread) return false;
    this.#ask(thread.pid, { call: "switch", cpu, next: 0, state: "P" });
    naive.turn(cpu, undefined);
    thread.parked = true;
    return true;
  }

  unpark(): boolean {
    const early = this.#below(8) === 0;
    const thread = this.#some(({ pid, parked }) => this.#parking.has(pid) && (parked || early));
    if (!thread) return false;
    this.#ask(0, { call: "kthread_unpark", target: thread.pid as Pid });
    this.#parking.delete(thread.pid);
    thread.parked = false;
    return true;
  }

  /** A CPU that idles goes, or one that has gone comes back. */
  hotplug(): boolean {
    const id = this.#below(CPUS);
    const cpu = this.naive.cpus[id];
    if (!cpu || cpu.current) return false;
    this.#ask(0, { call: cpu.online ? "cpu_offline" : "cpu_online", cpu: id });
    this.naive.plug(id, !cpu.online);
    return true;
  }

  dump(): boolean {
    const { naive } = this;
    const dumps = (tgid: number): boolean => naive.tasks.some((task) => task.tgid === tgid && task.dump);
    const task = this.#some(
      ({ exited, kernel, tgid, waitsFor }) =>
        !exited && !kernel && tgid !== INIT && !waitsFor && !dumps(tgid),
    );
    if (!task) return false;
    this.#ask(task.pid, { call: "coredump", signal: "SIGSEGV" });
    naive.dump(task);
    if (naive.tasks.some(({ dump, tgid }) => dump === "waits" && tgid === task.tgid)) this.waited += 1;
    return true;
  }

  /** The dump is written: the whole process ends. */
  dumped(): boolean {
    const task = this.#some(({ dump }) => dump === "writes");
    if (!task) return false;
    this.#ask(task.pid, { call: "exit", code: 0 });
    this.naive.exitGroup(task);
    return true;
  }

  #freePid(): number | undefined {
    return this.#one(Array.from({ length: PIDS }, (_, i) => i + 5).filter((pid) => !this.naive.task(pid)));
  }

  exec(): boolean {
    const task = this.#some(({ kernel, exited, tgid }) => !kernel && !exited && tgid !== INIT);
    if (!task || task.waitsFor || task.dump) return false;
    this.#ask(task.pid, { call: "loaded", comm: "env" });
    this.naive.exec(task);
    return true;
  }

  exit(): boolean {
    const task = this.#some(({ exited, pid, kernel, dump }) => !exited && pid !== INIT && !kernel && !dump);
    if (!task) return false;
    const group = this.#below(2) === 0 && task.tgid !== INIT;
    this.#ask(task.pid, group ? { call: "exit_group", code: 0 } : { call: "exit", code: 0 });
    if (group) this.naive.exitGroup(task);
    else this.naive.exit(task);
    return true;
  }

  oomKill(): boolean {
    const { naive } = this;
    const task = this.#some(
      ({ kernel, exited, tgid }) => !kernel && !exited && tgid !== INIT && !naive.victims.has(tgid),
    );
    if (!task || task.mm === undefined) return false;
    this.#ask(0, { call: "oom_kill", target: task.pid as Pid });
    naive.victims.set(task.tgid, task.mm);
    return true;
  }

  /** Its memory is taken, and later it dies: both may come late. */
  oomReap(): boolean {
    const victim = this.#some(({ tgid, kernel }) => !kernel && this.naive.victims.has(tgid));
    if (!victim) return false;
    this.#ask(0, { call: "oom_reap", target: victim.pid as Pid });
    return true;
  }

  kill(): boolean {
    const { naive } = this;
    const task = this.#some(({ exited, tgid }) => !exited && naive.victims.has(tgid)) ?? this.#mortal();
    if (!task) return false;
    this.#ask(task.pid, { call: "kill", signal: "SIGKILL" });
    naive.exitGroup(task);
    return true;
  }

  #mortal(): NaiveTask | undefined {
    return this.#some(({ exited, kernel, tgid }) => !exited && !kernel && tgid !== INIT);
  }

  reap(): boolean {
    const task = this.#some((zombie) => this.naive.canBeReaped(zombie));
    if (!task) return false;
    this.#ask(INIT, { call: "reap", child: task.pid as Pid });
    this.naive.reap(task);
    return true;
  }

  use(): boolean {
    const { naive } = this;
    const thread = this.#some((task) => task.kernel && !task.exited && naive.cpuOf(task) !== undefined);
    if (!thread) return false;
    if (thread.mm !== undefined) {
      this.#ask(thread.pid, { call: "unuse_mm" });
      naive.unuse(thread);
      return true;
    }
    const owner = this.#some(({ kernel, mm }) => !kernel && mm !== undefined);
    if (!owner || owner.mm === undefined) return false;
    this.#ask(thread.pid, { call: "use_mm", target: owner.pid as Pid });
    naive.use(thread, owner.mm);
    return true;
  }

  hold(): boolean {
    const { naive } = this;
    const owner = this.#some(({ kernel, mm }) => !kernel && mm !== undefined);
    if (!owner || owner.mm === undefined || naive.holds.size >= 6) return false;
    const users = this.#below(2) === 0;
    const holder = `reader ${++this.#holders}`;
    this.#ask(0, { call: "hold", target: owner.pid as Pid, counter: users ? "users" : "count", holder });
    naive.holds.set(holder, { mm: owner.mm, users });
    return true;
  }

  release(): boolean {
    const holder = this.#one([...this.naive.holds.keys()]);
    if (holder === undefined) return false;
    this.#ask(0, { call: "release", holder });
    this.naive.holds.delete(holder);
    return true;
  }

  /** What the model says, in the naive model's terms; init_mm left aside. */
  counts(): ReadonlyMap<number, readonly [number, number]> {
    const mms = [...this.state.mms.values()].filter(({ kernel }) => !kernel);
    return new Map(mms.map(({ id, mmUsers, mmCount }) => [id, [mmUsers, mmCount]]));
  }

  /** What each CPU runs and has loaded, and what each task has, in both models. */
  view(): readonly [unknown, unknown] {
    const { naive, state } = this;
    const cpus = [...state.cpus.values()].map(({ current, loadedMm }) => [Math.max(current, 0), loadedMm]);
    const tasks = [...state.tasks.values()].filter(({ pid }) => pid > 0);
    return [
      [cpus, tasks.map(({ pid, mm }) => [pid, mm])],
      [
        naive.cpus.map(({ current, borrowed }) => [current?.pid ?? 0, current?.mm ?? borrowed]),
        naive.tasks.map(({ pid, mm }) => [pid, mm ?? 0]).toSorted(([a = 0], [b = 0]) => a - b),
      ],
    ];
  }
}

/** Kinds of events, the commonest several times. */
const KINDS = [
  ...Array.from({ length: 8 }, () => "turn" as const),
  ...(["fork", "fork", "exec", "exit", "reap", "reap", "use", "use", "hold", "release"] as const),
  ...(["oomKill", "oomReap", "kill", "kthread", "stop", "stopped"] as const),
  ...(["dump", "dumped", "park", "park", "parked", "parked", "parked", "unpark", "hotplug"] as const),
];

const sorted = (counts: ReadonlyMap<number, readonly [number, number]>): string =>
  JSON.stringify([...counts].toSorted(([a], [b]) => a - b));

test(`after each of ${EVENTS} random lifecycle events on ${CPUS} CPUs the laws hold and a naive model counts the same`, () => {
  const seed = 5;
  const pair = new Pair(seed);
  const kinds = new Map<string, number>();
  for (let event = 1; event <= EVENTS; event++) {
    const kind = pair.step();
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    const where = `seed ${seed}, event ${event}, ${kind}`;
    for (const { where: at, what } of violations(pair.state)) throw new Error(`${where}: ${at}: ${what}`);
    if (sorted(pair.counts()) !== sorted(pair.naive.counts()))
      expect(sorted(pair.counts()), where).toBe(sorted(pair.naive.counts()));
    const [model, naive] = pair.view();
    if (JSON.stringify(model) !== JSON.stringify(naive)) expect(model, where).toEqual(naive);
  }
  // No kind of event has withered away.
  for (const kind of new Set(KINDS)) expect(kinds.get(kind), kind).toBeGreaterThan(EVENTS / 100);
  expect(pair.waited).toBeGreaterThan(EVENTS / 1000);
});
