import { createHash } from "node:crypto";
import {
  advanceState,
  CLONE,
  type Event,
  execute,
  initialState,
  type KernelState,
  MADV,
  MAP,
  type MmId,
  MREMAP,
  type Outcome,
  PAGE_SIZE,
  type Pid,
  type Profile,
  REFERENCE_PROFILE,
  type Request,
  replayEvents,
  StateDigest,
  sameOutcome,
  Transaction,
  type Translation,
  translationAt,
  undoSteps,
  violations,
} from "@pagetrail/core";
import { describe, expect, test } from "vitest";
import { random } from "./random.ts";

const EVENTS = 2_500;
const CPUS = 4;
const PROCESSES = [100, 101, 102, 103, 104, 105, 106, 107] as const;
const THREADS = [1100, 1101, 1102, 1103] as const;
const KTHREADS = [2, 3] as const;
const BASE = 0x10000000;
const HUGE = 2 * 2 ** 20;
/** Where mappings are made: two places of 64 pages, and one of two huge pages. */
const PLACES = [0, 1].map((n) => BASE + n * 64 * PAGE_SIZE);
const LARGE = 0x40000000;

function profileWith(tlb: Profile["tlb"], seed: number): Profile {
  return {
    ...REFERENCE_PROFILE,
    sysctl: { ...REFERENCE_PROFILE.sysctl, swapPages: 4096, hugePages: 4 },
    pages: {
      ...REFERENCE_PROFILE.pages,
      known: true,
      frames: 2 ** 15,
      thp: seed % 2 === 0 ? "always" : "madvise",
    },
    scheduling: { cpus: CPUS, lazyTlb: seed % 3 === 2 ? "shootdown" : "refcount" },
    ...(tlb && { tlb }),
  };
}

const SHAPES: readonly NonNullable<Profile["tlb"]>[] = [
  { entries: 64, ways: 4, replacement: "lru", seed: 0, pcid: true },
  { entries: 16, ways: 16, replacement: "random", seed: 7, pcid: true },
  { entries: 32, ways: 1, replacement: "fifo", seed: 0, pcid: false },
];

/** The same events in a machine with TLBs and in one without. */
class Twins {
  state: KernelState;
  plain: KernelState;
  readonly events: Event[] = [];
  /** Accesses that a TLB served. */
  hits = 0;
  readonly #recent: number[] = [];
  readonly #below: (n: number) => number;

  constructor(seed: number, shape: NonNullable<Profile["tlb"]>) {
    this.#below = random(seed);
    this.state = initialState(profileWith(shape, seed));
    this.plain = initialState(profileWith(undefined, seed));
    const readable = { readable: true, writable: true, deleted: false, size: 64 * PAGE_SIZE };
    this.ask(0, { call: "file", file: { id: 1 as never, path: "/data/x", kind: "disk", ...readable } });
    this.ask(100, { call: "adopt", comm: "first", tgid: 100 as Pid });
    for (const pid of KTHREADS) this.ask(0, { call: "kthread", child: pid as Pid, comm: `kworker/${pid}` });
  }

  /** Does one event in both machines. @returns whether it was refused as one that cannot be */
  ask(tid: number, request: Request): boolean {
    const seq = this.state.seq + 1;
    const asked = { seq, tid: tid as Pid, request, outcome: { ret: 0 } satisfies Outcome };
    const predicted = execute(new Transaction(this.state), asked);
    if ("errno" in predicted && this.#isImpossible(request)) return false;
    const event: Event = { ...asked, outcome: predicted };
    const before = this.state;
    this.state = advanceState(before, event).state;
    const other = advanceState(this.plain, { ...event });
    if (!sameOutcome(other.predicted, predicted))
      throw new Error(`event ${seq}: ${JSON.stringify(request)} ends otherwise without TLBs`);
    this.plain = other.state;
    this.events.push(event);
    if (request.call === "access") this.#lookAtUse(before, tid as Pid, Number(request.addr));
    return true;
  }

  #isImpossible({ call }: Request): boolean {
    return ["switch", "use_mm", "unuse_mm", "clone", "cpu_offline", "cpu_online"].includes(call);
  }

