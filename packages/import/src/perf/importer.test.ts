import type { Event, MmId, Pid } from "@pagetrail/core";
import { importPerf } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { NR, PerfText } from "../testing/perf-text.ts";
import "@pagetrail/testing/setup";

const ARENA = 0x20000000;
const ANONYMOUS = [ARENA, 0x10000, 3, 0x32, -1, 0];

/** Calls with what matters of them, as short text. */
const brief = ({ tid, request: r, outcome }: Event): string => {
  const what = "addr" in r ? ` ${r.addr.toString(16)}` : "child" in r ? ` ${r.child}` : "";
  const kind = r.call === "access" ? ` ${r.kind}` : "";
  return `${tid} ${r.call}${what}${kind}${"errno" in outcome ? ` ${outcome.errno}` : ""}`;
};

const briefs = (events: readonly Event[]): readonly string[] =>
  events.filter(({ request }) => !["adopt", "file", "layout"].includes(request.call)).map(brief);

const notesOf = ({ summary }: ReturnType<typeof importPerf>): readonly string[] =>
  summary.notes.map(({ note }) => note);

describe("calls and faults", () => {
  test("become events in the order in which they happened", () => {
    const text = new PerfText()
      .call(42, NR.mmap, ANONYMOUS, ARENA)
      .fault(42, ARENA + 0x3000, 6)
      .fault(42, ARENA + 0x1008, 4)
      .call(42, NR.munmap, [ARENA + 0x8000, 0x1000], 0)
      .fault(42, ARENA + 0x4000, 0x14)
      .call(42, NR.munmap, [ARENA + 1, 0x1000], -22);
    const { events, summary } = importPerf(text.text);
    expect(briefs(events)).toEqual([
      "42 mmap 20000000",
      "42 access 20003000 write",
      "42 access 20001008 read",
      "42 munmap 20008000",
      "42 access 20004000 exec",
      "42 munmap 20000001 EINVAL",
    ]);
    expect(summary).toMatchObject({ lines: 9, faults: 3, decided: 3, predicted: 3 });
    expect(events.at(-1)).toMatchObject({ line: 9, time: 100.000008 });
  });

  test("a fault inside a call comes before its return", () => {
    const text = new PerfText()
      .call(42, NR.mmap, ANONYMOUS, ARENA)
      .call(42, 27, [ARENA, 0x1000, ARENA + 0x5000])
      .fault(42, ARENA + 0x5000, 2, "kernel")
      .returns(42, 27, 0);
    expect(briefs(importPerf(text.text).events)).toEqual([
      "42 mmap 20000000",
      "42 access 20005000 write",
      "42 mincore 20000000",
    ]);
  });

  test("the tracepoints of single calls say the same as the raw ones, and both together no more", () => {
    const raw = new PerfText().call(42, NR.mmap, ANONYMOUS, ARENA).call(42, NR.munmap, [ARENA, 0x1000], 0);
    const both = new PerfText()
      .call(42, NR.mmap, ANONYMOUS)
      .line(
        42,
        "syscalls:sys_enter_mmap: addr: 0x20000000, len: 0x00010000, prot: 0x00000003, flags: 0x00000032, fd: 0xffffffff, off: 0x00000000",
      )
      .line(42, "syscalls:sys_exit_mmap: 0x20000000")
      .returns(42, NR.mmap, ARENA)
      .line(42, "syscalls:sys_enter_munmap: addr: 0x20000000, len: 0x00001000")
      .line(42, "syscalls:sys_exit_munmap: 0x0");
    const events = importPerf(both.text).events;
    expect(briefs(events)).toEqual(briefs(importPerf(raw.text).events));
    expect(events.map(({ request }) => request)).toEqual(importPerf(raw.text).events.map((e) => e.request));
  });

  test("one fault that several events tell of is one", () => {
    const text = new PerfText()
      .call(42, NR.mmap, ANONYMOUS, ARENA)
      .fault(42, ARENA, 6)
      .line(42, "   1 page-faults:         20000000 x     401000 main+0x1 (/bin/demo)")
      .line(42, "   1 minor-faults:         20000000 x     401000 main+0x1 (/bin/demo)")
      .fault(42, ARENA, 7);
    expect(briefs(importPerf(text.text).events).slice(1)).toEqual([
      "42 access 20000000 write",
      "42 access 20000000 write",
    ]);
  });

  test("arguments that a call does not look at are none of its", () => {
    const text = new PerfText()
      .call(42, NR.mmap, ANONYMOUS, ARENA)
      .call(42, 25, [ARENA, 0x10000, 0x8000, 0, 0x7777], ARENA)
      .call(42, 25, [ARENA, 0x8000, 0x8000, 3, 0x30000000], 0x30000000);
    expect(importPerf(text.text).events.slice(-2)).toMatchObject([
      { request: { call: "mremap", newLength: 0x8000, newAddr: 0 } },
      { request: { call: "mremap", flags: 3, newAddr: 0x30000000 } },
    ]);
  });

  test("a call that is interrupted, and one that never returns, are no failures", () => {
    const text = new PerfText()
      .call(42, NR.mmap, ANONYMOUS, ARENA)
      .call(42, NR.wait4, [-1], -512)
      .call(42, NR.munmap, [ARENA, 0x1000])
      .call(42, NR.munmap, [ARENA, 0x2000], 0);
    expect(briefs(importPerf(text.text).events)).toEqual(["42 mmap 20000000", "42 munmap 20000000"]);
  });
});

