import { readFileSync } from "node:fs";
import { maps, mmOf, type Pid } from "@pagetrail/core";
import { Recorder } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { demo, demoLog, pagetrail } from "../testing/log-fixture.ts";

describe("info", () => {
  test("shows the header, the counts, the processes and the divergences", async () => {
    const { code, out } = await pagetrail(["info", demoLog()]);
    expect(code).toBe(0);
    expect(out).toMatch(/^producer +@pagetrail\/testing \d/m);
    expect(out).toMatch(/^sealed +1 seal, finished$/m);
    expect(out).toMatch(/^predicted +7 of 8 decided calls right \(87\.5%\)$/m);
    expect(out).toMatch(/^ +4 {2}mmap$/m);
    expect(out).toMatch(/^100 +– +10 {2}1\.\.13 +1 {2}demo$/m);
    expect(out).toMatch(/^101 +100 +2 {2}8\.\.12 +1 {2}demo$/m);
    expect(out).toContain("event 10, line 9: mmap: recorded 0x10000000, predicted 0x7ffff7ff0000");
  });

  test("tells the same as JSON", async () => {
    const { out } = await pagetrail(["info", demoLog(), "--json"]);
    expect(JSON.parse(out)).toMatchObject({
      schema: 1,
      events: 12,
      decided: 8,
      predicted: 7,
      finished: true,
      calls: { mmap: 4, fork: 1, wait4: 1 },
      processes: [
        { pid: 100, parent: null },
        { pid: 101, parent: 100, ended: 11 },
      ],
      divergences: [{ seq: 10, line: 9, outcome: "0x10000000", predicted: "0x7ffff7ff0000" }],
    });
  });
});

describe("events", () => {
  test("prints an event a line, with the names of flags and files", async () => {
    const { out } = await pagetrail(["events", demoLog()]);
    expect(out.split("\n").map((line) => line.trimStart().replaceAll(/ +/g, " "))).toEqual([
      "1 · 100 adopt(demo, process 100) = 0",
      "2 · 100 file(1, /lib/libdemo.so, disk) = 0",
      "3 1 100 mmap(NULL, 16384, rw-, private|anonymous) = 0x7ffff7ffb000",
      "4 2 100 mmap(NULL, 12288, r-x, private, /lib/libdemo.so, 0) = 0x7ffff7ff8000",
      "5 3 100 mprotect(0x7ffff7ff9000, 4096, r--) = 0",
      "6 5 100 munmap(0x7ffff7ffb000, 4096) = 0",
      "7 6 100 munmap(0x7ffff7ffb001, 4096) = -EINVAL",
      "8 7 100 fork(0, child 101) = 101",
      "9 8 101 mmap(NULL, 8192, rw-, private|anonymous) = 0x7ffff7ff6000",
      "10 9 100 mmap(NULL, 32768, rw-, private|anonymous) = 0x10000000 [model: 0x7ffff7ff0000]",
      "11 10 101 exit_group(0) = 0",
      "12 11 100 wait4(101) = 0",
      "",
    ]);
  });

  test("prints a range, and knows files from before it", async () => {
    const { out } = await pagetrail(["events", demoLog(), "4..6"]);
    expect(out.trimEnd().split("\n")).toHaveLength(2);
    expect(out).toContain("/lib/libdemo.so");
  });

  test("prints the log's own lines with --jsonl, and all of them in one document with --json", async () => {
    const log = demoLog();
    const { out } = await pagetrail(["events", log, "--jsonl"]);
    expect(readFileSync(log, "utf8")).toContain(out);
    const document = JSON.parse((await pagetrail(["events", log, "3..5", "--json"])).out);
    expect(document).toMatchObject({ schema: 1, events: [{ seq: 3, call: "mmap" }, { seq: 4 }] });
  });
});

