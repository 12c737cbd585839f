import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_LINE } from "../../lines.ts";
import { StraceReader } from "./reader.ts";
import type { StraceCall, StraceRecord } from "./record.ts";

const folder = new URL("./fixtures/", import.meta.url);
const fixtures = readdirSync(folder);
const fixture = (name: string): string => readFileSync(new URL(name, folder), "latin1");

function read(
  text: string,
  options: { readonly defaultTid?: number; readonly cuts?: readonly number[] } = {},
) {
  const { cuts = [], ...rest } = options;
  const reader = new StraceReader(rest);
  const records: StraceRecord[] = [];
  let start = 0;
  for (const cut of [...cuts, text.length]) {
    records.push(...reader.push(text.slice(start, cut)));
    start = cut;
  }
  records.push(...reader.end());
  return { records, reader };
}

const isCall = (record: StraceRecord): record is StraceCall => record.kind === "call";
const calls = (text: string): readonly StraceCall[] => read(text).records.filter(isCall);
function call(text: string): StraceCall {
  const [only, ...others] = calls(text);
  if (!only || others.length > 0) throw new Error(`not one call: ${text}`);
  return only;
}
/** With the arguments, which a record computes on demand. */
const plain = (record: StraceRecord) =>
  record.kind === "call" ? { ...record, args: record.args, result: { ...record.result } } : record;