describe("what was written to", () => {
  const around = (more: (text: PerfText) => PerfText): readonly Event[] =>
    importPerf(
      more(new PerfText().call(42, NR.mmap, ANONYMOUS, ARENA)).call(
        42,
        NR.munmap,
        [ARENA + 0x8000, 0x1000],
        0,
      ).text,
    ).events;

  test("is supposed where no fault shows", () => {
    const supposing = around((text) => text.call(42, NR.wait4, [-1], -10));
    expect(supposing.at(-1)).toMatchObject({ request: { call: "munmap" }, ran: true });
  });

  test("is known where faults show, and then nothing is supposed", () => {
    const events = around((text) => text.fault(42, ARENA, 4).call(42, NR.wait4, [-1], -10));
    expect(events.every(({ ran, wrote }) => ran === undefined && wrote === undefined)).toBe(true);
  });

  test("is known of a child too, whose parent's faults show", () => {
    const events = around((text) =>
      text.fault(42, ARENA, 4).call(42, NR.clone, [0x1200011], 43).call(43, NR.wait4, [-1], -10),
    );
    const after = importPerf(
      new PerfText()
        .fault(42, ARENA, 4)
        .call(42, NR.clone, [0x1200011], 43)
        .call(43, NR.wait4, [-1], -10)
        .call(43, NR.munmap, [ARENA, 0x1000], 0).text,
    ).events;
    expect([...events, ...after].some(({ ran, wrote }) => ran !== undefined || wrote !== undefined)).toBe(
      false,
    );
  });

  test("is supposed again once perf has lost events", () => {
    const events = around((text) =>
      text
        .fault(42, ARENA, 4)
        .line(42, "PERF_RECORD_LOST lost 7")
        .fault(42, ARENA, 6)
        .call(42, NR.wait4, [-1], -10),
    );
    expect(events.at(-1)).toMatchObject({ ran: true });
  });

  test("two neighbours that were written to before they met stay apart, and others merge", () => {
    const two = (code: number): readonly string[] =>
      importPerf(
        new PerfText()
          .call(42, NR.mmap, [ARENA, 0x1000, 3, 0x32, -1, 0], ARENA)
          .fault(42, ARENA, code)
          .call(42, NR.mmap, [ARENA + 0x2000, 0x1000, 3, 0x32, -1, 0], ARENA + 0x2000)
          .fault(42, ARENA + 0x2000, code)
          .call(42, NR.mmap, [ARENA + 0x1000, 0x1000, 3, 0x32, -1, 0], ARENA + 0x1000).text,
      ).maps(42);
    expect(two(6)).toEqual(["20000000-20002000 rw-p", "20002000-20003000 rw-p"]);
    expect(two(4)).toEqual(["20000000-20003000 rw-p"]);
  });

  test("is assumed of faults that do not tell, by what the memory is for", () => {
    const events = around((text) =>
      text
        .line(42, "   1 page-faults:         20000000 x     401000 main (/bin/demo)")
        .line(42, "   1 page-faults:           900000 x     401000 main (/bin/demo)"),
    );
    const faults = events.filter(({ request }) => request.call === "access");
    expect(faults).toMatchObject([
      { request: { kind: "write" }, assumed: ["kind"] },
      { request: { kind: "read" }, assumed: ["kind"] },
    ]);
  });

  test("is supposed beside faults of which only samples were drawn, which is said", () => {
    const sampled = importPerf(
      new PerfText()
        .call(42, NR.mmap, ANONYMOUS, ARENA)
        .line(42, "   9 page-faults:         20000000 x     401000 main (/bin/demo)")
        .call(42, NR.wait4, [-1], -10)
        .call(42, NR.munmap, [ARENA, 0x1000], 0).text,
    );
    expect(sampled.events.at(-1)).toMatchObject({ ran: true });
    expect(notesOf(sampled).join()).toContain("-c 1");
  });

  test("is not known of faults without addresses, and it is said what to record", () => {
    const blind = importPerf(
      new PerfText().line(42, "   1 page-faults:     401000 main+0x1 (/bin/demo)").text,
    );
    expect(notesOf(blind).join()).toContain("perf record -d");
  });
});

