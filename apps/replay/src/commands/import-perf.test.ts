import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { pagetrail } from "../testing/log-fixture.ts";

const at = (micros: number): string => (1_700_000_000 + micros / 1e6).toFixed(6);
const event = (micros: number, text: string): string => `            demo 4242 [000] ${at(micros)}: ${text}`;
const fault = (micros: number, address: string): string =>
  event(micros, `exceptions:page_fault_user: address=${address} ip=0x401000 error_code=0x6`);

const PERF = [
  event(15, "raw_syscalls:sys_enter: NR 9 (20000000, 10000, 3, 32, ffffffff, 0)"),
  event(18, "raw_syscalls:sys_exit: NR 9 = 536870912"),
  fault(40, "0x20003000"),
  event(115, "raw_syscalls:sys_enter: NR 11 (20000000, 1000, 0, 0, 0, 0)"),
  event(118, "raw_syscalls:sys_exit: NR 11 = 0"),
  fault(140, "0x20005000"),
  event(150, "sched:sched_wakeup: comm=demo pid=42"),
  event(215, "raw_syscalls:sys_enter: NR 11 (20000001, 1000, 0, 0, 0, 0)"),
  event(218, "raw_syscalls:sys_exit: NR 11 = -22"),
]
  .map((line) => `${line}\n`)
  .join("");

const STRACE = `4242 ${at(0)} mmap(0x20000000, 65536, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x20000000
4242 ${at(100)} munmap(0x20000000, 4096) = 0
4242 ${at(200)} munmap(0x20000001, 4096) = -1 EINVAL (Invalid argument)
`;

/** Writes files into a folder of their own. */
function files(contents: Readonly<Record<string, string | Uint8Array>>): (name: string) => string {
  const folder = testFolder();
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder, name), content);
  return (name) => join(folder, name);
}

