import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PerfReader } from "./reader.ts";
import type { PerfRecord } from "./record.ts";

/** Reads a text as a whole. */
function read(text: string): readonly PerfRecord[] {
  const reader = new PerfReader();
  return [...reader.push(text), ...reader.end()];
}

const FAULT = "exceptions:page_fault_user: address=0x7f1000 ip=0x7f1000 error_code=0x14";

describe("the head of a line", () => {
  test.each([
    ["as perf prints it", `          touch  7095 [000]   575.532873:   ${FAULT}`],
    ["with a pid", `          touch  7095/7095  [000]   575.532873:   ${FAULT}`],
    ["without a cpu", `          touch  7095   575.532873:   ${FAULT}`],
    ["with the processor's mode", `          touch  7095 [000] K       575.532873:   ${FAULT}`],
    ["with a period", `          touch  7095 [000]   575.532873:          1   ${FAULT}`],
    ["in nanoseconds", `          touch  7095 [000]   575.532873000:   ${FAULT}`],
    ["in one column, as with call chains", `touch  7095   575.532873:          1  ${FAULT}`],
    ["on a large machine", `          touch  7095 [1023]   575.532873:   ${FAULT}`],
  ])("%s tells task and time", (_, line) => {
    const [record] = read(line);
    expect(record).toMatchObject({
      kind: "sample",
      line: 1,
      comm: "touch",
      tid: 7095,
      time: 575.532873,
      event: "exceptions:page_fault_user",
    });
  });

  test("may lack name and time", () => {
    expect(read(` 7091/7092         raw_syscalls:sys_exit: NR 310 = 4096`)).toEqual([
      {
        kind: "sample",
        line: 1,
        pid: 7091,
        tid: 7092,
        event: "raw_syscalls:sys_exit",
        text: "NR 310 = 4096",
      },
    ]);
    expect(read(` 7095   575.532786:   page-faults:     5616a637d040`)).toMatchObject([
      { tid: 7095, time: 575.532786, event: "page-faults" },
    ]);
  });

  test("tells the task apart from a name with blanks, numbers and colons", () => {
    expect(read(`   a b: 1 [0] x  8447 [001]   738.564640:   ${FAULT}`)).toMatchObject([
      { comm: "a b: 1 [0] x", tid: 8447, time: 738.56464 },
    ]);
  });

  test("gives an event without its modifiers, and with its group", () => {
    const events = ["page-faults:u", "page-faults", "sched:sched_switch", "raw_syscalls:sys_exit:k"];
    const text = events.map((event) => `ls 1 [000] 1.000000: ${event}: x\n`).join("");
    expect(read(text).map((r) => r.kind === "sample" && r.event)).toEqual([
      "page-faults",
      "page-faults",
      "sched:sched_switch",
      "raw_syscalls:sys_exit",
    ]);
  });

  test("has the period where it is printed", () => {
    expect(read("ls 1 [000] 1.000000:   17 page-faults: 0")).toMatchObject([{ period: 17 }]);
  });
});

describe("side-band records", () => {
  const head = "touch  7095 [000]   575.532770: ";

  test("a mapping has its place, its file and the file's identity", () => {
    const line = `${head}PERF_RECORD_MMAP2 7095/7096: [0x5616a637a000(0x1000) @ 0x2000 fe:00 2277845 148842229]: r-xp /tmp/a b`;
    expect(read(line)).toMatchObject([
      {
        kind: "mapping",
        pid: 7095,
        tid: 7096,
        start: 0x5616a637a000,
        length: 0x1000,
        offset: 0x2000,
        perms: "r-xp",
        file: { path: "/tmp/a b", device: "fe:00", inode: 2277845 },
      },
    ]);
  });

  test.each([
    ["PERF_RECORD_MMAP2 1/1: [0x7f00(0x1000) @ 0 00:00 0 0]: r-xp [vdso]", "[vdso]", "r-xp"],
    ["PERF_RECORD_MMAP2 1/1: [0x7f00(0x1000) @ 0 <3a8dbc>]: r-xp /lib/x.so", "/lib/x.so", "r-xp"],
    ["PERF_RECORD_MMAP 1/1: [0x7f00(0x1000) @ 0]: x /lib/x.so", "/lib/x.so", "r-xp"],
  ])("%s is one too", (text, path, perms) => {
    expect(read(head + text)).toMatchObject([{ kind: "mapping", start: 0x7f00, perms, file: { path } }]);
  });

  test("the kernel's own text is no process's", () => {
    const line = `swapper     0 [000]     0.000000: PERF_RECORD_MMAP -1/0: [0xffffffff81000000(0x1209988) @ 0xffffffff81000000]: x [kernel.kallsyms]_text`;
    expect(read(line)).toEqual([{ kind: "other", line: 1, name: "PERF_RECORD_MMAP of the kernel" }]);
  });

  test("names, births and ends have their tasks", () => {
    const text = [
      "PERF_RECORD_COMM exec: a b:7095/7095",
      "PERF_RECORD_COMM: x:y:7095/7096",
      "PERF_RECORD_FORK(7095:7096):(7095:7095)",
      "PERF_RECORD_EXIT(7095:7096):(7090:7090)",
      "PERF_RECORD_LOST lost 12",
      "PERF_RECORD_SWITCH OUT",
    ];
    expect(read(text.map((t) => `${head}${t}\n`).join(""))).toMatchObject([
      { kind: "comm", name: "a b", process: 7095, tid: 7095, exec: true },
      { kind: "comm", name: "x:y", process: 7095, tid: 7096, exec: false },
      { kind: "fork", child: { pid: 7095, tid: 7096 }, parent: { pid: 7095, tid: 7095 } },
      { kind: "exit", task: { pid: 7095, tid: 7096 } },
      { kind: "lost", count: 12 },
      { kind: "other", name: "PERF_RECORD_SWITCH" },
    ]);
  });

  test("one that makes no sense is reported", () => {
    expect(read(`${head}PERF_RECORD_MMAP2 7095/7096: [0x5616`)).toMatchObject([
      { kind: "unreadable", line: 1, why: expect.stringContaining("PERF_RECORD_MMAP2") },
    ]);
  });
});

