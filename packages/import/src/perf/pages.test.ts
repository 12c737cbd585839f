import { mmOf, type Pid, wouldFault } from "@pagetrail/core";
import { type Imported, importPerf } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { NR, PerfText } from "../testing/perf-text.ts";

const ARENA = 0x20000000;
const ANONYMOUS = [ARENA, 0x10000, 3, 0x32, -1, 0];
const PAGE = 4096;

const pagesOf = ({ state }: Imported, tid = 42) => mmOf(state, tid as Pid)?.pages;

/** A new program that has mapped the arena. */
const begun = (): PerfText => new PerfText().exec(42, "/bin/demo").call(42, NR.mmap, ANONYMOUS, ARENA);

describe("pages of a recording", () => {
  test("are modelled where each fault shows: what was touched is there, and nothing else", () => {
    const imported = importPerf(
      begun()
        .fault(42, ARENA, 6)
        .fault(42, ARENA + PAGE, 4)
        .fault(42, ARENA + PAGE, 7).text,
    );
    const pages = pagesOf(imported);
    const at = (n: number): boolean | undefined => pages && wouldFault(pages, ARENA / PAGE + n, "write");
    expect([0, 1, 2].map(at)).toEqual([false, false, true]);
    expect(imported.summary.pages).toEqual({
      faults: 3,
      predicted: 3,
      late: 0,
      unrecorded: 0,
      unforeseen: [],
    });
  });

  test("are not modelled where no fault shows, or only samples of them", () => {
    const silent = importPerf(begun().call(42, NR.munmap, [ARENA, PAGE], 0).text);
    const sampled = importPerf(
      begun().line(42, "   9 page-faults:         20000000 x     401000 main (/bin/demo)").text,
    );
    for (const { state, summary } of [silent, sampled]) {
      expect(state.memory).toBeUndefined();
      expect(summary.pages).toBeUndefined();
    }
  });

  test("a fault at a page that is there is not predicted, and told with its place", () => {
    const { summary } = importPerf(
      begun()
        .fault(42, ARENA, 6)
        .fault(42, ARENA + 8, 4).text,
    );
    expect(summary.pages).toMatchObject({
      faults: 2,
      predicted: 1,
      unforeseen: [{ line: 10, tid: 42, addr: ARENA + 8, access: "read" }],
    });
  });

  test("of two threads that fault for one page the second is late, and no mistake of the model", () => {
    const { summary } = importPerf(
      begun()
        .call(42, NR.clone, [0x10f00], 43)
        .fault(42, ARENA, 6)
        .fault(43, ARENA + 8, 6)
        .fault(43, ARENA + 8, 6).text,
    );
    expect(summary.pages).toMatchObject({ faults: 3, predicted: 1, late: 2 });
  });

  test("of a process from before the recording are not known, until it runs another program", () => {
    const old = importPerf(
      new PerfText().call(42, NR.mmap, ANONYMOUS, ARENA).fault(42, ARENA, 6).call(42, NR.clone, [17], 43)
        .text,
    );
    expect(old.state.memory).toBeDefined();
    expect([pagesOf(old), pagesOf(old, 43)]).toEqual([undefined, undefined]);
    expect(old.summary).toMatchObject({ faults: 1 });
    expect(old.summary.pages).toBeUndefined();
    expect(old.summary.notes.map(({ note }) => note).join()).toContain("so that its pages are not modelled");
    const anew = new PerfText().call(42, NR.mmap, ANONYMOUS, ARENA).fault(42, ARENA, 6).exec(42, "/bin/demo");
    expect(pagesOf(importPerf(anew.text))).toBeDefined();
  });

  test("a fault that ends in a signal is an access that does, and nothing that the model got wrong", () => {
    const { events, summary } = importPerf(begun().fault(42, 0x10000, 4).text);
    expect(events.at(-1)).toMatchObject({ outcome: { signal: "SIGSEGV", code: "SEGV_MAPERR" } });
    expect(events.at(-1)?.divergence).toBeUndefined();
    expect(summary.pages).toMatchObject({ faults: 1, predicted: 1 });
  });
});

describe("the stack that an exec left", () => {
  const TOP = 0x7ffd00400000;

  /** A program with some pages of strings, and what the kernel had a fault for when it wrote below them. */
  function exec(strings: number, ...touches: readonly number[]): Imported {
    const stackPages = strings + 32;
    const text = new PerfText()
      .line(42, "PERF_RECORD_COMM exec: demo:42/42")
      .mmap2(42, TOP - stackPages * PAGE, stackPages * PAGE, "rw-p", "[stack]")
      .mmap2(42, 0x5581c0001000, 0x1000, "r-xp", "/bin/demo", "fe:00 7 0")
      .mmap2(42, 0x7f10c7fc8000, 0x26000, "r-xp", "/lib/ld.so", "fe:00 8 0")
      .mmap2(42, 0x7f10c7fc5000, 0x2000, "r-xp", "[vdso]");
    for (const touch of touches) text.fault(42, touch, 2, "kernel");
    text
      .line(42, "sched:sched_process_exec: filename=/bin/demo pid=42 old_pid=42")
      .returns(42, NR.execve, 0)
      .fault(42, 0x5581c0001000, 0x14);
    return importPerf(text.text);
  }

  const mm = ({ state }: Imported) => mmOf(state, 42 as Pid);

  test("has as many pages of strings as were mapped for them", () => {
    // The platform's name is the first thing below the strings.
    const platform = TOP - 5 * PAGE + 0xe30 - "x86_64".length - 1;
    const imported = exec(3, platform);
    const { argStart = 0, startStack = 0, pages } = mm(imported) ?? {};
    expect(Math.floor(argStart / PAGE)).toBe(TOP / PAGE - 3);
    expect(Math.floor(startStack / PAGE)).toBe(TOP / PAGE - 5);
    expect(pages?.rssAnon).toBe(4);
    expect(imported.summary.pages).toMatchObject({ faults: 2, predicted: 2, unrecorded: 0 });
  });

  test("has its pointers where the kernel began to write them", () => {
    const sp = TOP - 2 * PAGE + 0x120;
    const imported = exec(1, sp);
    expect(mm(imported)?.startStack).toBe(sp);
    expect(mm(imported)?.pages?.rssAnon).toBe(2);
  });

  test("has pointers on as many pages as the kernel touched for them", () => {
    const platform = TOP - 2 * PAGE + 0x40 - "x86_64".length - 1;
    const sp = TOP - 3 * PAGE + 0x310;
    const imported = exec(1, platform, sp);
    expect(mm(imported)?.pages?.rssAnon).toBe(3);
    expect(Math.abs((mm(imported)?.startStack ?? 0) - sp)).toBeLessThan(16);
  });

  test("a touch that no exec makes there is a fault of its own", () => {
    const far = TOP - 30 * PAGE + 0x123;
    const imported = exec(1, far);
    expect(imported.events.some(({ request }) => request.call === "access" && request.addr === far)).toBe(
      true,
    );
    expect(imported.summary.pages?.unforeseen).toMatchObject([{ addr: far, access: "write" }]);
  });
});
