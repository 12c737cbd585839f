import { type Event, fileId } from "@pagetrail/core";
import { importStraceWithFaults } from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PerfText } from "../../testing/perf-text.ts";

const ARENA = 0x20000000;
const START = 1_700_000_000;

/** What one thread does, one after the other; addresses are pages of its own arena. */
type Deed =
  | { readonly what: "map" }
  | { readonly what: "unmap" }
  | { readonly what: "other" }
  | { readonly what: "touch" }
  /** A touch by the kernel, inside the call before it. */
  | { readonly what: "copy" };

interface Run {
  readonly deeds: readonly { readonly deed: Deed["what"]; readonly tid: number; readonly gap: number }[];
  /** Seconds by which perf's clock is behind. */
  readonly offset: number;
  /** Which calls perf has lost, by their place. */
  readonly lost: ReadonlySet<number>;
  /** perf recorded mappings, and no calls. */
  readonly mapsOnly: boolean;
}

/** Both recordings of a run, and what the log must say of each thread, in order. */
function record({ deeds, offset, lost, mapsOnly }: Run) {
  const strace: string[] = [];
  const perf: string[] = [];
  const truth = new Map<number, string[]>();
  let now = 0;
  const seen = (tid: number, text: string): void => {
    perf.push(`demo ${tid} [000] ${(START - offset + now / 1e6).toFixed(6)}: ${text}`);
  };
  deeds.forEach(({ deed, tid, gap }, i) => {
    const at = ARENA + i * 0x100000 + tid * 0x1000;
    const told = truth.get(tid) ?? [];
    truth.set(tid, told);
    now += 50;
    if (deed === "touch") {
      seen(tid, `exceptions:page_fault_user: address=0x${at.toString(16)} ip=0x1 error_code=0x6`);
      told.push(`access ${at.toString(16)}`);
      return;
    }
    const stamp = (START + now / 1e6).toFixed(6);
    // strace lets the task go on, and only then does perf see it.
    now += gap;
    const silent = lost.has(i) || mapsOnly;
    const call = (nr: number, ret: number, inside: () => void = () => {}): void => {
      if (!silent) seen(tid, `raw_syscalls:sys_enter: NR ${nr} (0, 0, 0, 0, 0, 0)`);
      now += 2;
      inside();
      now += 2;
      if (!silent) seen(tid, `raw_syscalls:sys_exit: NR ${nr} = ${ret}`);
      now += 20;
    };
    const copy = (): void => {
      seen(tid, `exceptions:page_fault_kernel: address=0x${at.toString(16)} ip=x error_code=0x2`);
    };
    const hex = at.toString(16);
    if (deed === "copy") {
      strace.push(`${tid} ${stamp} mincore(0x${hex}, 4096, [0]) = -1 ENOMEM (Cannot allocate memory)`);
      call(27, -12, copy);
      told.push(`access ${hex}`, `mincore ${hex}`);
    } else if (deed === "map") {
      strace.push(
        `${tid} ${stamp} mmap(0x${hex}, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x${hex}`,
      );
      const map = `PERF_RECORD_MMAP2 ${tid}/${tid}: [0x${hex}(0x1000) @ 0 00:00 0 0]: rw-p //anon`;
      call(9, at, () => (mapsOnly ? seen(tid, map) : undefined));
      told.push(`mmap ${hex}`);
    } else if (deed === "unmap") {
      strace.push(`${tid} ${stamp} munmap(0x${hex}, 4096) = 0`);
      call(11, 0);
      told.push(`munmap ${hex}`);
    } else {
      strace.push(`${tid} ${stamp} getpid() = ${tid}`);
      call(39, tid);
    }
  });
  return { strace: `${strace.join("\n")}\n`, perf: `${perf.join("\n")}\n`, truth };
}

/** What a log says of each thread, in order. */
function toldOf(events: readonly Event[]): ReadonlyMap<number, readonly string[]> {
  const told = new Map<number, string[]>();
  for (const { tid, request } of events) {
    if (!("addr" in request)) continue;
    const all = told.get(tid) ?? [];
    told.set(tid, all);
    all.push(`${request.call} ${request.addr.toString(16)}`);
  }
  return told;
}

const withoutEmpty = (told: ReadonlyMap<number, readonly string[]>) =>
  new Map([...told].filter(([, all]) => all.length > 0));

