import { readFileSync } from "node:fs";
import { decodeEvent, encodeEvent } from "@pagetrail/core";
import { importPerf, importStrace } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { stackText } from "./stack-text.ts";
import { NR, PerfText } from "./testing/perf-text.ts";

const STACKS = readFileSync(new URL("./strace/text/fixtures/stacks.txt", import.meta.url), "utf8");

describe("the stack of a call", () => {
  test("stands at its event, from a trace of strace -k", () => {
    const { events } = importStrace(STACKS);
    const brk = events.filter(({ request }) => request.call === "brk");
    expect(brk.slice(0, 2).map(({ stack }) => stack)).toEqual([
      ["_dl_early_allocate+0x3b (/srv/demo/tour)"],
      ["_dl_early_allocate+0x46 (/srv/demo/tour)"],
    ]);
    expect(events.find(({ request }) => request.call === "execve")?.stack).toEqual([
      "_start+0x0 (/srv/demo/tour)",
    ]);
  });

  test("and of a fault stand at theirs, from call chains of perf, without the kernel's own frames", () => {
    const text = new PerfText()
      .exec(42, "/bin/demo")
      .call(42, NR.mmap, [0x20000000, 0x10000, 3, 0x32, -1, 0])
      .frame(0xffffffff81234567n, "entry_SYSCALL_64+0x77 ([kernel.kallsyms])")
      .frame(0x7ffff7e00010, "mmap64+0x10 (/lib/libc.so.6)")
      .frame(0x555555555020, "[unknown] (/bin/demo)")
      .returns(42, NR.mmap, 0x20000000)
      .fault(42, 0x20000000, 6)
      .frame(0x555555555033, "main+0x13 (/bin/demo)").text;
    const { events } = importPerf(text);
    const of = (call: string) => events.findLast(({ request }) => request.call === call)?.stack;
    expect(of("mmap")).toEqual(["mmap64+0x10 (/lib/libc.so.6)", "0x555555555020 (/bin/demo)"]);
    expect(of("access")).toEqual(["main+0x13 (/bin/demo)"]);
  });

  test("goes into a log and comes back, and changes neither outcomes nor states", () => {
    const bare = importStrace(STACKS.replaceAll(/^ > .*\n/gm, ""));
    const told = importStrace(STACKS);
    expect(told.events.some(({ stack }) => stack !== undefined)).toBe(true);
    expect(bare.events.some(({ stack }) => stack !== undefined)).toBe(false);
    const plain = ({ events }: typeof told) => events.map(({ request, outcome }) => ({ request, outcome }));
    expect(plain(told)).toEqual(plain(bare));
    for (const event of told.events) {
      const decoded = decodeEvent(JSON.parse(JSON.stringify(encodeEvent(event))));
      expect(decoded).toMatchObject({ ok: true, value: event.stack ? { stack: event.stack } : {} });
    }
  });

  test("ends after 64 frames, and has no line of strace's that is no frame", () => {
    const frame = { text: "/a(f+0x1) [0x2]", module: "/a", symbol: "f", offset: "0x1", address: "0x2" };
    expect(stackText(new Array(100).fill(frame))).toHaveLength(64);
    expect(stackText([{ text: "unexpected_backtracing_error [0x7]", address: "0x7" }])).toEqual([]);
  });
});