describe("call chains", () => {
  const text = `touch  7683   598.457479:          1              page-faults:     55734b77e040 __TMC_END__+0x0 (/tmp/touch)
	ffffffff81752a2a elf_load+0x28a ([kernel.kallsyms])
	    7f9d63ef2ad7 [unknown] ([unknown])
	           1ab70 operator new(unsigned long)+0x10 (/usr/lib/ld-linux.so.2)
	           1ab71

touch  7683   598.457480: sched:sched_switch: x
`;

  test("belong to the sample before them", () => {
    const [sample, next] = read(text);
    expect(sample?.kind === "sample" && sample.stack).toEqual([
      {
        text: "ffffffff81752a2a elf_load+0x28a ([kernel.kallsyms])",
        address: "0xffffffff81752a2a",
        symbol: "elf_load",
        offset: "0x28a",
        module: "[kernel.kallsyms]",
      },
      { text: "7f9d63ef2ad7 [unknown] ([unknown])", address: "0x7f9d63ef2ad7" },
      {
        text: "1ab70 operator new(unsigned long)+0x10 (/usr/lib/ld-linux.so.2)",
        address: "0x1ab70",
        symbol: "operator new(unsigned long)",
        offset: "0x10",
        module: "/usr/lib/ld-linux.so.2",
      },
      { text: "1ab71", address: "0x1ab71" },
    ]);
    expect(next).toMatchObject({ kind: "sample", line: 7 });
  });

  test("without an event are reported", () => {
    expect(read("\tffffffff81752a2a elf_load\n")).toMatchObject([
      { kind: "unreadable", line: 1, why: expect.stringContaining("stack frame") },
    ]);
  });
});

describe("what is no line of perf script", () => {
  test("blank lines and the header are passed over", () => {
    expect(read("# ========\n# hostname : vm\n\n")).toEqual([]);
  });

  test.each([
    "hello",
    "touch 575.532873: page-faults: 0",
    "touch 99999999 [000] 1.000000: page-faults: 0",
    "x".repeat(100_000),
  ])("%.40s is reported with its line and what to do", (line) => {
    const [first, second] = read(`\n${line}\n\n`);
    expect(first).toMatchObject({ kind: "unreadable", line: 2 });
    expect(first?.kind === "unreadable" && first.why).toContain("perf script -F +tid,+time");
    expect(first?.kind === "unreadable" && first.text.length).toBeLessThanOrEqual(200);
    expect(second).toBeUndefined();
  });
});

test("the same records come out however the text is cut into chunks", () => {
  const text = [
    `   a b  8447 [001]   738.564640:   ${FAULT}`,
    "touch  7683   598.457479:  1 page-faults: 55734b77e040 x",
    "\tffffffff81752a2a elf_load+0x28a ([kernel.kallsyms])",
    "",
    "touch 1 [000] 1.000000: PERF_RECORD_EXIT(1:1):(0:0)",
    "garbage",
  ].join("\n");
  const whole = read(text);
  expect(whole).toHaveLength(4);
  fc.assert(
    fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (cuts) => {
      const reader = new PerfReader();
      const records: PerfRecord[] = [];
      const places = [0, ...cuts.sort((a, b) => a - b), text.length];
      places.slice(1).forEach((to, i) => {
        records.push(...reader.push(text.slice(places[i], to)));
      });
      expect([...records, ...reader.end()]).toEqual(whole);
    }),
  );
});
