import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { demoLog, pagetrail } from "../testing/log-fixture.ts";

/** A task that leaves its CPU to idle, which borrows what it had; another that forks, execs and ends. */
const CAPTURE = `# head
1000000000 0 switch 10/10:sh{} mm=a0:1:1 am=a0:1:1 state=S -> 0/0:swapper/0{K} mm=0:0:0 am=0:0:0
1100000000 1 newtask 11/11:make{} mm=b0:1:1 am=b0:1:1 flags=0x1200000 -> 12/12:make{} mm=c0:1:1 am=c0:1:1
1200000000 0 switch 0/0:swapper/0{K} mm=0:0:0 am=a0:1:2 state=R -> 12/12:make{} mm=c0:1:1 am=c0:1:1
1300000000 0 exec 12/12:cc{} mm=d0:1:1 am=d0:1:1 old_pid=12
1400000000 0 switch 12/12:cc{} mm=d0:1:1 am=d0:1:1 state=R -> 0/0:swapper/0{K} mm=0:0:0 am=0:0:0
1500000000 1 switch 11/11:make{} mm=b0:1:1 am=b0:1:1 state=S -> 0/0:swapper/1{K} mm=0:0:0 am=0:0:0
`;

const file = (content: string | Uint8Array, name = "capture.txt"): string => {
  const path = join(testFolder(), name);
  writeFileSync(path, content);
  return path;
};

async function imported(text = CAPTURE): Promise<string> {
  const log = join(testFolder(), "c.ptlog");
  expect(await pagetrail(["import", "bpftrace", file(text), "-o", log])).toMatchObject({ code: 0 });
  return log;
}

const rows = (out: string): string[][] =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => line.trim().split(/ {2,}/));

describe("import bpftrace", () => {
  test("writes a log that replays and verifies, and says how the kernel's values compare", async () => {
    const log = join(testFolder(), "c.ptlog");
    const { code, out, err } = await pagetrail(["import", "bpftrace", file(CAPTURE), "-o", log]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(
      /c\.ptlog: \d+ events on 2 CPUs from 7 lines\n4 context switches, \d+ values compared/,
    );
    expect(out).toContain("with the kernel's: 4 equal, 0 but for what was on its way, 0 different\n");
    expect((await pagetrail(["replay", log])).code).toBe(0);
    expect((await pagetrail(["verify", log])).code).toBe(0);
  });

  test("reads gzip, and tells the same as JSON", async () => {
    const packed = file(gzipSync(CAPTURE), "capture.txt.gz");
    const log = join(testFolder(), "c.ptlog");
    const { out } = await pagetrail(["import", "bpftrace", packed, "-o", log, "--json"]);
    expect(JSON.parse(out)).toMatchObject({
      schema: 1,
      cpus: 2,
      switches: { total: 4, equal: 4 },
      differences: { count: 0, first: [] },
    });
  });

  test("shows differences with their lines, which are no failure", async () => {
    const wrong = CAPTURE.replace("am=a0:1:2", "am=a0:1:1");
    const { code, out } = await pagetrail([
      "import",
      "bpftrace",
      file(wrong),
      "-o",
      join(testFolder(), "c.ptlog"),
    ]);
    expect(code).toBe(0);
    expect(out).toContain("1 difference:\n  line 4: counts of a0: kernel 1 and 1, model 1 and 2\n");
  });

  test("exits with 2 for a capture that lost events, and for a file that is none", async () => {
    const log = join(testFolder(), "c.ptlog");
    const lost = await pagetrail(["import", "bpftrace", file(`${CAPTURE}Lost 3 events\n`), "-o", log]);
    expect(lost.code).toBe(2);
    expect(lost.err).toContain("the recorder lost 3 events");
    const none = await pagetrail(["import", "bpftrace", file("hello\n"), "-o", log]);
    expect(none.code).toBe(2);
    expect(none.err).toContain("no event of a scheduling capture");
  });
});

describe("refs", () => {
  test("shows who holds each address space, since when and by which call", async () => {
    const { out } = await pagetrail(["refs", await imported(), "--at", "line:2"]);
    expect(rows(out).map((cells) => cells.slice(0, 6))).toEqual(
      expect.arrayContaining([
        ["2", "1", "2", "in use", "mm_users", "task 10 (sh)"],
        ["mm_count", "all users together", expect.any(String), "adopt"],
        ["mm_count", "CPU 0 borrows it", expect.any(String), "switch, line 2"],
      ]),
    );
  });

  test("of one process are those of its address space", async () => {
    const { out } = await pagetrail(["refs", await imported(), "--pid", "12", "--json"]);
    const { mms } = JSON.parse(out);
    expect(mms).toHaveLength(1);
    expect(mms[0]).toMatchObject({
      users: 1,
      count: 2,
      holders: [
        { counter: "users", kind: "task", holder: "task 12 (cc)", cause: "loaded", line: 5 },
        { counter: "count", kind: "mm users" },
        { counter: "count", kind: "cpu", cause: "switch", line: 6 },
      ],
    });
  });

  test("of a log from an strace are its tasks", async () => {
    const { out } = await pagetrail(["refs", demoLog(), "--at", "8"]);
    expect(rows(out)[1]?.slice(0, 7)).toEqual(["1", "1", "1", "in use", "mm_users", "task 100 (demo)", "1"]);
    expect(rows(out)[3]?.slice(5)).toEqual(["task 101 (demo)", "8", "fork, line 7"]);
  });

  test("of a process that the log does not have are refused", async () => {
    expect((await pagetrail(["refs", demoLog(), "--pid", "7"])).code).toBe(2);
  });
});

describe("cpus", () => {
  test("shows what each CPU runs, has loaded, and who waits", async () => {
    const { out } = await pagetrail(["cpus", await imported(), "--at", "line:6"]);
    expect(rows(out)).toEqual([
      ["CPU", "PID", "COMM", "STATE", "MM", "ACTIVE_MM", "LOADED", "TLB", "PREV_MM", "RUNNABLE"],
      ["0", "0", "swapper/0", "running", "–", "5", "5", "lazy", "–", "12"],
      ["1", "11", "make", "running", "3", "3", "3", "–"],
    ]);
  });

  test("tells the same as JSON", async () => {
    const { out } = await pagetrail(["cpus", await imported(), "--json"]);
    expect(JSON.parse(out)).toMatchObject({
      schema: 1,
      cpus: [
        { cpu: 0, online: true, pid: 0, mm: null, activeMm: 5, lazy: true, prevMm: null },
        { cpu: 1, pid: 0, activeMm: 3, loadedMm: 3 },
      ],
    });
  });

  test("of a log that does not tell of any are none, which stderr says", async () => {
    const { code, out, err } = await pagetrail(["cpus", demoLog()]);
    expect([code, out]).toEqual([0, ""]);
    expect(err).toContain("does not tell of CPUs");
  });
});

test("ps shows idle tasks and kernel threads in brackets, and what each has loaded", async () => {
  const { out } = await pagetrail(["ps", await imported()]);
  const idle = rows(out).find((cells) => cells.at(-1) === "[swapper/0]");
  expect(idle?.slice(0, 4)).toEqual(["0", "0", "0", "running"]);
  expect(idle?.at(-2)).toBe("5");
});

test("events are told with what they are about", async () => {
  const { out } = await pagetrail(["events", await imported()]);
  expect(out).toMatch(/ 10 switch\(CPU 0, to idle, leaving S\) = 0\n/);
  expect(out).toMatch(/ 12 loaded\(cc\) = 0\n/);
});