const deed = fc.record({
  deed: fc.constantFrom<Deed["what"]>("map", "unmap", "other", "touch", "touch", "copy"),
  tid: fc.integer({ min: 4001, max: 4003 }),
  gap: fc.integer({ min: 10, max: 400 }),
});
/** Both have seen each thread from its beginning, so that it is known to be the trace's. */
const beginnings = [4001, 4002, 4003].map((tid) => ({ deed: "map" as const, tid, gap: 15 }));

const run = fc.record({
  deeds: fc.array(deed, { minLength: 5, maxLength: 120 }).map((all) => [...beginnings, ...all]),
  offset: fc.constantFrom(0, 0.25, 1_699_999_000.5, -7200),
  lost: fc.array(fc.integer({ min: 3, max: 120 }), { maxLength: 40 }).map((places) => new Set(places)),
  mapsOnly: fc.boolean(),
});

describe("faults among the calls of a trace", () => {
  test("stand between the calls of their thread as they happened, whatever the clocks, and whatever perf lost", () => {
    fc.assert(
      fc.property(run, fc.integer({ min: 50, max: 5000 }), (made, piece) => {
        const { strace, perf, truth } = record(made);
        const { events, refusal } = importStraceWithFaults(strace, perf, piece);
        expect(refusal).toBeUndefined();
        expect(toldOf(events)).toEqual(withoutEmpty(truth));
      }),
      { numRuns: 300 },
    );
  });

  test("are found by the nearest of the distances that the calls in both tell", () => {
    const deeds = Array.from({ length: 20 }, (_, i) => ({ deed: "map" as const, tid: 4001, gap: 15 + i }));
    const { strace, perf } = record({ deeds, offset: 1000, lost: new Set([3, 7]), mapsOnly: false });
    const { clock } = importStraceWithFaults(strace, perf).summary;
    expect(clock?.matched).toBe(18);
    expect(clock?.offset).toBeCloseTo(1000 - 15e-6, 5);
    expect(clock?.residual).toBeGreaterThan(5e-6);
    expect(clock?.residual).toBeLessThan(20e-6);
  });

  test("are told by the trace's clock, without a line of the trace", () => {
    const { strace, perf } = record({
      deeds: [...beginnings, { deed: "touch", tid: 4001, gap: 0 }],
      offset: 500,
      lost: new Set(),
      mapsOnly: false,
    });
    const fault = importStraceWithFaults(strace, perf).events.find(
      ({ request }) => request.call === "access",
    );
    expect(fault?.line).toBeUndefined();
    expect(fault?.time).toBeCloseTo(START + 0.000317, 4);
  });

  test("come in the order of time where threads do not wait for one another", () => {
    const deeds = [4001, 4002, 4001, 4003, 4002, 4001].map((tid) => ({
      deed: "touch" as const,
      tid,
      gap: 0,
    }));
    const { strace, perf } = record({
      deeds: [...beginnings, ...deeds, { deed: "unmap", tid: 4001, gap: 10 }],
      offset: 3,
      lost: new Set(),
      mapsOnly: false,
    });
    const tids = importStraceWithFaults(strace, perf).events.flatMap(({ tid, request }) =>
      request.call === "access" ? [tid] : [],
    );
    expect(tids).toEqual([4001, 4002, 4001, 4003, 4002, 4001]);
  });

  test("of a process that the trace does not show are left out, and counted", () => {
    const { strace, perf } = record({
      deeds: [...beginnings, { deed: "touch", tid: 4001, gap: 0 }],
      offset: 3,
      lost: new Set(),
      mapsOnly: false,
    });
    const tracer = new PerfText(START - 3)
      .fault(3998, ARENA, 6)
      .fault(3999, ARENA + 4096, 6)
      .line(3999, "PERF_RECORD_EXIT(3999:3999):(1:1)").text;
    const { events, summary } = importStraceWithFaults(strace, tracer + perf);
    expect(events.some(({ tid }) => tid === 3999 || tid === 3998)).toBe(false);
    expect(summary.notes).toContainEqual({
      note: "page faults of tasks that the trace does not show, such as strace's own",
      count: 2,
    });
  });
});