  /** What a TLB served was, at that moment, what the page tables said. */
  #lookAtUse(before: KernelState, tid: Pid, address: number): void {
    const cpu = before.tasks.get(tid)?.onCpu;
    if (cpu === undefined) return;
    const was = before.tlb?.cpus.get(cpu);
    const is = this.state.tlb?.cpus.get(cpu);
    if (!was || !is || is.counts.hits === was.counts.hits) return;
    this.hits += 1;
    const page = address / PAGE_SIZE;
    const used: Translation | undefined = was.tlb.peek(was.loadedAsid, page);
    const pages = before.mms.get(before.tasks.get(tid)?.mm ?? (0 as never))?.pages;
    const said = pages && translationAt(pages, page);
    const text = (t: Translation | undefined): string =>
      t ? `${(t.lo & 0xfffff067).toString(16)} ${t.hi} ${page - t.vpn}` : "nothing";
    if (!used || !said) throw new Error(`event ${this.state.seq}: a TLB served a page that is not mapped`);
    if (used.pages === said.pages && text(used) !== text(said))
      throw new Error(`event ${this.state.seq}: used ${text(used)}, the tables say ${text(said)}`);
  }

  /** Mostly a page that was touched before, so that a TLB may have it. */
  #touched(addr: number): number {
    if (this.#below(5) > 0 && this.#recent.length > 0) return this.#one(this.#recent);
    this.#recent.push(addr);
    if (this.#recent.length > 4) this.#recent.shift();
    return addr;
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#below(list.length)] as T;
  }

  /** What a kernel thread uses may have been taken down: it must not touch that any more. */
  #isUsed(mm: MmId): boolean {
    return (this.state.mms.get(mm)?.mmUsers ?? 0) > 0;
  }

  #running(): readonly number[] {
    return [...this.state.tasks.values()]
      .filter(({ onCpu, mm, state }) => onCpu !== undefined && state === "running" && this.#isUsed(mm))
      .map(({ pid }) => pid);
  }

  /** One event of whatever kind; most are by tasks that run. */
  step(): string {
    for (;;) {
      const kind = this.#one(KINDS);
      if (this.#do(kind)) return kind;
    }
  }

  #do(kind: (typeof KINDS)[number]): boolean {
    const running = this.#running();
    if (kind === "switch") return this.#turn();
    if (running.length === 0) return false;
    const tid = this.#one(running);
    const place = this.#one(PLACES);
    const addr = place + this.#below(24) * PAGE_SIZE;
    const length = this.#one([1, 2, 33, 34, 40]) * PAGE_SIZE;
    const large = this.#one([LARGE, LARGE + HUGE]);
    switch (kind) {
      case "access":
        return this.ask(tid, {
          call: "access",
          addr: this.#touched(addr),
          kind: this.#one(["read", "write", "write", "exec"]),
        });
      case "accessLarge":
        return this.ask(tid, {
          call: "access",
          addr: large + this.#below(512) * PAGE_SIZE,
          kind: this.#one(["read", "write"]),
        });
      case "mmap":
        return this.ask(tid, {
          call: "mmap",
          addr,
          length,
          prot: this.#one([1, 3, 3, 7]),
          flags: MAP.FIXED | this.#one([MAP.PRIVATE | MAP.ANONYMOUS, MAP.SHARED, MAP.PRIVATE]),
          offset: 0,
          file: 1,
        });
      case "mmapLarge":
        return this.ask(tid, {
          call: "mmap",
          addr: LARGE,
          length: 2 * HUGE,
          prot: 3,
          flags: MAP.FIXED | MAP.PRIVATE | MAP.ANONYMOUS | this.#one([0, 0, MAP.HUGETLB]),
          offset: 0,
          file: 0,
        });
      case "munmap":
        return this.ask(tid, { call: "munmap", addr, length });
      case "munmapLarge":
        return this.ask(tid, { call: "munmap", addr: large, length: this.#one([PAGE_SIZE, HUGE]) });
      case "mprotect":
        return this.ask(tid, { call: "mprotect", addr, length, prot: this.#one([0, 1, 3, 7]) });
      case "mprotectLarge":
        return this.ask(tid, {
          call: "mprotect",
          addr: large,
          length: this.#one([PAGE_SIZE, HUGE]),
          prot: this.#one([1, 3]),
        });
      case "mremap":
        return this.ask(tid, {
          call: "mremap",
          addr,
          oldLength: length,
          newLength: length,
          flags: MREMAP.MAYMOVE | MREMAP.FIXED | this.#one([0, 0, MREMAP.DONTUNMAP]),
          newAddr: this.#one(PLACES) + this.#below(24) * PAGE_SIZE,
        });
      case "madvise": {
        const { DONTNEED, FREE, COLD, PAGEOUT, GUARD_INSTALL, GUARD_REMOVE } = MADV;
        const advice = this.#one([DONTNEED, FREE, COLD, PAGEOUT, GUARD_INSTALL, GUARD_REMOVE]);
        return this.ask(tid, { call: "madvise", addr, length, advice });
      }
      case "madviseLarge": {
        const { DONTNEED, FREE, COLD, PAGEOUT, COLLAPSE, HUGEPAGE } = MADV;
        const advice = this.#one([DONTNEED, FREE, COLD, PAGEOUT, COLLAPSE, HUGEPAGE]);
        return this.ask(tid, { call: "madvise", addr: large, length: this.#one([PAGE_SIZE, HUGE]), advice });
      }
      case "truncate": {
        const file = { readable: true, writable: true, deleted: false, size: this.#one([8, 64]) * PAGE_SIZE };
        return this.ask(tid, {
          call: "file",
          file: { id: 1 as never, path: "/data/x", kind: "disk", ...file },
        });
      }
      case "fork": {
        const child = this.#one(PROCESSES.filter((pid) => !this.state.tasks.has(pid as Pid)));
        return child !== undefined && this.ask(tid, { call: "clone", flags: 17, child: child as Pid });
      }
      case "thread": {
        const child = this.#one(THREADS.filter((pid) => !this.state.tasks.has(pid as Pid)));
        const flags = CLONE.VM | CLONE.SIGHAND | CLONE.THREAD;
        return child !== undefined && this.ask(tid, { call: "clone", flags, child: child as Pid });
      }
      case "exec":
        return tid > 100 && this.ask(tid, { call: "loaded", comm: "env" });
      case "exit":
        return this.#exit(tid);
      case "use":
        return this.#use();
      case "hotplug":
        return this.ask(0, { call: this.#one(["cpu_offline", "cpu_online"]), cpu: this.#below(CPUS) });
    }
  }

  #turn(): boolean {
    const cpu = this.#below(CPUS);
    const current = this.state.cpus.get(cpu)?.current ?? 0;
    const task = this.state.tasks.get(current as Pid);
    const next = this.#below(4) === 0 ? 0 : this.#one([...this.state.tasks.keys()].filter((pid) => pid > 0));
    const state = task?.state === "running" ? this.#one(["R", "S"]) : "X";
    return this.ask(Math.max(current, 0), { call: "switch", cpu, next, state });
  }

  #exit(tid: number): boolean {
    const task = this.state.tasks.get(tid as Pid);
    if (!task || task.tgid === 100 || task.kind !== undefined) return false;
    this.ask(tid, this.#below(2) === 0 ? { call: "exit", code: 0 } : { call: "exit_group", code: 0 });
    for (const { pid, state } of this.state.tasks.values())
      if (state === "zombie") this.ask(100, { call: "reap", child: pid });
    return true;
  }

  #use(): boolean {
    const thread = this.state.tasks.get(this.#one(KTHREADS) as Pid);
    if (thread?.onCpu === undefined) return false;
    return thread.mm === 0
      ? this.ask(thread.pid, { call: "use_mm", target: this.#one(PROCESSES) as Pid })
      : this.ask(thread.pid, { call: "unuse_mm" });
  }
}

const KINDS = [
  ...Array.from({ length: 48 }, () => "access" as const),
  ...Array.from({ length: 6 }, () => "accessLarge" as const),
  ...Array.from({ length: 8 }, () => "switch" as const),
  ...([
    "mmap",
    "mmap",
    "mmap",
    "mmapLarge",
    "munmap",
    "munmap",
    "munmapLarge",
    "mprotect",
    "mprotect",
  ] as const),
  ...(["mprotectLarge", "mremap", "mremap", "madvise", "madvise", "madviseLarge", "madviseLarge"] as const),
  ...(["truncate", "fork", "thread", "exec", "exit", "use", "use", "hotplug"] as const),
];

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A state as far as TLBs may not change it. */
function withoutTlb(state: KernelState): KernelState {
  const cpus = state.cpus.clone();
  for (const cpu of [...cpus.values()]) cpus.set(cpu.id, { ...cpu, loadedMm: 0 as never, lazy: false });
  return { ...state, cpus, tlb: undefined };
}

describe.each(SHAPES.map((shape, i) => [i + 2, shape] as const))(
  "with seed %i and TLBs of %o",
  (seed, shape) => {
    test(`${EVENTS} random events on ${CPUS} CPUs keep the laws, and no TLB serves what is no longer true`, () => {
      const twins = new Twins(seed, shape);
      const digest = new StateDigest(hash);
      const kinds = new Map<string, number>();
      for (let n = 0; n < EVENTS; n++) {
        const kind = twins.step();
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        const where = `seed ${seed}, event ${twins.state.seq}, ${kind}`;
        for (const { where: at, what } of violations(twins.state))
          throw new Error(`${where}: ${at}: ${what}`);
        if (n % 50 === 0)
          expect(digest.of(withoutTlb(twins.state)), where).toBe(digest.of(withoutTlb(twins.plain)));
      }
      expect(twins.hits).toBeGreaterThan(EVENTS / 50);
      for (const kind of new Set(KINDS)) expect(kinds.get(kind), kind).toBeGreaterThan(EVENTS / 1000);
      // One transaction for all of them, or one each: the same.
      const replayed = replayEvents(initialState(twins.state.profile), twins.events);
      expect(replayed.differs).toBeUndefined();
      expect(digest.of(replayed.state)).toBe(digest.of(twins.state));
    });
  },
);

test("every event can be taken back", () => {
  const twins = new Twins(11, SHAPES[0] as NonNullable<Profile["tlb"]>);
  for (let n = 0; n < 300; n++) twins.step();
  const digest = new StateDigest(hash);
  let state = initialState(twins.state.profile);
  for (const event of twins.events) {
    const steps: never[] = [];
    const after = advanceState(state, event, { note: (step) => steps.push(step as never) }).state;
    expect(digest.of(undoSteps(after, steps)), `event ${event.seq}`).toBe(digest.of(state));
    state = after;
  }
});
