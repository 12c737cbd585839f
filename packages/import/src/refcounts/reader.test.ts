import { describe, expect, test } from "vitest";
import { readCapture } from "./reader.ts";

const first = (text: string) => readCapture(text).events[0];

describe("a line of typed tracepoints", () => {
  test("of a switch has both tasks, with what they have and borrow, and the counts of that", () => {
    expect(
      first(
        "7134524098722 1 switch 0/0:swapper/1{K} mm=0:0:0 am=ffff888146c5e400:1:2 state=R+ -> 19113/19113:kworker/1:0{K} mm=0:0:0 am=0:0:0",
      ),
    ).toEqual({
      line: 1,
      time: 7134524098722n,
      cpu: 1,
      kind: "switch",
      prev: { pid: 0, tgid: 0, comm: "swapper/1", kernel: true, mm: "0", activeMm: "ffff888146c5e400" },
      next: { pid: 19113, tgid: 19113, comm: "kworker/1:0", kernel: true, mm: "0", activeMm: "0" },
      state: "R",
      counts: [{ mm: "ffff888146c5e400", users: 1, count: 2 }],
    });
  });

  test("may name a program with blanks, colons and braces", () => {
    const event = first("1 0 exit 5/4:a {b}: mm=1{X} mm=ff:2:1 am=ff:2:1 group_dead=0");
    expect(event).toMatchObject({ kind: "exit", task: { pid: 5, tgid: 4, comm: "a {b}: mm=1", mm: "ff" } });
  });

  test.each([
    [
      "7134568801810 1 newtask 8784/8784:r{} mm=a:1:1 am=a:1:1 flags=0x1200000 -> 8786/8786:r{} mm=b:1:1 am=b:1:1",
      { kind: "newtask", flags: 0x1200000, child: { pid: 8786, mm: "b" }, parent: { pid: 8784 } },
    ],
    [
      "7134569554347 1 exit_mmap 8786/8786:r{} mm=a:1:1 am=a:1:1 : mm=b:0:1",
      { kind: "exit_mmap", torn: "b", task: { mm: "a" } },
    ],
    ["7134569658016 1 exec 8786/8786:env{} mm=a:1:1 am=a:1:1 old_pid=8787", { kind: "exec", oldPid: 8787 }],
    ["7139536104008 0 free 9280/9280:sleep{X} mm=0:0:0 am=0:0:0", { kind: "free", counts: [] }],
    ["7134568812570 1 wakenew 8786/8786:r{} mm=a:1:1 am=a:1:1", { kind: "wakenew" }],
    ["1 0 switch 5/5:a{X} mm=0:0:0 am=a:0:1 state=Z -> 0/0:swapper/0{K} mm=0:0:0 am=0:0:0", { state: "X" }],
  ])("%s", (line, expected) => {
    expect(first(line)).toMatchObject(expected);
  });
});

describe("a line of bpftrace", () => {
  test.each([
    [
      "7533800582748 1 switch 13882/13882 bpftrace mm=a am=a users=1 count=1 state=1 -> 0 swapper/1 mm=?",
      { state: "S", next: { pid: 0, mm: undefined, activeMm: undefined }, counts: [{ mm: "a", users: 1 }] },
    ],
    [
      "7533800613919 1 switch 0/0 swapper/1 mm=0 am=a users=1 count=2 state=0 -> 13882 bpftrace mm=b am=b users=3 count=2",
      { state: "R", next: { pid: 13882, mm: "b" }, counts: [{ count: 2 }, { mm: "b", users: 3, count: 2 }] },
    ],
    [
      "7533802157471 0 exit_mmap 13900/13900 sh : mm=c users=0 count=1",
      { kind: "exit_mmap", torn: "c", task: { mm: undefined } },
    ],
    [
      "7533802304282 0 exec 13900/13900 my prog mm=a am=a users=1 count=1",
      { kind: "exec", task: { comm: "my prog" } },
    ],
    [
      "7533807743449 1 newtask 13900/13900 bash flags=0x1200000 -> 13901 bash mm=a users=1 count=1",
      { kind: "newtask", parent: { mm: "a" }, child: { pid: 13901, mm: undefined } },
    ],
    [
      "7533816594886 0 exit 13901/13901 cat mm=a am=a users=1 count=1",
      { kind: "exit", task: { pid: 13901 } },
    ],
    ["1 0 exec 5/5 env mm=a am=a users=1 count=1 old_pid=7", { kind: "exec", oldPid: 7 }],
    ["1 0 free 5", { kind: "free", task: { pid: 5 } }],
  ])("%s", (line, expected) => {
    expect(first(line)).toMatchObject(expected);
  });

  test.each([
    [0, "R"],
    [1, "S"],
    [2, "D"],
    [128, "I"],
    [256, "R"],
    [16, "X"],
    [32, "X"],
    [4, "T"],
    [8, "t"],
    [64, "P"],
  ])("with prev_state %i leaves its task in %s", (state, letter) => {
    const line = `1 0 switch 7/7 a mm=0 am=a users=1 count=1 state=${state} -> 0 swapper/0 mm=?`;
    expect(first(line)).toMatchObject({ state: letter });
  });
});

describe("a capture", () => {
  const at = (time: number, cpu: number) => `${time} ${cpu} exit 5/5:a{X} mm=ff:1:1 am=ff:1:1`;

  test("is sorted by time, whatever the order in which CPUs were printed", () => {
    const { events } = readCapture(["# head", at(9, 1), at(12, 1), at(10, 0), ""].join("\n"));
    expect(events.map(({ line }) => line)).toEqual([2, 4, 3]);
  });

  test("has lines that are remarks, and tells of those that are nothing", () => {
    const text =
      "Attaching 8 probes...\n# refcounts.bt\n\nLost 3 events\n# end: 9 events, 2 lost, 7 probes on, 0 not\n1 0 switch nonsense\nhello\n";
    expect(readCapture(text)).toEqual({
      events: [],
      lines: 7,
      lost: 5,
      strange: [
        { line: 6, text: "1 0 switch nonsense" },
        { line: 7, text: "hello" },
      ],
    });
  });

  test("with lines as Windows ends them is the same", () => {
    expect(readCapture(`${at(1, 0)}\r\n`).events).toEqual(readCapture(`${at(1, 0)}\n`).events);
  });
});