describe("tasks", () => {
  test("an exec is made of its records, and what the kernel touches comes behind it", () => {
    const text = new PerfText()
      .line(42, "PERF_RECORD_COMM exec: demo:42/42")
      .mmap2(42, 0x555555555000, 0x1000, "r-xp", "/bin/demo")
      .fault(42, 0x7ffffffde000, 2, "kernel")
      .line(42, "sched:sched_process_exec: filename=/bin/demo pid=42 old_pid=42")
      .returns(42, NR.execve, 0)
      .fault(42, 0x555555555000, 0x14);
    const { events } = importPerf(text.text);
    expect(briefs(events)).toEqual([
      "42 execve",
      "42 access 7ffffffde000 write",
      "42 access 555555555000 exec",
    ]);
    expect(events.find(({ request }) => request.call === "execve")).toMatchObject({
      request: { path: "/bin/demo" },
      line: 5,
      assumed: expect.arrayContaining(["args", "env", "program"]),
    });
  });

  test("without an event for its return an exec is over with the task's next one", () => {
    const text = new PerfText()
      .line(42, "PERF_RECORD_COMM exec: demo:42/42")
      .mmap2(42, 0x555555555000, 0x1000, "r-xp", "/bin/demo")
      .fault(42, 0x555555555000, 0x14);
    expect(briefs(importPerf(text.text).events)).toEqual(["42 execve", "42 access 555555555000 exec"]);
  });

  test("where the records show stack, code and vdso, nothing of the layout is guessed", () => {
    const text = new PerfText()
      .line(42, "PERF_RECORD_COMM exec: demo:42/42")
      .mmap2(42, 0x7ffe064ef000, 0x21000, "rw-p", "[stack]")
      .mmap2(42, 0x5616a637a000, 0x1000, "r-xp", "/bin/demo", "fe:00 7 0", 0x1000)
      .mmap2(42, 0x7fadb7645000, 0x26000, "r-xp", "/lib/ld.so")
      .mmap2(42, 0x7fadb7642000, 0x2000, "r-xp", "[vdso]")
      .returns(42, NR.execve, 0)
      .call(42, NR.exit_group, [0]);
    const { events, maps } = importPerf(text.text);
    const [exec] = events.filter(({ request }) => request.call === "execve");
    expect(exec?.assumed).not.toContain("stackTop");
    expect(exec?.assumed).not.toContain("mmapBase");
    const choices = { stackTop: 0x7ffe06510000, programBase: 0x5616a6379000 };
    expect(exec?.request).toMatchObject({ load: { randomized: true, choices } });
    expect(exec?.assumed).not.toContain("programBase");
    expect(maps(42)).toEqual([]);
  });

  test.each([
    ["clone with its flags", NR.clone, [0x1200011], "", 0x1200000],
    ["vfork", NR.vfork, [], "", 0x4100],
    [
      "clone3 with a record that tells",
      NR.clone3,
      [],
      "task:task_newtask: pid=43 comm=x clone_flags=3d0f00",
      0x3d0f00,
    ],
    ["clone3 of a thread", NR.clone3, [], "PERF_RECORD_FORK(42:43):(42:42)", 0x3d0f00],
    ["clone3 of a process", NR.clone3, [], "PERF_RECORD_FORK(43:43):(42:42)", 0],
  ])("%s makes a task", (_, nr, args, record, flags) => {
    const text = new PerfText().call(42, nr, args);
    if (record !== "") text.line(42, record);
    const { events } = importPerf(text.returns(43, nr, 0).returns(42, nr, 43).text);
    expect(events.at(-1)?.request).toEqual({ call: "clone", flags, child: 43 });
  });

  test("without system calls the records of tasks tell of births and ends", () => {
    const text = new PerfText()
      .fault(42, ARENA, 6)
      .line(42, "PERF_RECORD_FORK(43:43):(42:42)")
      .line(42, "task:task_newtask: pid=43 comm=x clone_flags=1200000 oom_score_adj=0")
      .line(42, "sched:sched_process_fork: comm=x pid=42 child_comm=x child_pid=43")
      .fault(43, ARENA, 6)
      .line(43, "sched:sched_process_exit: comm=x pid=43 prio=120")
      .line(43, "PERF_RECORD_EXIT(43:43):(42:42)");
    const done = importPerf(text.text);
    expect(briefs(done.events)).toEqual([
      "42 access 20000000 write",
      "42 clone 43",
      "43 access 20000000 write",
      "43 exit",
    ]);
    expect(notesOf(done).join()).toContain("no system calls in the recording");
  });

  test("two births in a row are two, and a child's first deed comes behind its own", () => {
    const text = new PerfText()
      .fault(42, ARENA, 6)
      .line(42, "PERF_RECORD_FORK(43:43):(42:42)")
      .line(42, "PERF_RECORD_FORK(44:44):(42:42)")
      .fault(44, ARENA, 6);
    expect(briefs(importPerf(text.text).events).slice(1)).toEqual([
      "42 clone 43",
      "42 clone 44",
      "44 access 20000000 write",
    ]);
  });

  test("a child that touches memory before its fork returns is born first", () => {
    const text = new PerfText()
      .call(42, NR.clone, [0x1200011])
      .line(42, "PERF_RECORD_FORK(43:43):(42:42)")
      .returns(43, NR.clone, 0)
      .fault(43, ARENA, 6)
      .returns(42, NR.clone, 43);
    expect(briefs(importPerf(text.text).events)).toEqual(["42 clone 43", "43 access 20000000 write"]);
  });

  test("an exec by another thread ends under the leader's tid", () => {
    const text = new PerfText()
      .call(42, NR.clone, [0x3d0f00], 43)
      .call(43, NR.execve, [0x1000])
      .line(42, "PERF_RECORD_COMM exec: demo:42/42")
      .line(42, "sched:sched_process_exec: filename=/bin/demo pid=42 old_pid=43")
      .returns(42, NR.execve, 0)
      .call(42, NR.exit_group, [0]);
    const { events } = importPerf(text.text);
    expect(briefs(events)).toEqual(["42 clone 43", "43 execve", "42 exit_group"]);
  });

  test("one from before the recording has the mappings that perf found", () => {
    const early = [
      "            demo 0 [000] 0.000000: PERF_RECORD_COMM: demo:42/42",
      "            demo 0 [000] 0.000000: PERF_RECORD_FORK(42:43):(42:42)",
      "            demo 0 [000] 0.000000: PERF_RECORD_MMAP2 42/42: [0x20000000(0x2000) @ 0x1000 fe:00 7 0]: r-xp /bin/demo",
      "            idle 0 [000] 0.000000: PERF_RECORD_COMM: idle:50/50",
    ].join("\n");
    const done = importPerf(`${early}\n${new PerfText().call(43, NR.brk, [0], 0x900000).text}`);
    expect(done.maps(43)).toEqual(["20000000-20002000 r-xp /bin/demo"]);
    expect([...done.state.tasks.keys()]).toEqual([42, 43]);
  });
});