describe("the reader", () => {
  test.each(fixtures)("understands every line of %s", (name) => {
    const { records, reader } = read(fixture(name));
    expect(records.filter(({ kind }) => kind === "unreadable")).toEqual([]);
    expect(reader.unreadable).toBe(0);
    expect(reader.lines).toBe(fixture(name).split("\n").length - 1);
    expect(records.filter(isCall).length).toBeGreaterThan(1);
  });

  test("reads who, when, what and the answer", () => {
    const [first] = calls(fixture("files.txt"));
    expect(first && plain(first)).toEqual({
      kind: "call",
      tid: 24803,
      name: "execve",
      args: ['"./tour"', '["./tour", "f"]', "0x7ffe01f01930 /* 0 vars */"],
      startLine: 1,
      line: 1,
      result: { kind: "value", text: "0", value: 0 },
    });
  });

  test("gives the same calls and arguments whatever strace was asked to print beside them", () => {
    const names = (name: string) => calls(fixture(name)).map((c) => [c.name, c.args.length]);
    const all = names("files.txt");
    expect(names("files-everything.txt")).toEqual(all);
    expect(names("files-raw.txt")).toEqual(all);
    expect(names("files-verbose.txt")).toEqual(all);
  });

  test("reads times, durations and instruction pointers", () => {
    const [, brk] = calls(fixture("files-everything.txt"));
    expect(brk).toMatchObject({ time: 1795356873.724145, duration: 0.000058, ip: "000000000043e7fb" });
    expect(calls(fixture("files-raw.txt"))[0]?.time).toBe(14 * 3600 + 14 * 60 + 33.761852);
    const relative = calls(fixture("files-verbose.txt"));
    expect(relative[3]?.time).toBeCloseTo(0.00065 + 0.00004 + 0.000043, 9);
  });

  test.each([
    ["12  1795355801 brk(NULL) = 0x1000 <0>", { tid: 12, time: 1795355801, duration: 0 }],
    ["1795355801 brk(NULL) = 0x1000", { tid: 0, time: 1795355801 }],
    ["1795355803.500000000 brk(NULL) = 0x1000", { tid: 0, time: 1795355803.5 }],
    ["     0.000012 brk(NULL) = 0x1000", { tid: 0, time: 0.000012 }],
    ["     3 brk(NULL) = 0x1000", { tid: 0, time: 3 }],
    ["[pid  9<a b>] 23:59:59 brk(NULL) = 0x1000", { tid: 9, time: 86399 }],
    ["9<a\\76 (b> [f7f1a549] brk(NULL) = 0x1000", { tid: 9, ip: "f7f1a549" }],
    ["9 [????????????????] [  45] brk(NULL) = 0x1000\r", { tid: 9 }],
  ])("reads the head of %s", (line, expected) => {
    expect(call(line)).toMatchObject({ ...expected, name: "brk" });
  });

  test("joins a call that was interrupted, and remembers where it began", () => {
    const clone = calls(fixture("signals.txt")).find(({ line, startLine }) => line !== startLine);
    expect(clone).toMatchObject({ name: "clone", startLine: 17, line: 19, result: { value: 24821 } });
    expect(clone?.args).toEqual([
      "child_stack=NULL",
      "flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD",
      "child_tidptr=0xb08b690",
    ]);
  });

  test("joins calls of many threads, each interrupted more than once", () => {
    const text = [
      "1 read(3,  <unfinished ...>",
      "2 wait4(-1,  <unfinished ...>",
      '1 <... read resumed>"<unfinished ...>", <unfinished ...>',
      "2 <... wait4 resumed>NULL, 0, NULL) = 5",
      "1 <... read resumed>16)       = 16",
    ].join("\n");
    expect(calls(text).map((c) => [c.tid, c.args, c.startLine, c.line])).toEqual([
      [2, ["-1", "NULL", "0", "NULL"], 2, 4],
      [1, ["3", '"<unfinished ...>"', "16"], 1, 5],
    ]);
  });

  test("a call that never returns comes out when its thread ends, else at the end of the text", () => {
    const { records } = read(
      "1 pause( <unfinished ...>\n2 pause( <unfinished ...>\n2 +++ exited with 0 +++\n",
    );
    expect(records.map((r) => [r.kind, r.line, isCall(r) && r.tid])).toEqual([
      ["call", 3, 2],
      ["exit", 3, false],
      ["call", 3, 1],
    ]);
    expect(records.filter(isCall).every(({ result }) => result.kind === "none")).toBe(true);
  });

  test("an execve by another thread goes on under its leader's tid", () => {
    const { records } = read(fixture("exec-thread.txt"));
    expect(records.find(({ kind }) => kind === "superseded")).toEqual({
      kind: "superseded",
      tid: 24838,
      leader: 24837,
      line: 29,
    });
    const exec = records.find((r): r is StraceCall => isCall(r) && r.formerTid !== undefined);
    expect(exec).toMatchObject({ tid: 24837, formerTid: 24838, name: "execve", startLine: 27, line: 30 });
    expect(exec?.args[1]).toBe('["tour", "q"]');
  });

  test("an exec that ends the leader's own call reports that call first", () => {
    const text =
      '1 futex(0x1 <unfinished ...>\n2 execve("/x" <unfinished ...>\n1 +++ superseded by execve in pid 2 +++\n';
    expect(
      read(`${text}1 <... execve resumed>) = 0\n`).records.map((r) => (isCall(r) ? r.name : r.kind)),
    ).toEqual(["futex", "superseded", "execve"]);
  });

  test("with -ff the leader's file holds only the end of that execve", () => {
    const { records } = read(fixture("exec-thread.24843"), { defaultTid: 24843 });
    const exec = records.filter(isCall).find(({ headless }) => headless);
    expect(exec).toMatchObject({ tid: 24843, name: "execve", formerTid: 24844, result: { value: 0 } });
    const last = read(fixture("exec-thread.24844"), { defaultTid: 24844 }).records.at(-1);
    expect(last).toMatchObject({ tid: 24844, name: "execve", result: { kind: "none" } });
  });

  test("reads signals, stops and exits", () => {
    const { records } = read(fixture("signals.txt"));
    const events = records.filter(({ kind }) => kind === "signal" || kind === "exit");
    expect(events.slice(0, 2)).toMatchObject([
      { signal: "SIGSTOP", code: "SI_TKILL", tid: 24821 },
      { signal: "SIGSTOP", stopped: true, text: "stopped by SIGSTOP" },
    ]);
    expect(events).toContainEqual(
      expect.objectContaining({ signal: "SIGSEGV", code: "SEGV_MAPERR", addr: "0x10", tid: 24820 }),
    );
    expect(events.at(-1)).toMatchObject({ kind: "exit", status: { signal: "SIGABRT", core: false } });
    expect(read("+++ killed by SIGSEGV (core dumped) +++").records).toEqual([
      { kind: "exit", tid: 0, line: 1, status: { signal: "SIGSEGV", core: true } },
    ]);
    expect(
      read("--- SIGSEGV {si_signo=0xb /* SIGSEGV */, si_code=0x1 /* SEGV_MAPERR */, si_addr=NULL} ---")
        .records,
    ).toMatchObject([{ code: "SEGV_MAPERR", addr: "0x0" }]);
  });

  test("attaches stacks to the call, signal or exit before", () => {
    const { records } = read(fixture("stacks.txt"));
    expect(records[0]).toMatchObject({
      stack: [{ module: "/srv/demo/tour", symbol: "_start", offset: "0x0", address: "0x1540" }],
    });
    expect(records.at(-1)).toMatchObject({ kind: "exit", stack: [{ symbol: "_Exit" }] });
    expect(records.filter((r) => isCall(r) && r.stack?.length === 2)).toHaveLength(2);
  });

  test("a line of its own, or of the program, may break into a call on a terminal", () => {
    const { records, reader } = read(fixture("terminal.txt"));
    const clone = records.filter(isCall).find(({ name }) => name === "clone3");
    expect(clone?.args).toHaveLength(2);
    expect(records).toContainEqual(expect.objectContaining({ kind: "note", note: "attached", tid: 25478 }));
    expect(reader.firstPid).toBe(25477);
    const write = calls(fixture("mixed.txt")).find(({ name }) => name === "write");
    expect(write).toMatchObject({ result: { value: 6 } });
  });

  test("on a terminal the first process keeps one tid, bare or not", () => {
    const tids = (options: { defaultTid?: number }) =>
      new Set(read(fixture("terminal.txt"), options).records.map((r) => (isCall(r) ? r.tid : undefined)));
    expect(tids({})).toEqual(new Set([0, 25478, undefined]));
    expect(tids({ defaultTid: 25477 })).toEqual(new Set([25477, 25478, undefined]));
  });

  test("on a terminal a child that speaks before its parent's fork returns is not the first process", () => {
    const text =
      "clone3({flags=0}, 88 <unfinished ...>\n[pid 6] pause( <unfinished ...>\n[pid 5] <... clone3 resumed>) = 6\n";
    const { records, reader } = read(text);
    expect(records.map((r) => isCall(r) && [r.tid, r.name])).toEqual([
      [0, "clone3"],
      [6, "pause"],
    ]);
    expect(reader.firstPid).toBe(5);
  });

  test("on a terminal the last process left is the one without a pid", () => {
    const text =
      "vfork()          = 6\n[pid 6] pause( <unfinished ...>\n[pid 5] exit_group(0) = ?\n[pid 5] +++ exited with 0 +++\n" +
      "<... pause resumed>) = ?\n+++ exited with 0 +++\n";
    expect(read(text).records.map((r) => ("tid" in r ? r.tid : undefined))).toEqual([0, 0, 0, 6, 6]);
  });

  test("reads what strace says of itself", () => {
    const { records } = read(fixture("attached.txt"));
    expect(records.filter(({ kind }) => kind === "note")).toHaveLength(7);
    const text =
      "strace: [ Process PID=7 runs in 32 bit mode. ]\n7 [ Process PID=7 runs in 64 bit mode. ]\n/bin/strace: hm";
    expect(read(text).records).toMatchObject([
      { note: "mode32", tid: 7 },
      { note: "mode64", tid: 7 },
      { note: "other", text: "hm" },
    ]);
  });

  test("notes the table of -C, counts the lines of dumps, and reads an appended trace on", () => {
    const summary = read(fixture("successful-summary.txt")).records;
    expect(summary.at(-1)).toMatchObject({ kind: "note", note: "other" });
    const sleep = summary.filter(isCall).find(({ name }) => name === "clock_nanosleep");
    expect(sleep?.args).toHaveLength(4);
    const appended = read(fixture("dump-injected.txt")).records;
    expect(appended[0]).toMatchObject({ name: "write", dumpLines: 3, result: { note: "INJECTED" } });
    expect(appended.filter(({ kind }) => kind === "exit")).toHaveLength(2);
  });

  test.each([
    ["hello world", /neither a system call/],
    ['write(1, "a', /ends in the middle/],
    ["brk(NULL) = lots", /no result/],
    ["brk(NULL)\nbrk(NULL) = 0", /has no result/],
    [" > /lib/libc.so.6(brk+0x1) [0x1]", /belongs to no call/],
    [" | 00000  76 6d 0a    vm. |", /belongs to no call/],
    ["<... lost", /not of the form/],
    ["+++ blew up +++", /neither a signal/],
  ])("says where and why it cannot read %j", (text, why) => {
    const [first] = read(text).records;
    expect(first).toMatchObject({ kind: "unreadable", line: 1, why: expect.stringMatching(why) });
  });

  test("shows 200 characters of what it cannot read", () => {
    expect(read("x".repeat(1000)).records).toMatchObject([{ text: "x".repeat(200) }]);
  });

  test("skips a line above the limit without keeping it", () => {
    const long = "x".repeat(MAX_LINE / 2);
    const text = `brk(0) = 0\n${long}${long}y\nbrk(1) = 1\n`;
    const { records, reader } = read(text, { cuts: [5_000_000, 8_000_000] });
    expect(records.map(({ kind, line }) => [kind, line])).toEqual([
      ["call", 1],
      ["unreadable", 2],
      ["call", 3],
    ]);
    expect(records[1]).toMatchObject({ text: "x".repeat(200), why: expect.stringMatching(/longer than/) });
    expect(reader.unreadable).toBe(1);
  });

  test.each([
    ["1 <... read resumed>", "x", " <unfinished ...>"],
    ["1 read(", "(", "strace: Process 1 attached"],
    ["1 <... read resumed>", ")", " = x"],
    [") = ", "x", " = x"],
    ["--- SIGSEGV {", "si_code=", "} ---"],
    [" > ", "(", "+0x1) [0x1]"],
    ["", "/a", "/strace: Process 1 attached"],
    ["1 read() = 0", " ", "/* */"],
    ["1 read() = -1 EIO ", "(", ")"],
    ["1 read() = ", "1", ""],
    ["", "[1] ", ""],
    ["1 open(</", "[->", ""],
  ])("reads hostile lines such as %s%s…%s in linear time", (head, middle, tail) => {
    const long = `${head}${middle.repeat(4_000_000 / middle.length)}${tail}\n`;
    const short = `${head}${middle.repeat(10)}${tail}\n`.repeat(20_000);
    const start = performance.now();
    for (const record of read(long + short).records) plain(record);
    expect(performance.now() - start).toBeLessThan(4000);
  });

  test("holds the last record back no longer than until the next line", () => {
    const reader = new StraceReader();
    expect(reader.push("brk(0) = 0\nbrk(1)")).toEqual([]);
    expect(reader.push(" = 1\n")).toHaveLength(1);
    expect(reader.end()).toHaveLength(1);
  });

  test("gives the same records however the text is cut into chunks", () => {
    const arbCut = fc
      .constantFrom(...fixtures)
      .map(fixture)
      .chain((text) => fc.tuple(fc.constant(text), fc.uniqueArray(fc.nat(text.length), { maxLength: 20 })));
    fc.assert(
      fc.property(arbCut, ([text, cuts]) => {
        const pieces = read(text, { cuts: cuts.sort((a, b) => a - b) }).records;
        expect(pieces.map(plain)).toEqual(read(text).records.map(plain));
      }),
      { numRuns: 60 },
    );
  });

  test("never throws, and accounts for every line, wherever a trace is cut off or damaged", () => {
    const arbDamage = fc.record({
      text: fc.constantFrom(...fixtures).map(fixture),
      from: fc.double({ min: 0, max: 1, noNaN: true }),
      length: fc.double({ min: 0, max: 1, noNaN: true }),
      middle: fc.string({ unit: "binary-ascii", maxLength: 8 }),
      tailKept: fc.boolean(),
    });
    fc.assert(
      fc.property(arbDamage, ({ text, from, length, middle, tailKept }) => {
        const start = Math.floor(from * text.length);
        const tail = tailKept ? text.slice(start + Math.floor(length * 50)) : "";
        const damaged = text.slice(0, start) + middle + tail;
        const { records, reader } = read(damaged);
        for (const record of records) plain(record);
        expect(reader.lines).toBe(damaged.split("\n").length - (/(?:^|\n)$/.test(damaged) ? 1 : 0));
        expect(records.filter(({ kind }) => kind === "unreadable")).toHaveLength(reader.unreadable);
      }),
      { numRuns: 300 },
    );
  });
});