describe("a single thread", () => {
  const calls = (tid: string): string =>
    [
      `${tid}${START}.000100 mmap(0x20000000, 65536, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x20000000`,
      `${tid}${START}.000200 munmap(0x20000000, 4096) = 0`,
      `${tid}${START}.000300 mmap(0x30000000, 65536, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x30000000`,
      "",
    ].join("\n");
  const perf = new PerfText(START - 7)
    .wait(115)
    .call(42, 9, [], ARENA)
    .fault(42, ARENA + 0x3000, 6)
    .wait(95)
    .call(42, 11, [], 0)
    .fault(42, ARENA + 0x4000, 6)
    .wait(95)
    .call(42, 9, [], 0x30000000)
    .fault(42, ARENA + 0x5000, 6).text;

  test("is found by its calls where the trace prints no pids", () => {
    const told = toldOf(importStraceWithFaults(calls(""), perf).events).get(0);
    expect(told).toEqual([
      "mmap 20000000",
      "access 20003000",
      "munmap 20000000",
      "access 20004000",
      "mmap 30000000",
      "access 20005000",
    ]);
    expect(toldOf(importStraceWithFaults(calls("42 "), perf).events).get(42)).toEqual(told);
  });

  test("has its signal's frame written behind the call that the signal came after", () => {
    const strace = `42 ${START}.000100 mmap(0x20000000, 65536, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x20000000
42 ${START}.000200 mincore(0x20000000, 4096,  <unfinished ...>
43 ${START}.000250 getpid() = 43
42 ${START}.000300 <... mincore resumed>[0]) = 0
42 ${START}.000310 --- SIGCHLD {si_signo=SIGCHLD} ---
42 ${START}.000500 munmap(0x20000000, 4096) = 0
`;
    const seen = new PerfText(START)
      .wait(105)
      .mmap2(42, ARENA, 0x10000, "rw-p", "//anon")
      .wait(100)
      .fault(42, ARENA + 0x3000, 2, "kernel")
      .wait(110)
      .fault(42, ARENA + 0x5000, 2, "kernel").text;
    expect(toldOf(importStraceWithFaults(strace, seen).events).get(42)).toEqual([
      "mmap 20000000",
      "access 20003000",
      "mincore 20000000",
      "access 20005000",
      "munmap 20000000",
    ]);
  });
});

describe("an exec", () => {
  const strace = `42 ${START}.000100 execve("/bin/demo", ["demo"], 0x7ffe /* 1 var */) = 0
42 ${START}.000300 mmap(0x20000000, 65536, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x20000000
42 ${START}.000400 munmap(0x20000000, 4096) = 0
42 ${START}.000500 exit_group(0) = ?
42 ${START}.000550 +++ exited with 0 +++
`;
  const perf = new PerfText(START - 100)
    .wait(80)
    .fault(42, 0x900000, 6)
    .wait(50)
    .exec(42, "/bin/demo")
    .fault(42, 0x555555555000, 0x14)
    .wait(180)
    .call(42, 9, [0, 0, 0, 0, 0, 0], ARENA)
    .fault(42, ARENA, 6)
    .wait(90)
    .call(42, 11, [ARENA, 4096], 0)
    .fault(42, ARENA + 0x2000, 6)
    .wait(90)
    .call(42, 231, [0])
    .fault(42, ARENA + 0x3000, 2, "kernel")
    .line(42, "PERF_RECORD_EXIT(42:42):(1:1)").text;

  test("begins the process: what strace's child did before it is none of the program's", () => {
    const { events } = importStraceWithFaults(strace, perf);
    const told = events.map(({ request: r }) =>
      r.call === "access" ? `access ${r.addr.toString(16)}` : r.call,
    );
    expect(told.filter((text) => text !== "adopt" && text !== "personality")).toEqual([
      "execve",
      "access 555555555000",
      "mmap",
      "access 20000000",
      "munmap",
      "access 20002000",
      "exit_group",
    ]);
  });
});

test("an exec of the trace has the stack where perf saw it", () => {
  const perf = new PerfText(START - 100)
    .wait(120)
    .line(42, "PERF_RECORD_COMM exec: demo:42/42")
    .mmap2(42, 0x7ffe064ef000, 0x21000, "rw-p", "[stack]")
    .returns(42, 59, 0)
    .wait(180)
    .call(42, 9, [], ARENA);
  const strace = `42 ${START}.000100 execve("/bin/demo", ["demo"], 0x7ffe /* 1 var */) = 0
42 ${START}.000150 brk(NULL) = 0x555555800000
42 ${START}.000300 mmap(0x20000000, 65536, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x20000000
42 ${START}.000400 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7fadb7644000
`;
  const [exec] = importStraceWithFaults(strace, perf.text).events.filter(
    ({ request }) => request.call === "execve",
  );
  expect(exec?.request).toMatchObject({ load: { choices: { stackTop: 0x7ffe06510000 } } });
  expect(exec?.assumed).not.toContain("stackTop");
});