describe("files of mappings", () => {
  const LIB = 0x7ffff7c00000;
  const loaded = (text: PerfText): PerfText =>
    text
      .call(42, NR.mmap, [0, 0x4000, 1, 2, 3, 0], LIB)
      .call(42, NR.mmap, [LIB + 0x1000, 0x1000, 5, 0x12, 3, 0x1000])
      .mmap2(42, LIB + 0x1000, 0x1000, "r-xp", "/lib/demo.so", "fe:00 9 0")
      .returns(42, NR.mmap, LIB + 0x1000)
      .call(42, NR.mmap, [LIB + 0x2000, 0x1000, 3, 0x12, 3, 0x2000], LIB + 0x2000);

  test("are those that the record of the code names, for all of the library", () => {
    const done = importPerf(loaded(new PerfText()).text);
    expect(done.maps(42)).toEqual([
      "7ffff7c00000-7ffff7c01000 r--p /lib/demo.so",
      "7ffff7c01000-7ffff7c02000 r-xp /lib/demo.so",
      "7ffff7c02000-7ffff7c03000 rw-p /lib/demo.so",
      "7ffff7c03000-7ffff7c04000 r--p /lib/demo.so",
    ]);
    expect([...done.state.files.values()].map(({ file }) => file)).toMatchObject([
      { path: "/lib/demo.so", device: "fe:00", inode: 9 },
    ]);
  });

  test("are unknown where no record names them, which is said, and do not spread", () => {
    const text = new PerfText().call(42, NR.mmap, [0, 0x1000, 1, 2, 3, 0], LIB + 0x8000);
    const done = importPerf(loaded(text).text);
    expect(done.maps(42).at(-1)).toBe("7ffff7c08000-7ffff7c09000 r--p /?/descriptor 3");
    expect(notesOf(done).join()).toContain("a descriptor whose opening the trace does not show");
  });

  test("are not those of another descriptor that is mapped meanwhile", () => {
    const text = new PerfText()
      .call(42, NR.mmap, [0, 0x4000, 1, 2, 3, 0], LIB)
      .call(42, NR.mmap, [LIB + 0x10000, 0x1000, 1, 0x12, 4, 0], LIB + 0x10000)
      .call(42, NR.mmap, [LIB + 0x1000, 0x1000, 5, 0x12, 3, 0x1000])
      .mmap2(42, LIB + 0x1000, 0x1000, "r-xp", "/lib/demo.so")
      .returns(42, NR.mmap, LIB + 0x1000);
    expect(importPerf(text.text).maps(42)).toEqual([
      "7ffff7c00000-7ffff7c01000 r--p /lib/demo.so",
      "7ffff7c01000-7ffff7c02000 r-xp /lib/demo.so",
      "7ffff7c02000-7ffff7c04000 r--p /lib/demo.so",
      "7ffff7c10000-7ffff7c11000 r--p /?/descriptor 4",
    ]);
  });

  test("that have lost their name say so", () => {
    const text = new PerfText()
      .call(42, NR.mmap, [0, 0x1000, 3, 1, 3, 0])
      .mmap2(42, LIB, 0x1000, "rw-s", "/memfd:demo (deleted)")
      .returns(42, NR.mmap, LIB);
    const done = importPerf(text.text);
    expect(done.maps(42)).toEqual(["7ffff7c00000-7ffff7c01000 rw-s /memfd:demo (deleted)"]);
    expect([...done.state.files.values()].map(({ file }) => file)).toMatchObject([
      { path: "/memfd:demo", kind: "shmem", deleted: true },
    ]);
  });

  test("and the mapping itself show by its record where no call does", () => {
    const text = new PerfText().fault(42, ARENA, 4).mmap2(42, LIB, 0x2000, "r-xp", "/lib/demo.so");
    const done = importPerf(text.text);
    expect(done.maps(42)).toEqual(["7ffff7c00000-7ffff7c02000 r-xp /lib/demo.so"]);
    expect(done.events.at(-1)).toMatchObject({ request: { call: "reveal" }, assumed: ["mapping"] });
  });
});

