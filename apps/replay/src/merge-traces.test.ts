import { describe, expect, test } from "vitest";
import { chainTraces, mergeTraces, timeOf } from "./merge-traces.ts";
import type { TraceFile } from "./trace-file.ts";

function trace(tid: number, ...chunks: readonly string[]): TraceFile {
  async function* give(): AsyncGenerator<string> {
    yield* chunks;
  }
  return { name: `t.${tid}`, size: undefined, done: () => 0, tid, chunks: give() };
}

async function all(texts: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const piece of texts) text += piece;
  return text;
}

describe("the recordings of several threads", () => {
  test("come in order of time, each line with its thread", async () => {
    const merged = mergeTraces([
      trace(1, "10000000.5 a() = 0\n10000", "000.9 b() = 0\n"),
      trace(2, "10000000.6 c() = 0\n10000000.7 d() = 0"),
    ]);
    expect(await all(merged)).toBe(
      "1 10000000.5 a() = 0\n2 10000000.6 c() = 0\n2 10000000.7 d() = 0\n1 10000000.9 b() = 0\n",
    );
  });

  test("of the same time come in the order of the files", async () => {
    const merged = mergeTraces([trace(1, "12:00:00 a() = 0\n"), trace(2, "12:00:00 b() = 0\n")]);
    expect(await all(merged)).toBe("1 12:00:00 a() = 0\n2 12:00:00 b() = 0\n");
  });

  test("go on behind midnight", async () => {
    const merged = mergeTraces([
      trace(1, "23:59:58 a() = 0\n00:00:02 b() = 0\n"),
      trace(2, "23:59:59 c() = 0\n00:00:01 d() = 0\n"),
    ]);
    expect((await all(merged)).match(/[a-d]\(/g)?.join("")).toBe("a(c(d(b(");
  });

  test("keep a stack with the call that it belongs to", async () => {
    const stack = " > /lib/libc.so.6(mmap+0x10) [0x1]\n";
    const merged = mergeTraces([trace(1, `12:00:01 a() = 0\n${stack}`), trace(2, "12:00:01.5 b() = 0\n")]);
    expect(await all(merged)).toBe(`1 12:00:01 a() = 0\n${stack}2 12:00:01.5 b() = 0\n`);
  });

  test("without times follow one another", async () => {
    expect(await all(chainTraces([trace(2, "b() = 0\n"), trace(1, "a() = 0\n")]))).toBe(
      "2 b() = 0\n1 a() = 0\n",
    );
  });
});

test.each([
  ["1700000000.123456 a()", 1700000000.123456],
  ["01:00:01.5 a()", 3601.5],
  ["01:00:01 a()", 3601],
  ["     0.000123 a()", undefined],
  ["a() = 0", undefined],
])("the time of '%s' is %d", (line, time) => {
  expect(timeOf(line)).toBe(time);
});
