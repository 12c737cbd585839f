import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { BUNDLED } from "../bundled.ts";
import { demoLog, pagetrail } from "../testing/log-fixture.ts";

async function bundledLog(): Promise<string> {
  const log = join(testFolder(), "bundled.ptlog");
  const ran = await pagetrail(["import", "strace", BUNDLED.trace, "--sysroot", BUNDLED.sysroot, "-o", log]);
  expect(ran.code).toBe(0);
  return log;
}

interface Item {
  readonly ph: string;
  readonly name: string;
  readonly cat: string;
  readonly id: string;
  readonly pid: number;
  readonly ts: number;
  readonly args: { readonly range: string; readonly permissions: string; readonly value: number };
}

async function exported(log: string, ...words: readonly string[]): Promise<string> {
  const { code, out, err } = await pagetrail(["export", log, ...words]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return out;
}

async function trace(log: string, ...words: readonly string[]): Promise<readonly Item[]> {
  return JSON.parse(await exported(log, "--as", "perfetto", ...words)).traceEvents;
}

/** The ranges of maps, without vsyscall, which no mm has. */
async function ranges(log: string, at: string, pid: number): Promise<readonly string[]> {
  const { out } = await pagetrail(["maps", log, "--at", at, "--pid", String(pid)]);
  return out
    .split("\n")
    .filter((line) => line !== "" && !line.endsWith("[vsyscall]"))
    .map((line) => line.slice(0, line.indexOf(" ")));
}

describe("as a Perfetto trace", () => {
  test("each mapping is a slice that begins and ends once, under one name", async () => {
    const items = await trace(await bundledLog());
    const key = ({ cat, id, pid, name }: Item): string => [cat, id, pid, name].join(" ");
    const begun = items.filter(({ ph }) => ph === "b").map(key);
    const ended = items.filter(({ ph }) => ph === "e").map(key);
    expect(begun.length).toBeGreaterThan(300);
    expect(new Set(begun).size).toBe(begun.length);
    expect(ended.toSorted()).toEqual(begun.toSorted());
  });

  test("time never goes back", async () => {
    const times = (await trace(await bundledLog())).flatMap(({ ts }) => ts ?? []);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test("the slices that are open at a moment are the lines of maps there", async () => {
    const log = await bundledLog();
    const { processes } = JSON.parse((await pagetrail(["info", log, "--json"])).out);
    const pid: number = processes[0].pid;
    const items = (await trace(log, "..200", "--pid", String(pid))).filter(({ cat }) => cat === "mapping");
    const last = Math.max(...items.map(({ ts }) => ts));
    const open = new Set(items.filter(({ ph, ts }) => ph === "e" && ts === last).map(({ id }) => id));
    const shown = items.filter(({ ph, id }) => ph === "b" && open.has(id)).map(({ args }) => args.range);
    const expected = await ranges(log, "199", pid);
    expect(shown.map((range) => range.replaceAll("0x", "")).toSorted()).toEqual(expected.toSorted());
  });

  test("a counter has the values that series gives", async () => {
    const log = demoLog();
    const { out } = await pagetrail(["series", log, "vmas", "--json"]);
    const { pid, points } = JSON.parse(out);
    const counters = (await trace(log)).filter(
      (item) => item.ph === "C" && item.name === "mappings" && item.pid === pid,
    );
    const values = points.flatMap(({ value }: { readonly value: number | null }) => value ?? []);
    expect(values.length).toBeGreaterThan(3);
    expect([0, ...counters.map(({ args }) => args.value)]).toEqual(values);
  });
});

test("as CSV, a row for each event has as many fields as the first", async () => {
  const log = demoLog();
  const [head = "", ...rows] = (await exported(log, "--as", "csv")).trimEnd().split("\r\n");
  expect(head).toMatch(/^event,line,time,pid,tid,call,outcome,mapped,unmapped,vmas,total_vm_kb,/);
  expect(rows).toHaveLength(12);
  for (const row of rows) expect(row.split(",")).toHaveLength(head.split(",").length);
  const of = await exported(log, "3..5", "--as", "csv");
  expect(of.trimEnd().split("\r\n").slice(1)).toEqual(rows.slice(2, 4));
});

describe("as a picture", () => {
  test("every mapping that maps prints at the end is drawn, with its line", async () => {
    const log = await bundledLog();
    const svg = await exported(log, "--as", "svg");
    const { processes } = JSON.parse((await pagetrail(["info", log, "--json"])).out);
    const drawn = await ranges(log, "300", processes[0].pid);
    expect(drawn.length).toBeGreaterThan(30);
    for (const range of drawn) expect(svg).toContain(`<title>${range} `);
  });

  test("a page has one for each address space, needs nothing else, and escapes what a name has", async () => {
    const log = demoLog();
    const html = await exported(log, "--as", "html");
    expect(html.match(/<svg /g)?.length).toBe(Number(/(\d+) address spaces/.exec(html)?.[1]));
    expect(html).not.toMatch(/(?:src|href)=/);
    for (const tag of ["svg", "text", "title", "g"])
      expect(html.match(new RegExp(`</${tag}>`, "g"))?.length).toBe(
        html.match(new RegExp(`<${tag}[ >]`, "g"))?.length,
      );
  });
});

describe("the file that is named", () => {
  test("is written whole, in the place of one that is there", async () => {
    const file = join(testFolder(), "out.csv");
    writeFileSync(file, "old");
    const log = demoLog();
    expect((await pagetrail(["export", log, "--as", "csv", "-o", file])).code).toBe(0);
    expect(readFileSync(file, "utf8")).toBe(await exported(log, "--as", "csv"));
  });

  test("is not written over a log, nor where there is no folder, nor for a range that is none", async () => {
    const log = demoLog();
    const over = await pagetrail(["export", log, "--as", "csv", "-o", log]);
    expect(over).toMatchObject({ code: 2, err: expect.stringContaining("this is a log") });
    const nowhere = join(testFolder(), "none", "out.csv");
    expect(await pagetrail(["export", log, "--as", "csv", "-o", nowhere])).toMatchObject({
      code: 2,
      err: expect.stringContaining("cannot be written: ENOENT"),
    });
    const folder = testFolder();
    expect(await pagetrail(["export", log, "--as", "csv", "-o", folder])).toMatchObject({
      code: 2,
      err: expect.stringContaining("cannot be written: EISDIR"),
    });
    expect(await pagetrail(["export", log, "--as", "csv", "--pid", "7"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("there is no process 7"),
    });
    const file = join(folder, "out.csv");
    expect((await pagetrail(["export", log, "900..", "--as", "csv", "-o", file])).code).toBe(2);
    expect(existsSync(file)).toBe(false);
  });
});