test("32-bit programs have their own numbers of calls", () => {
  const text = new PerfText()
    .line(42, "PERF_RECORD_COMM exec: demo:42/42")
    .mmap2(42, 0x8049000, 0x1000, "r-xp", "/bin/demo")
    .mmap2(42, 0xf7f8d000, 0x2000, "r-xp", "[vdso]")
    .returns(42, 11, 0)
    .call(42, 192, [ARENA, 0x10000, 3, 0x32, 0xffffffff, 0], ARENA)
    .call(42, 91, [ARENA, 0x1000], 0)
    .call(42, 192, [ARENA + 0x20000, 0x1000, 1, 0x12, 3, 2], ARENA + 0x20000)
    .call(42, 252, [0]);
  const { events } = importPerf(text.text);
  expect(events.find(({ request }) => "offset" in request && request.offset !== 0)).toMatchObject({
    request: { offset: 0x2000 },
    as: "mmap2",
  });
  expect(briefs(events)).toEqual([
    "42 execve",
    "42 mmap 20000000",
    "42 munmap 20000000",
    "42 mmap 20020000",
    "42 exit_group",
  ]);
});

test("what is recognised and not used is counted, and said once each", () => {
  const text = new PerfText()
    .line(42, "sched:sched_wakeup: comm=a pid=1")
    .line(42, "sched:sched_wakeup: comm=b pid=2")
    .line(42, "irq:softirq_entry: vec=1")
    .line(42, "PERF_RECORD_SWITCH OUT")
    .fault(42, ARENA, 4);
  const { summary } = importPerf(text.text);
  expect(summary.notes).toEqual(
    expect.arrayContaining([
      { note: "sched:sched_wakeup: recognised, and not used yet", count: 2 },
      { note: "PERF_RECORD_SWITCH: recognised, and not used yet", count: 1 },
      { note: "events of other kinds, which say nothing of memory that is modelled", count: 1 },
    ]),
  );
});