describe("maps", () => {
  test("is the text of the state, byte for byte, and names what it shows on stderr", async () => {
    const { code, out, err } = await pagetrail(["maps", demoLog(), "--at", "line:3"]);
    const state = demo().states[5];
    expect(code).toBe(0);
    expect(out).toBe(state && maps(state, mmOf(state, 100 as Pid)));
    expect(err).toMatch(
      /^pagetrail: process 100 \(demo\) in .*demo\.ptlog behind event 5 of 12 \(line 3\)\n$/,
    );
  });

  test("shows the process that was asked for", async () => {
    const { out, err } = await pagetrail(["maps", demoLog(), "--at", "9", "--pid", "101"]);
    expect(out).toMatch(/^7ffff7ff6000-7ffff7ff8000 rw-p/);
    expect(err).toContain("process 101 (demo)");
  });

  test("shows what is free with --gaps", async () => {
    const { out } = await pagetrail(["maps", demoLog(), "--gaps", "--at", "6"]);
    expect(out).toContain("  free 0x7ffff7ffb000-0x7ffff7ffc000 4 KB\n");
    expect(out).toMatch(/^ {2}free 0x0-0x7ffff7ff8000 128 TB\n/);
  });

  test("has VMAs with names for numbers as JSON", async () => {
    const { out } = await pagetrail(["maps", demoLog(), "--at", "5", "--json"]);
    expect(JSON.parse(out)).toMatchObject({ schema: 1, event: 5, line: 3, pid: 100 });
    expect(JSON.parse(out).vmas[1]).toEqual({
      start: "0x7ffff7ff9000",
      end: "0x7ffff7ffa000",
      permissions: "r--p",
      offset: "0x1000",
      device: "00:00",
      inode: 0,
      name: "/lib/libdemo.so",
      kb: 4,
    });
  });

  test("are empty for a process that has ended, with the way to its last ones", async () => {
    const { code, out, err } = await pagetrail(["maps", demoLog(), "--at", "11", "--pid", "101"]);
    expect([code, out]).toEqual([0, ""]);
    expect(err).toContain("(zombie): its last maps are at --at 10");
  });

  test("of a line that made no event are those before it, which stderr says", async () => {
    const { err } = await pagetrail(["maps", demoLog(), "--at", "line:4"]);
    expect(err).toContain("line 4 made no event; this is the moment behind event 5, from line 3");
  });
});

describe("ps", () => {
  test("lists tasks with their address spaces", async () => {
    const { out } = await pagetrail(["ps", demoLog(), "--at", "11"]);
    const rows = out
      .trimEnd()
      .split("\n")
      .map((line) => line.trim().split(/ +/));
    expect(rows).toEqual([
      ["PID", "TGID", "PPID", "STATE", "MM", "USERS", "COUNT", "VMAS", "KB", "ACTIVE_MM", "COMM"],
      ["100", "100", "0", "running", "1", "1", "1", "5", "56", "1", "demo"],
      ["101", "101", "100", "zombie", "–", "–", "–", "–", "–", "–", "demo"],
    ]);
  });

  test("lists none at the start", async () => {
    const { code, out } = await pagetrail(["ps", demoLog(), "--at", "start", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ schema: 1, event: 0, tasks: [] });
  });
});

