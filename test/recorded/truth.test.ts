import { describe, expect, test } from "vitest";
import {
  type Case,
  caseDirs,
  expandTruth,
  loadCase,
  normalMaps,
  normalReturn,
  type ReplayLine,
  score,
  tracedCalls,
} from "./truth.ts";

const text = (...lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

const TEXT = "00400000-00401000 r-xp 00000000 fe:00 17                        /usr/bin/true";
const HEAP = "00500000-00521000 rw-p 00000000 00:00 0                         [heap]";
const STACK = "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                 [stack]";

const strace = text(
  '7 execve("/bin/true", ["true"], 0x7ffe /* 3 vars */) = 0',
  "7 brk(NULL) = 0x500000",
  "7 brk(0x521000 <unfinished ...>",
  "8 getpid() = 8",
  "7 <... brk resumed>) = 0x521000",
  "7 munmap(0x400001, 1) = -1 EINVAL (Invalid argument)",
);

const sys = (n: number, name: string, ret: string, maps: unknown): string =>
  JSON.stringify({ seq: n + 1, ev: "sys", pid: 7, tid: 7, mm: 1, n, name, ret, maps });

const truth = text(
  JSON.stringify({ seq: 0, ev: "exec", pid: 7, tid: 7, mm: 1, n: 0, maps: text(TEXT, STACK) }),
  sys(0, "execve", "0x0", "same"),
  sys(1, "brk", "0x500000", "same"),
  sys(2, "brk", "0x521000", { hunks: [[1, 0, text(HEAP)]] }),
  sys(3, "munmap", "-EINVAL", "skip"),
);

const tiny: Case = { name: "tiny", strace, calls: tracedCalls(strace), truth: expandTruth(truth) };

const replayLine = (line: number, call: string, predicted: string, maps: string | null): ReplayLine => ({
  line,
  pid: 7,
  tid: 7,
  call,
  outcome: predicted,
  predicted,
  maps,
});

const rightReplay: readonly ReplayLine[] = [
  replayLine(1, "execve", "0x0", text(TEXT, STACK)),
  replayLine(2, "brk", "0x500000", null),
  replayLine(5, "brk", "0x521000", text(TEXT, HEAP, STACK)),
  replayLine(6, "munmap", "-EINVAL", null),
];

const replacing = (line: number, change: Partial<ReplayLine>): readonly ReplayLine[] =>
  rightReplay.map((l) => (l.line === line ? { ...l, ...change } : l));

describe("the kernel's account", () => {
  test("line edits are applied to the last maps of the same address space", () => {
    expect([...tiny.truth][3]?.maps).toBe(text(TEXT, HEAP, STACK));
  });

  test("can be read twice", () => {
    expect([...tiny.truth]).toEqual([...tiny.truth]);
  });
});

describe("the calls of a trace", () => {
  test("are numbered per thread, and end on the line where they resumed", () => {
    expect(tiny.calls.filter((call) => call.tid === 7).map(({ n, line, end }) => [n, line, end])).toEqual([
      [0, 1, 1],
      [1, 2, 2],
      [2, 3, 5],
      [3, 6, 6],
    ]);
  });

  test("an execve by another thread becomes the leader's next call", () => {
    const calls = tracedCalls(
      text(
        "7 getpid() = 7",
        '8 execve("/bin/true" <unfinished ...>',
        "7 +++ superseded by execve in pid 8 +++",
        "7 <... execve resumed>, [], NULL) = 0",
      ),
    );
    expect(calls).toEqual([
      { tid: 7, name: "getpid", n: 0, line: 1, end: 1 },
      { tid: 7, name: "execve", n: 1, line: 2, end: 4 },
    ]);
  });
});

describe("a score", () => {
  test("is full when the replay says what the kernel said", () => {
    expect(score(tiny, rightReplay)).toEqual({
      calls: 4,
      predicted: 4,
      mapsCalls: 3,
      maps: 3,
      mapsStackAside: 3,
      examples: [],
    });
  });

  test("counts a call without a replay line as wrong in both", () => {
    const { predicted, maps } = score(tiny, rightReplay.slice(0, 2));
    expect({ predicted, maps }).toEqual({ predicted: 2, maps: 2 });
  });

  test("counts a wrong prediction, and names it", () => {
    const { predicted, maps, examples } = score(tiny, replacing(6, { predicted: "0x0" }));
    expect({ predicted, maps }).toEqual({ predicted: 3, maps: 3 });
    expect(examples).toEqual([
      { line: 6, call: "munmap", truth: "-EINVAL", predicted: "0x0", mapsEqual: null },
    ]);
  });

  test("counts a wrong mapping at each call that it outlives", () => {
    const wrong = TEXT.replace("r-xp", "rwxp");
    const { predicted, maps } = score(tiny, replacing(1, { maps: text(wrong, STACK) }));
    expect({ predicted, maps }).toEqual({ predicted: 4, maps: 1 });
  });

  test("leaves a stack that ends elsewhere aside in its second figure only", () => {
    const moved = text(TEXT, HEAP, STACK.replace("7ffffffff000", "7fffffff0000"));
    const { maps, mapsStackAside } = score(tiny, replacing(5, { maps: moved }));
    expect({ maps, mapsStackAside }).toEqual({ maps: 2, mapsStackAside: 3 });
  });
});

describe("normal maps", () => {
  test("leave device, inode, the stack's beginning, vsyscall and (deleted) aside", () => {
    const vsyscall = "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]";
    expect(normalMaps(text(`${TEXT} (deleted)`, HEAP, STACK, vsyscall))).toEqual([
      "400000-401000 r-xp 0 file0",
      "500000-521000 rw-p 0 [heap]",
      "0-7ffffffff000 rw-p 0 [stack]",
    ]);
  });

  test("keep which mappings are of one file, whatever it is called", () => {
    const files = (...names: readonly string[]): readonly string[] =>
      normalMaps(text(...names.map((name, i) => `${i}000-${i + 1}000 r--p 00000000 00:00 0 ${name}`)));
    expect(files("/a", "/b", "/a")).toEqual(files("/lib/x", "/lib/y", "/lib/x"));
    expect(files("/a", "/b", "/a")).not.toEqual(files("/a", "/b", "/b"));
  });
});

test("a result compares as 64 bits, an errno by its name", () => {
  expect(normalReturn("-1")).toBe("0xffffffffffffffff");
  expect(normalReturn("0x0010")).toBe(normalReturn("16"));
  expect(normalReturn("-ENOMEM")).toBe("-ENOMEM");
});

test("every memory call of a recording's account is in its trace", () => {
  const dir = caseDirs().find((d) => d.endsWith("bash-pipeline-yy"));
  const recorded = loadCase(dir ?? "");
  const names = new Map(recorded.calls.map((call) => [`${call.tid} ${call.n}`, call.name]));
  const memoryCalls = [...recorded.truth].filter((t) => t.ev === "sys");
  expect(memoryCalls.length).toBeGreaterThan(100);
  expect(memoryCalls.map((t) => names.get(`${t.tid} ${t.n}`))).toEqual(memoryCalls.map((t) => t.name));
});