describe("files and the pages that are read of them", () => {
  const strace = `42 ${START}.000100 execve("/bin/demo", ["demo"], 0x7ffe /* 1 var */) = 0
42 ${START}.000300 openat(AT_FDCWD, "/srv/data", O_RDWR) = 3
42 ${START}.000400 fstat(3, {st_mode=S_IFREG|0644, st_size=4096, ...}) = 0
42 ${START}.000500 mmap(0x20000000, 65536, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_FIXED, 3, 0) = 0x20000000
42 ${START}.000600 openat(AT_FDCWD, "/srv/data", O_RDONLY) = 4
42 ${START}.000700 mmap(0x30000000, 65536, PROT_READ, MAP_SHARED|MAP_FIXED, 4, 0) = 0x30000000
42 ${START}.000900 munmap(0x40000000, 4096) = 0
`;
  const perf = (fault: number): string =>
    new PerfText(START - 100)
      .wait(130)
      .exec(42, "/bin/demo")
      .wait(370)
      .call(42, 9, [], ARENA)
      .wait(195)
      .call(42, 9, [], 0x30000000)
      .fault(42, ARENA, 4)
      .fault(42, 0x30000000, 4)
      .fault(42, fault, 6)
      .wait(190)
      .call(42, 11, [], 0).text;

  test("who opens a path twice has one page cache of it", () => {
    const { state, events } = importStraceWithFaults(strace, perf(ARENA));
    const caches = events.flatMap(({ request: r }) => (r.call === "file" ? [r.file.mapping] : []));
    expect(new Set(caches).size).toBe(1);
    expect(caches).toHaveLength(2);
    expect(state.memory?.caches.get(caches[0] ?? fileId(0))?.count).toBe(1);
  });

  test("a page that is touched behind a file's known end tells that it has grown", () => {
    const { events } = importStraceWithFaults(strace, perf(ARENA + 0x5000));
    const [touch] = events.filter(({ request: r }) => r.call === "access" && r.addr === ARENA + 0x5000);
    expect(touch?.outcome).toEqual({ ret: 0 });
    const files = events.flatMap(({ request: r }) => (r.call === "file" ? [r.file.size] : []));
    expect(files).toEqual([4096, 4096, undefined]);
  });
});

describe("recordings that do not fit", () => {
  const { strace, perf } = record({
    deeds: [...beginnings, { deed: "touch", tid: 4001, gap: 0 }],
    offset: 500,
    lost: new Set(),
    mapsOnly: false,
  });

  test("a trace without times is refused", () => {
    const timeless = strace.replaceAll(/ \d+\.\d+ /g, " ");
    expect(importStraceWithFaults(timeless, perf).refusal).toMatch(/the trace has no times/);
  });

  test("a trace in whole seconds is refused", () => {
    const coarse = strace.replaceAll(/ (\d+)\.\d+ /g, " 12:00:00 ");
    expect(importStraceWithFaults(coarse, perf).refusal).toMatch(/whole seconds/);
  });

  test("faults without times are refused", () => {
    const timeless = perf.replaceAll(/ \d+\.\d+: /g, " ");
    expect(importStraceWithFaults(strace, timeless).refusal).toMatch(/the faults have no times/);
  });

  test("two runs are refused, unless their clocks are one", () => {
    const faults = perf.split("\n").filter((line) => line.includes("page_fault"));
    const booted = faults.map((line) => line.replace(/ \d+\.\d+: /, " 500.000100: "));
    expect(importStraceWithFaults(strace, booted.join("\n")).refusal).toMatch(
      /no call stands in both recordings/,
    );
    const sameClock = record({
      deeds: [...beginnings, { deed: "touch", tid: 4001, gap: 0 }, { deed: "unmap", tid: 4001, gap: 9 }],
      offset: 0,
      lost: new Set(Array.from({ length: 9 }, (_, i) => i)),
      mapsOnly: false,
    });
    const { summary, refusal, events } = importStraceWithFaults(sameClock.strace, sameClock.perf);
    expect(refusal).toBeUndefined();
    expect(summary.clock).toEqual({ offset: 0, residual: 0, matched: 0 });
    expect(toldOf(events)).toEqual(sameClock.truth);
  });

  test("lines of perf's text that cannot be read are told apart from the trace's", () => {
    const { summary } = importStraceWithFaults(`${strace}???\n`, `%%%\n${perf}`);
    expect(summary.unreadable.first).toMatchObject([{ line: 1, inFaults: true }, { line: 4 }]);
    expect(summary.unreadable.first[1]).not.toHaveProperty("inFaults");
  });
});