async function callsOf(log: string): Promise<readonly string[]> {
  const { out } = await pagetrail(["events", log]);
  return [...out.matchAll(/ 4242 (mmap|munmap|access)\((?:0x)?([0-9a-f]+)/g)].map(
    ([, call, a]) => `${call} ${a}`,
  );
}

const IN_ORDER = [
  "mmap 20000000",
  "access 20003000",
  "munmap 20000000",
  "access 20005000",
  "munmap 20000001",
];

describe("import perf", () => {
  test("writes a log that replays and verifies, and says what it found", async () => {
    const path = files({ "perf.txt": PERF });
    const log = path("p.ptlog");
    const { code, out, err } = await pagetrail(["import", "perf", path("perf.txt"), "-o", log]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain(
      "6 events of 1 process from 9 lines\npredicted 3 of 3 decided calls right (100%)\n",
    );
    expect(out).toContain("\n2 page faults\n");
    expect(out).toContain("\n  sched:sched_wakeup: recognised, and not used yet\n");
    expect(await callsOf(log)).toEqual(IN_ORDER);
    expect((await pagetrail(["replay", log])).code).toBe(0);
    expect((await pagetrail(["verify", log])).code).toBe(0);
    expect((await pagetrail(["events", log, "line:3"])).out).toContain("access(0x20003000, write)");
    expect(readFileSync(log, "utf8")).toContain('"source":{"format":"perf","files":');
  });

  test("tells the same as JSON", async () => {
    const path = files({ "perf.txt": PERF });
    const { out } = await pagetrail(["import", "perf", path("perf.txt"), "-o", path("p.ptlog"), "--json"]);
    expect(JSON.parse(out)).toMatchObject({ schema: 1, lines: 9, faults: 2, decided: 3, predicted: 3 });
  });

  test("reads what gzip packed", async () => {
    const path = files({ "perf.txt.gz": gzipSync(PERF) });
    expect((await pagetrail(["import", "perf", path("perf.txt.gz"), "-o", path("p.ptlog")])).code).toBe(0);
    expect(await callsOf(path("p.ptlog"))).toEqual(IN_ORDER);
  });

  test("counts lines that it cannot read, shows the first, and says what to do", async () => {
    const path = files({ "perf.txt": `${PERF}what\u0001is this\n` });
    const { code, out } = await pagetrail(["import", "perf", path("perf.txt"), "-o", path("p.ptlog")]);
    expect(code).toBe(0);
    expect(out).toMatch(/1 unreadable line:\n {2}line 10: .*perf script -F \+tid,\+time: "what/);
  });

  test.each([
    ["its head", "4242", 2],
    ["its text", "NR 11 =", 5],
  ])(
    "of a text that is cut within %s of a line has the rest, and the exit code says so",
    async (_, where, more) => {
      const path = files({ "perf.txt": PERF.slice(0, PERF.lastIndexOf(where) + more) });
      const { code, err } = await pagetrail(["import", "perf", path("perf.txt"), "-o", path("p.ptlog")]);
      expect(code).toBe(2);
      expect(err).toContain("ends in the middle of a line");
      expect((await pagetrail(["replay", path("p.ptlog")])).code).toBe(0);
      expect(await callsOf(path("p.ptlog"))).toEqual(IN_ORDER.slice(0, -1));
    },
  );

  test.each([
    ["a trace of strace", STRACE, "it is the output of strace", "pagetrail import strace FILE"],
    ["perf's binary data", "PERFILE2\u0001\0", "write it out with perf script", "perf script --show"],
    ["some text", "dear diary\n", "no line of its beginning", "perf script --show-mmap-events"],
    ["nothing", "", "it is empty", "perf script --show-mmap-events"],
  ])("refuses %s, and says what it is", async (_, text, why, advice) => {
    const path = files({ "x.txt": text });
    const { code, err } = await pagetrail(["import", "perf", path("x.txt"), "-o", path("p.ptlog")]);
    expect(code).toBe(2);
    expect(err).toContain(why);
    expect(err).toContain(advice);
  });

  test("refuses a file that is not there, and shows its help", async () => {
    expect((await pagetrail(["import", "perf", "/nowhere/perf.txt", "-o", "x.ptlog"])).code).toBe(2);
    const { out } = await pagetrail(["import", "perf", "--help"]);
    expect(out).toContain("perf record -o perf.data");
    expect(out).toContain("pagetrail import perf perf.txt -o my.ptlog");
  });
});

describe("import strace --faults", () => {
  test("puts the faults among the calls, and says how the clocks lie", async () => {
    const path = files({ "trace.txt": STRACE, "perf.txt": PERF });
    const log = path("t.ptlog");
    const args = ["import", "strace", path("trace.txt"), "--faults", path("perf.txt"), "-o", log];
    const { code, out, err } = await pagetrail(args);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^2 page faults\nclocks: the trace's is perf's -0\.0000\d\d s, by 1 call in both/m);
    expect(await callsOf(log)).toEqual(IN_ORDER);
    expect((await pagetrail(["replay", log])).code).toBe(0);
  });

  test("says which of the two has a line that it cannot read", async () => {
    const path = files({ "trace.txt": STRACE, "perf.txt": `${PERF}%%%\n` });
    const { out } = await pagetrail([
      "import",
      "strace",
      path("trace.txt"),
      "--faults",
      path("perf.txt"),
      "-o",
      path("t.ptlog"),
    ]);
    expect(out).toContain(`  ${path("perf.txt")} line 10: `);
  });

  test.each([
    ["without times", STRACE.replaceAll(/ \d+\.\d+ /g, " "), PERF, "the trace has no times"],
    [
      "of another run",
      STRACE,
      PERF.replaceAll("17000", "00000").replaceAll("536870912", "4096"),
      "both recordings",
    ],
  ])("refuses recordings %s, with what to do, and leaves no log", async (_, trace, perf, why) => {
    const path = files({ "trace.txt": trace, "perf.txt": perf });
    const args = ["import", "strace", path("trace.txt"), "--faults", path("perf.txt"), "-o", path("t.ptlog")];
    const { code, err } = await pagetrail(args);
    expect(code).toBe(2);
    expect(err).toContain(why);
    expect(err).toContain("strace -f -ttt");
    expect((await pagetrail(["info", path("t.ptlog")])).code).toBe(2);
  });

  test("refuses faults that are none, and standard input for both", async () => {
    const path = files({ "trace.txt": STRACE, "perf.txt": STRACE });
    const other = await pagetrail(["import", "strace", path("trace.txt"), "--faults", path("perf.txt")]);
    expect(other.err).toContain("this is not the text of perf script");
    const both = await pagetrail(["import", "strace", "-", "--faults", "-", "-o", path("t.ptlog")]);
    expect([other.code, both.code]).toEqual([2, 2]);
    expect(both.err).toContain("cannot be both");
  });
});
