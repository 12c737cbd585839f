import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { BUILD } from "@pagetrail/conformance";
import { PROT } from "@pagetrail/core";
import { anonymous, Recorder } from "@pagetrail/testing";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { openLog } from "../open-log.ts";
import { Output } from "../output.ts";
import { openSearchIndex, partsOf } from "../search-index-file.ts";
import { collecting, demoLog, pagetrail } from "../testing/log-fixture.ts";

/** The events that a command found. */
const found = (out: string): readonly number[] =>
  (JSON.parse(out) as { found: { seq: number }[] }).found.map(({ seq }) => seq);

describe("when", () => {
  test("prints each event at which an expression holds, and exits with 1", async () => {
    const { code, out, err } = await pagetrail(["when", demoLog(), "call == mmap && tid == 100"]);
    expect(code).toBe(1);
    expect(out.split("\n").map((line) => Number(line.slice(0, 6)))).toEqual([3, 4, 10, 0]);
    expect(out).toContain("mmap(NULL, 12288, r-x, private, /lib/libdemo.so, 0) = 0x7ffff7ff8000");
    expect(err).toBe("");
  });

  test("prints the events at which what is said of states becomes true, and whose", async () => {
    const { out, err } = await pagetrail(["when", demoLog(), "vmas == 4"]);
    expect(out).toMatch(/^ +5 /);
    expect(err).toBe("pagetrail: where no process is named, it is process 100 (demo), the first of 2\n");
    expect((await pagetrail(["when", demoLog(), "vmas == 4", "--pid", "101"])).out).toMatch(/^ +8 /);
  });

  test("stops at the first, or searches backward for the last", async () => {
    const log = demoLog();
    for (const [option, seqs] of [
      ["--first", [3]],
      ["--last", [10]],
      ["--all", [3, 4, 9, 10]],
    ] as const)
      expect(found((await pagetrail(["when", log, "call == mmap", option, "--json"])).out)).toEqual(seqs);
    expect((await pagetrail(["when", log, "call == mmap", "--first", "--last"])).code).toBe(2);
  });

  test("finds nothing, and exits with 0", async () => {
    const { code, out } = await pagetrail(["when", demoLog(), "outcome == ENOMEM"]);
    expect({ code, out }).toEqual({ code: 0, out: "" });
  });

  test("tells the same as JSON", async () => {
    const { out } = await pagetrail(["when", demoLog(), "vma split", "--json"]);
    expect(JSON.parse(out)).toMatchObject({
      schema: 1,
      expression: "vma split",
      pid: 100,
      found: [{ seq: 5, event: { call: "mprotect", line: 3 } }],
    });
  });

  test("with --pid counts only events of that process", async () => {
    const { out } = await pagetrail(["when", demoLog(), "call == mmap", "--pid", "101", "--json"]);
    expect(found(out)).toEqual([9]);
  });

  test("says line, column and what was meant of what it cannot read", async () => {
    const { code, err } = await pagetrail(["when", demoLog(), "call == mmap &&\n vmass > 3"]);
    expect(code).toBe(2);
    expect(err).toMatch(/^pagetrail: 'vmass' is no name .*did you mean vmas\? \(line 2, column 2\): docs\//);
    expect((await pagetrail(["when", demoLog(), "call == forc"])).err).toContain("did you mean fork?");
    expect((await pagetrail(["when", demoLog(), "vmas > 3", "--pid", "7"])).code).toBe(2);
  });

  test("knows the process's counts of references when it has gone", async () => {
    const log = demoLog();
    expect(found((await pagetrail(["when", log, "pid 101: mm_count == 0", "--json"])).out)).toEqual([11]);
  });
});

describe("bisect", () => {
  test("shows the first event that makes it so, and what changed there", async () => {
    const { code, out } = await pagetrail(["bisect", demoLog(), "vmas > 2 && total_vm > 4"]);
    expect(code).toBe(1);
    const lines = out.trimEnd().split("\n");
    expect(lines[0]).toBe("event 5 of 12 (line 3)");
    expect(lines[1]).toContain("mprotect(0x7ffff7ff9000, 4096, r--) = 0");
    expect(lines.slice(3)).toEqual([
      "pid 100: vmas           2       4",
      "pid 100: total_vm               7",
    ]);
  });

  test("tells the same as JSON, and of what never is so", async () => {
    const { out } = await pagetrail(["bisect", demoLog(), "brk == 0 && vmas == 4", "--json"]);
    expect(JSON.parse(out)).toMatchObject({
      found: {
        seq: 5,
        terms: [
          { name: "pid 100: brk", before: "0x0", after: "0x0" },
          { name: "pid 100: vmas", before: 2, after: 4 },
        ],
      },
    });
    const { code, out: nothing } = await pagetrail(["bisect", demoLog(), "vmas > 99"]);
    expect({ code, nothing }).toEqual({ code: 0, nothing: "no event makes it true\n" });
  });
});

describe("series", () => {
  test("prints each value with its event, line and time", async () => {
    const { code, out } = await pagetrail(["series", demoLog(), "total_vm"]);
    expect(code).toBe(0);
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => line.trim().replaceAll(/ +/g, " ")),
    ).toEqual([
      "event line time total_vm (pages) change",
      "0 · · –",
      "1 · · 0",
      "3 1 0.000000 4 +4",
      "4 2 0.500000 7 +3",
      "6 5 1.250000 6 −1",
      "10 9 3.000000 14 +8",
    ]);
  });

  test("prints CSV and JSON", async () => {
    const { out } = await pagetrail(["series", demoLog(), "vmas", "--csv"]);
    expect(out.split("\n").slice(0, 4)).toEqual(["event,line,time,value", "0,,,", "1,,,0", "3,1,0,1"]);
    const json = JSON.parse((await pagetrail(["series", demoLog(), "ret", "--json"])).out);
    expect(json).toMatchObject({ schema: 1, what: "ret", unit: "address" });
    expect(json.points.find(({ seq }: { seq: number }) => seq === 10)).toMatchObject({ value: "0x10000000" });
  });

  test("draws the values from the least to the greatest", async () => {
    const { out } = await pagetrail(["series", demoLog(), "vmas", "--plot"]);
    const lines = out.trimEnd().split("\n");
    expect(lines).toHaveLength(14);
    expect(lines[0]).toMatch(/^5 ┤ *█+$/);
    expect(lines.at(-1)).toMatch(/^ +event 0 +12$/);
  });

  test("refuses what is no number", async () => {
    const { code, err } = await pagetrail(["series", demoLog(), "comm"]);
    expect(code).toBe(2);
    expect(err).toContain("comm is no number (column 1 of 'comm')");
  });
});

