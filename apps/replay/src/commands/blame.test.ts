import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MAP, type Pid } from "@pagetrail/core";
import { anonymous, Recorder } from "@pagetrail/testing";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { demo, demoLog, pagetrail } from "../testing/log-fixture.ts";
import { MEMORY, pagesDemo } from "../testing/pages-fixture.ts";

const rows = (out: string): readonly string[] =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => line.replaceAll(/ +/g, " "));

describe("blame", () => {
  test("shows for each range the event that made it and the last that changed it", async () => {
    const { code, out } = await pagetrail(["blame", demoLog(), "--at", "6"]);
    expect(code).toBe(0);
    expect(rows(out)).toEqual([
      "RANGE PERM MADE BY CHANGED BY HOW NAME",
      "7ffff7ff8000-7ffff7ff9000 r-xp 4 mmap 5 mprotect split /lib/libdemo.so",
      "7ffff7ff9000-7ffff7ffa000 r--p 4 mmap 5 mprotect protected, split /lib/libdemo.so",
      "7ffff7ffa000-7ffff7ffb000 r-xp 4 mmap 5 mprotect split /lib/libdemo.so",
      "7ffff7ffc000-7ffff7fff000 rw-p 3 mmap 6 munmap shrunk",
    ]);
  });

  test("tells the whole way of one address, through a fork", async () => {
    const { out } = await pagetrail(["blame", demoLog(), "7ffff7ff9000", "--at", "9", "--pid", "101"]);
    expect(out.split("\n").map((line) => line.trim())).toEqual([
      expect.stringMatching(/^7ffff7ff9000-7ffff7ffa000 r--p .*libdemo\.so$/),
      "made by",
      expect.stringMatching(/^4 +2 +100 mmap\(/),
      "protected, split, to r--p 7ffff7ff9000-7ffff7ffa000 by",
      expect.stringMatching(/^5 +3 +100 mprotect\(/),
      "inherited through fork by",
      expect.stringMatching(/^8 +7 +100 fork\(/),
      "",
    ]);
  });

  test("says the same as JSON", async () => {
    const asked = ["blame", demoLog(), "libdemo.so", "--at", "9", "--pid", "101", "--json"];
    const { out } = await pagetrail(asked);
    const { ranges, ...moment } = JSON.parse(out);
    expect(moment).toMatchObject({ schema: 1, event: 9, pid: 101, page: null });
    expect(ranges).toHaveLength(3);
    expect(ranges[1]).toMatchObject({
      start: "0x7ffff7ff9000",
      end: "0x7ffff7ffa000",
      vma: { permissions: "r--p", name: "/lib/libdemo.so" },
      created: { event: 4, line: 2, tid: 100, call: "mmap", permissions: "r-xp", stack: [] },
      changed: { event: 5, call: "mprotect", marks: ["protected", "split"], permissions: "r--p" },
      way: [{ event: 5 }, { event: 8, call: "fork", marks: ["forked"], permissions: null }],
    });
  });

  test("shows user stacks where the log has them", async () => {
    const r = new Recorder();
    const stack = ["mmap64+0x17 (/lib/libc.so.6)", "main+0x5 (/bin/demo)"];
    r.call(100, { call: "adopt", comm: "demo", tgid: 100 as Pid });
    r.call(100, anonymous(4096));
    r.events[1] = { ...(r.events[1] as (typeof r.events)[0]), stack };
    const log = demoLog(r);
    const table = await pagetrail(["blame", log]);
    expect(table.out).toContain("    made at mmap64+0x17 (/lib/libc.so.6)\n");
    const story = await pagetrail(["blame", log, "7ffff7ffe000"]);
    for (const frame of stack) expect(story.out).toContain(` at ${frame}\n`);
    const json = await pagetrail(["blame", log, "--json"]);
    expect(JSON.parse(json.out).ranges[0].created.stack).toEqual(stack);
  });

  test("folds events in a row that only resize", async () => {
    const r = new Recorder();
    r.call(100, { call: "adopt", comm: "demo", tgid: 100 as Pid });
    const fixed = (page: number) =>
      anonymous(4096, {
        addr: 0x100000 + page * 4096,
        flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED,
      });
    for (let page = 0; page < 50; page++) r.call(100, fixed(page));
    const { out } = await pagetrail(["blame", demoLog(r), "100000"]);
    expect(out).toContain("grown, to rw-p 00100000-00132000, 49 times since event 3, at last by\n");
  });

  test("tells which write copied a page", async () => {
    const r = new Recorder(pagesDemo().profile);
    r.call(100, { call: "adopt", comm: "demo", tgid: 100 as Pid });
    r.call(100, anonymous(4096, { addr: MEMORY, flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED }));
    r.call(100, { call: "access", addr: MEMORY, kind: "write" });
    r.call(100, { call: "clone", flags: 17, child: 101 as Pid });
    r.call(101, { call: "access", addr: MEMORY, kind: "write" });
    const [log, page] = [demoLog(r), "0x20000000"];
    const child = await pagetrail(["blame", log, page, "--pid", "101"]);
    expect(child.out).toMatch(/its page was copied by\n +5 .*access/);
    const parent = await pagetrail(["blame", log, page, "--pid", "100", "--json"]);
    expect(JSON.parse(parent.out).page).toMatchObject({ how: "populated", event: 3, call: "access" });
    const before = await pagetrail(["blame", log, page, "--pid", "101", "--at", "4", "--json"]);
    expect(JSON.parse(before.out).page).toMatchObject({
      how: "populated",
      event: 3,
      since: [{ how: "forked", event: 4 }],
    });
  });

  test("keeps an index beside the log, and does without one that is damaged or of another log", async () => {
    const log = demoLog();
    const asked = ["blame", log, "--at", "9", "--json"];
    const first = await pagetrail(asked);
    const index = `${log}.blame`;
    expect(existsSync(index)).toBe(true);
    expect(await pagetrail(asked)).toEqual(first);
    const bytes = readFileSync(index);
    for (const damaged of [
      bytes.subarray(0, bytes.length - 1),
      Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]),
      Buffer.from("no index at all\n"),
    ]) {
      writeFileSync(index, damaged);
      expect(await pagetrail(asked)).toEqual(first);
    }
    const r = demo();
    r.call(100, { call: "munmap", addr: 0x10000000, length: 0x8000 });
    writeFileSync(index, bytes);
    r.write(log);
    const { out } = await pagetrail(["blame", log, "--json"]);
    expect(JSON.parse(out).ranges.every(({ start }: { start: string }) => start !== "0x10000000")).toBe(true);
  });

  test("refuses an address at which nothing is mapped", async () => {
    const { code, err } = await pagetrail(["blame", demoLog(), "0x1000"]);
    expect(code).toBe(2);
    expect(err).toContain("nothing is mapped at 0x1000");
  });

  test("puts together what one place of the program made, most ranges first", async () => {
    const lines = [
      '7 execve("/none", ["none"], []) = 0',
      ...Array.from({ length: 12 }, (_, i) => [
        `7 mmap(0x${(i + 1) * 2}0000, 8192, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS, -1, 0) = 0x${(i + 1) * 2}0000`,
        i % 3 === 0 ? " > /none(once+0x10) [0x1284]" : " > /none(often+0x20) [0x1384]",
      ]).flat(),
    ];
    const folder = testFolder();
    const [text, log] = [join(folder, "t.txt"), join(folder, "t.ptlog")];
    writeFileSync(text, `${lines.join("\n")}\n`);
    await pagetrail(["import", "strace", text, "-o", log]);
    const { out } = await pagetrail(["blame", log, "--group"]);
    const [head, ...rest] = out.split("\n");
    expect(head).toBe("RANGES    SIZE  PERM  MADE BY  FIRST  LAST  NAME");
    expect(rest.slice(0, 4).map((line) => line.trim().replaceAll(/ +/g, " "))).toEqual([
      "8 64 KB r--p mmap 4 14",
      "at often+0x20 (/none)",
      "4 32 KB r--p mmap 3 12",
      "at once+0x10 (/none)",
    ]);
    const json = JSON.parse((await pagetrail(["blame", log, "--group", "--json"])).out);
    expect(json.groups[0]).toMatchObject({ ranges: 8, pages: 16, stack: ["often+0x20 (/none)"] });
  });

  test("is empty for a process that has left its address space", async () => {
    const gone = await pagetrail(["blame", demoLog(), "--at", "11", "--pid", "101", "--json"]);
    expect(JSON.parse(gone.out)).toMatchObject({ ranges: [], page: null });
  });
});