describe("diff", () => {
  test("shows what two moments of a process have different, with a gutter", async () => {
    const { code, out } = await pagetrail(["diff", demoLog(), "4", "6"]);
    expect(code).toBe(1);
    expect(
      out
        .replaceAll(/ 0000.*?( \/|\n)/g, "$1")
        .trimEnd()
        .split("\n"),
    ).toEqual([
      "~ split into 3",
      "    - 7ffff7ff8000-7ffff7ffb000 r-xp /lib/libdemo.so",
      "    + 7ffff7ff8000-7ffff7ff9000 r-xp /lib/libdemo.so",
      "    + 7ffff7ff9000-7ffff7ffa000 r--p /lib/libdemo.so",
      "    + 7ffff7ffa000-7ffff7ffb000 r-xp /lib/libdemo.so",
      "~ shrunk by 4 KB at its start",
      "    - 7ffff7ffb000-7ffff7fff000 rw-p",
      "    + 7ffff7ffc000-7ffff7fff000 rw-p",
      "~ counters: total_vm 7 to 6, data_vm 4 to 3, exec_vm 3 to 2, hiwater_vm 0 to 7",
      "~ machine: committed 4 to 3",
    ]);
  });

  test("prints nothing and exits with 0 when nothing changed", async () => {
    expect(await pagetrail(["diff", demoLog(), "6", "7"])).toMatchObject({ code: 0, out: "" });
  });

  test("shows all mappings of a process that was not there before", async () => {
    const { code, out } = await pagetrail(["diff", demoLog(), "5", "9", "--pid", "101"]);
    expect(code).toBe(1);
    expect(
      out
        .trimEnd()
        .split("\n")
        .every((line) => line.startsWith("+ ")),
    ).toBe(true);
  });

  test("compares two processes at one moment", async () => {
    const { code, out } = await pagetrail([
      "diff",
      demoLog(),
      "--at",
      "10",
      "--pid",
      "100",
      "--pid",
      "101",
      "--json",
    ]);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      schema: 1,
      before: { event: 10, pid: 100 },
      after: { event: 10, pid: 101 },
      changes: [
        { kind: "removed", before: [{ start: "0x10000000" }], after: [] },
        { kind: "created", before: [], after: [{ start: "0x7ffff7ff6000" }] },
      ],
    });
  });

  test("finds a log the same as itself", async () => {
    const log = demoLog();
    expect(await pagetrail(["diff", log, log])).toMatchObject({ code: 0, out: "" });
  });

  test("compares two logs by what is mapped in their processes", async () => {
    const other = demo();
    other.call(100, { call: "munmap", addr: 0x10000000, length: 4096 });
    const forked = new Recorder();
    forked.call(100, { call: "adopt", comm: "other", tgid: 100 as Pid });
    const log = demoLog();
    const resized = await pagetrail(["diff", log, demoLog(other)]);
    expect(resized.code).toBe(1);
    expect(resized.out).toContain("~ shrunk by 4 KB at its start\n    - 10000000-10008000 rw-p");
    const strangers = await pagetrail(["diff", log, demoLog(forked)]);
    expect(strangers.out.split("\n")).toEqual([
      "- process demo (100)",
      "- process demo 2 (101)",
      "+ process other (100)",
      "",
    ]);
  });

  test("says what it needs when it is given too little", async () => {
    const { code, err } = await pagetrail(["diff", demoLog()]);
    expect(code).toBe(2);
    expect(err).toMatch(/^pagetrail: there is nothing to compare \(diff\): give two positions, two logs/);
  });
});

describe("smaps, status and statm", () => {
  test("smaps prints each mapping's sizes and flags, and says what it leaves out", async () => {
    const { code, out, err } = await pagetrail(["smaps", demoLog(), "--at", "5"]);
    expect(code).toBe(0);
    expect(out).toMatch(
      /^7ffff7ffb000-7ffff7fff000 rw-p .*\nSize: +16 kB\n(.*\n){3}VmFlags: rd wr mr mw me ac \n/m,
    );
    expect(err).toContain(
      "does not tell of accesses to memory: it is without the lines that count resident pages",
    );
  });

  test("status prints the sizes of the address space", async () => {
    const { out } = await pagetrail(["status", demoLog(), "--at", "4"]);
    expect(out.split("\n").slice(0, 2)).toEqual(["VmPeak:\t      28 kB", "VmSize:\t      28 kB"]);
  });

  test("statm has seven numbers, or a mark for what is not known", async () => {
    const { out } = await pagetrail(["statm", demoLog(), "--at", "4"]);
    expect(out).toBe("7 ? ? 0 0 4 0\n");
  });

  test("tell the same as JSON", async () => {
    const json = async (command: string): Promise<unknown> =>
      JSON.parse((await pagetrail([command, demoLog(), "--at", "4", "--pid", "100", "--json"])).out);
    expect(await json("smaps")).toMatchObject({
      schema: 1,
      pid: 100,
      vmas: [{ vmFlags: ["rd", "ex", "mr", "mw", "me"] }, { thpEligible: false }],
    });
    expect(await json("status")).toMatchObject({ event: 4, kb: { VmSize: 28, VmLib: 12 } });
    expect(await json("statm")).toMatchObject({ pages: [7, null, null, 0, 0, 4, 0] });
  });

  test("are empty for a process that has left its address space", async () => {
    const gone = async (command: string): Promise<string> =>
      (await pagetrail([command, demoLog(), "--at", "11", "--pid", "101"])).out;
    expect([await gone("smaps"), await gone("status"), await gone("statm")]).toEqual([
      "",
      "",
      "0 0 0 0 0 0 0\n",
    ]);
  });
});