describe("a search", () => {
  test("ends on Ctrl-C", async () => {
    const r = new Recorder();
    r.call(100, { call: "adopt", comm: "long", tgid: 100 as never });
    for (let i = 0; i < 3000; i++)
      r.call(100, anonymous(4096, { prot: i % 2 === 0 ? PROT.READ : PROT.WRITE }));
    const log = r.write(join(testFolder(), "long.ptlog"));
    const stopped = new AbortController();
    stopped.abort();
    for (const command of [
      ["when", log, "vmas > 99999"],
      ["series", log, "vmas"],
      ["bisect", log, "vmas > 9999"],
    ])
      expect((await pagetrail(command, { interrupted: stopped.signal })).code).toBe(130);
    const out = join(testFolder(), "small.ptlog");
    const shrinking = ["shrink", log, "vmas > 2000", "-o", out];
    expect((await pagetrail(shrinking, { interrupted: stopped.signal })).code).toBe(130);
    expect(existsSync(out)).toBe(false);
  });
});

describe("the index beside a log", () => {
  const sinks = { stdout: collecting().sink, stderr: collecting().sink };
  const output = new Output({ ...sinks, env: {}, interrupted: new AbortController().signal });
  const open = async (path: string) => {
    const log = await openLog(path, output);
    if (!log.ok) throw new Error(log.error.what);
    const index = await openSearchIndex(log.value, output, 1);
    if (!index.ok) throw new Error(index.error.what);
    return index.value && partsOf(index.value).map((part) => Buffer.from(part).toString("base64"));
  };

  test("is made, read again, and made anew when it does not fit or is damaged", async () => {
    const path = demoLog();
    const made = await open(path);
    const file = readFileSync(`${path}.search`);
    expect(await open(path)).toEqual(made);
    for (const damaged of [file.subarray(0, file.length - 9), Buffer.from("{}"), flipped(file)]) {
      writeFileSync(`${path}.search`, damaged);
      expect(await open(path)).toEqual(made);
      expect(readFileSync(`${path}.search`).equals(file)).toBe(true);
    }
  });

  test("is not kept of events that no seal vouches for: others may come in their place", async () => {
    const path = demoLog();
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    writeFileSync(path, `${lines.slice(0, -1).join("\n")}\n`);
    await open(path);
    expect(existsSync(`${path}.search`)).toBe(false);
  });

  test("is not needed: where none can be kept, it is made each time", async () => {
    const path = demoLog();
    const made = await open(path);
    rmSync(`${path}.search`);
    writeFileSync(join(dirname(path), "x"), "");
    chmodSync(dirname(path), 0o500);
    expect(await open(path)).toEqual(made);
  });

  test("is not made of a short log", async () => {
    const path = demoLog();
    await pagetrail(["when", path, "vma split"]);
    expect(existsSync(`${path}.search`)).toBe(false);
  });
});

