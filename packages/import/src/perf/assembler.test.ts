import { describe, expect, test } from "vitest";
import { Tally } from "../tally.ts";
import { NR, PerfText } from "../testing/perf-text.ts";
import { PerfAssembler } from "./assembler.ts";
import { PerfReader } from "./text/index.ts";

/** What is given out for a text, and what only its end brings. */
function assembled(text: string): { readonly before: readonly string[]; readonly atEnd: readonly string[] } {
  const assembler = new PerfAssembler(new Tally());
  const reader = new PerfReader();
  const name = (record: { kind: string; name?: string }): string => record.name ?? record.kind;
  const records = [...reader.push(text), ...reader.end()];
  return { before: [...assembler.feed(records)].map(name), atEnd: [...assembler.end()].map(name) };
}

describe("records are given out as soon as nothing more can become known of them:", () => {
  test("a birth once parent or child goes on", () => {
    const birth = new PerfText().fault(42, 0x7000, 6).line(42, "PERF_RECORD_FORK(43:43):(42:42)");
    expect(assembled(birth.text)).toEqual({ before: ["touch"], atEnd: ["clone"] });
    expect(assembled(birth.fault(43, 0x7000, 6).text).before).toEqual(["touch", "clone", "touch"]);
  });

  test("a mapping of a file without a name once the next file is mapped", () => {
    const file = new PerfText().call(42, NR.mmap, [0, 0x1000, 1, 2, 3, 0], 0x7000);
    expect(assembled(file.text)).toEqual({ before: [], atEnd: ["mmap"] });
    file.call(42, NR.brk, [0], 0x9000);
    expect(assembled(file.text)).toEqual({ before: [], atEnd: ["mmap", "brk"] });
    file.call(42, NR.mmap, [0, 0x1000, 1, 2, 3, 0], 0x8000);
    expect(assembled(file.text)).toEqual({ before: ["mmap", "brk"], atEnd: ["mmap"] });
  });

  test("a mapping of a file without a name after many other calls", () => {
    const file = new PerfText().call(42, NR.mmap, [0, 0x1000, 1, 2, 3, 0], 0x7000);
    for (let i = 0; i < 70; i++) file.call(42, NR.brk, [0], 0x9000);
    expect(assembled(file.text)).toMatchObject({ atEnd: [] });
  });

  test("an exec with its return, or with what the task does next", () => {
    const exec = new PerfText().line(42, "PERF_RECORD_COMM exec: demo:42/42");
    expect(assembled(exec.text)).toEqual({ before: [], atEnd: ["execve"] });
    expect(assembled(exec.fault(42, 0x7000, 2, "kernel").text).before).toEqual([]);
    expect(assembled(exec.fault(42, 0x8000, 6).text).before).toEqual(["execve", "touch", "touch"]);
  });
});