test("calls of which the recording has no events are named", () => {
  const text = new PerfText()
    .line(42, "syscalls:sys_enter_brk: brk: 0x00000000")
    .line(42, "syscalls:sys_exit_brk: 0x900000");
  expect(notesOf(importPerf(text.text)).join()).toContain("no event of mmap, munmap, mprotect: ");
  const raw = importPerf(text.call(42, NR.brk, [0], 0x900000).text);
  expect(notesOf(raw).join()).not.toContain("no event of");
});

test("lines that cannot be read are counted and shown with their number", () => {
  const { summary } = importPerf(`${new PerfText().fault(42, ARENA, 6).text}%%%\n${"x".repeat(3)}\n`);
  expect(summary.unreadable).toMatchObject({ count: 2, first: [{ line: 2, text: "%%%" }, { line: 3 }] });
});

test("times that go back are said to be disorder", () => {
  const late = new PerfText(100).fault(42, ARENA, 6).text;
  const early = new PerfText(50).fault(42, ARENA, 6).text;
  expect(importPerf(late + early).summary.disordered).toEqual({ count: 1, first: 2 });
});

describe("context switches", () => {
  const text = (lines: readonly string[]): string => `${lines.join("\n")}\n`;
  let clock = 0;
  /** A line of an event on a CPU, each a millisecond behind the one before. */
  const at = (cpu: number, who: string, event: string): string => {
    clock += 1;
    const [comm = "", pid = ""] = who.split(":");
    return `${comm.padStart(16)} ${pid.padStart(5)} [00${cpu}] ${(100 + clock / 1000).toFixed(6)}: ${event}`;
  };
  const turn = (cpu: number, from: string, state: string, to: string): string => {
    const [[comm, pid], [nextComm, nextPid]] = [from.split(":"), to.split(":")];
    return at(
      cpu,
      from,
      `sched:sched_switch: prev_comm=${comm} prev_pid=${pid} prev_prio=120 prev_state=${state} ==> next_comm=${nextComm} next_pid=${nextPid} next_prio=120`,
    );
  };
  const idle = (cpu: number): string => `swapper/${cpu}:0`;
  const memory = (who: string): readonly string[] => {
    const [comm = "", pid = ""] = who.split(":");
    return [
      `${comm.padStart(16)} ${pid.padStart(5)} [000]     0.000000: PERF_RECORD_COMM: ${comm}:${pid}/${pid}`,
      `${comm.padStart(16)} ${pid.padStart(5)} [000]     0.000000: PERF_RECORD_MMAP2 ${pid}/${pid}: [0x400000(0x2000) @ 0 fe:00 4711 0]: r-xp /bin/${comm}`,
    ];
  };
  const [SH, OTHER] = ["sh:42", "cat:43"] as const;

  test("of all CPUs show who runs where, and who borrows whose address space", () => {
    clock = 0;
    const { events, states, summary } = importPerf(
      text([
        ...memory(SH),
        ...memory(OTHER),
        turn(0, idle(0), "R", SH),
        turn(1, idle(1), "R", OTHER),
        at(0, SH, "raw_syscalls:sys_enter: NR 12 (0, 0, 0, 0, 0, 0)"),
        at(0, SH, "raw_syscalls:sys_exit: NR 12 = 6291456"),
        turn(0, SH, "S", "kworker_0:7"),
        turn(0, "kworker_0:7", "I", idle(0)),
        turn(1, OTHER, "R+", idle(1)),
        turn(1, idle(1), "R", SH),
      ]),
    );
    const switches = events.filter(({ request }) => request.call === "switch");
    expect(switches.map(({ request, assumed }) => [request, assumed ?? []])).toMatchObject([
      [{ cpu: 0, next: 42 }, []],
      [{ cpu: 1, next: 43 }, []],
      [{ cpu: 0, next: 7, state: "S" }, []],
      [{ cpu: 0, next: 0, state: "I" }, []],
      [{ cpu: 1, next: 0, state: "R" }, []],
      [{ cpu: 1, next: 42 }, []],
    ]);
    expect(summary.notes.filter(({ note }) => note.includes("switch"))).toEqual([]);
    // While the kernel thread and then the idle task run, they borrow what sh has.
    const seqs = switches.map(({ seq }) => seq);
    const sh = states.at(-1)?.tasks.get(42 as Pid)?.mm ?? 0;
    const counts = seqs.map((seq) => states[seq - 1]?.mms.get(sh as MmId)?.mmCount);
    expect(counts).toEqual([1, 1, 2, 2, 2, 2]);
    expect(states.at(-1)?.cpus.get(1)).toMatchObject({ current: 42, loadedMm: sh });
    expect(states.at(-1)?.tasks.get(7 as Pid)?.kind).toBe("kthread");
    for (const state of states) expect(state).toSatisfyLaws();
  });

  test("of one program alone are not followed, and said", () => {
    clock = 0;
    const lines = [1, 2, 3].flatMap(() => [turn(0, SH, "S", idle(0)), turn(0, SH, "S", "cron:9")]);
    const { events, summary } = importPerf(text([...memory(SH), ...lines]));
    expect(events.filter(({ request }) => request.call === "switch")).toEqual([]);
    expect(summary.notes.map(({ note }) => note)).toContain(
      "context switches of the recorded program alone: record all CPUs with perf record -a",
    );
  });

  test("that were lost are supposed", () => {
    clock = 0;
    const { events, states } = importPerf(
      text([
        ...memory(SH),
        ...memory(OTHER),
        turn(0, idle(0), "R", SH),
        turn(0, SH, "S", idle(0)),
        turn(0, idle(0), "R", OTHER),
        turn(0, OTHER, "S", idle(0)),
        // That cat left CPU 0 for sh is missing, and so is that sh came to CPU 1.
        turn(0, idle(0), "R", OTHER),
        turn(1, SH, "S", idle(1)),
        turn(1, idle(1), "R", OTHER),
      ]),
    );
    expect(
      events.filter(({ assumed }) => assumed?.includes("switch")).map(({ request }) => request),
    ).toMatchObject([
      { call: "switch", cpu: 1, next: 42 },
      { call: "switch", cpu: 0, next: 0 },
    ]);
    for (const state of states) expect(state).toSatisfyLaws();
  });
});