/** The bytes with one of the content's changed. */
function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 5] = (copy[copy.length - 5] ?? 0) ^ 1;
  return copy;
}

describe("shrink", () => {
  test("leaves what is needed, and writes it as a log, a scenario and a C program", async () => {
    const folder = testFolder();
    const small = join(folder, "small.ptlog");
    const ran = await pagetrail(["shrink", demoLog(), "vma split && call == mprotect", "-o", small]);
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(/^12 events, of which 3 are left:$/m);
    const again = await pagetrail(["when", small, "vma split && call == mprotect", "--json"]);
    expect(found(again.out)).toEqual([3]);
    expect((await pagetrail(["verify", small])).code).toBe(0);
    const scenario = join(folder, "small.scenario");
    const run = await pagetrail(["run", scenario, "-o", join(folder, "run.ptlog")]);
    expect(run.code).toBe(0);
    const held = await pagetrail(["when", join(folder, "run.ptlog"), "vma split && call == mprotect"]);
    expect(held.code).toBe(1);
    expect(readFileSync(join(folder, "small.c"), "utf8")).toContain("sys(10, 0x");
  });

  test("overwrites what it wrote before, and nothing else", async () => {
    const folder = testFolder();
    const small = join(folder, "small.ptlog");
    const command = ["shrink", demoLog(), "vma split", "-o", small];
    expect((await pagetrail(command)).code).toBe(0);
    expect((await pagetrail(command)).code).toBe(0);
    writeFileSync(join(folder, "small.c"), "int main;");
    const { code, err } = await pagetrail(command);
    expect(code).toBe(2);
    expect(err).toContain("it is not from an earlier shrink");
  });

  test("says why something is not written, and of what never is so that there is nothing to shrink", async () => {
    const folder = testFolder();
    const small = join(folder, "small.ptlog");
    const { code, out } = await pagetrail(["shrink", demoLog(), "diverged", "-o", small]);
    expect(code).toBe(0);
    expect(out).toMatch(/^no scenario: /m);
    const nothing = await pagetrail(["shrink", demoLog(), "vmas > 99", "-o", small]);
    expect(nothing.code).toBe(2);
    expect(nothing.err).toContain("there is nothing to shrink");
  });

  const gcc =
    spawnSync("gcc", ["--version"]).status === 0 && process.arch === "x64" && process.platform === "linux";

  test.runIf(gcc)("writes a C program that compiles and makes the calls", async () => {
    const folder = testFolder();
    const small = join(folder, "small.ptlog");
    await pagetrail(["shrink", demoLog(), "pid 101: vmas == 4", "-o", small]);
    const program = join(folder, "program");
    const { stderr } = spawnSync("gcc", [...BUILD, "-o", program, join(folder, "small.c")], {
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    const { stdout } = spawnSync(program, { encoding: "utf8" });
    expect(stdout).toMatch(/^mmap\(.*\) {2}7[0-9a-f]+$/m);
    expect(stdout).toMatch(/^[0-9a-f]+-[0-9a-f]+ /m);
  });
});
