import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { whyNoLiveKernel, whyNoLivePages } from "@pagetrail/conformance";
import { encodeEvent, maps, mmOf, type Pid } from "@pagetrail/core";
import { FileLogWriter, readLog } from "@pagetrail/store";
import type { Recorder } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { demo, demoLog, pagetrail } from "../testing/log-fixture.ts";

/** A log that is whole as a log, but whose events or states are not what the model makes of them. */
function forge(recorder: Recorder, change: { readonly seq?: number; readonly digest?: string }): string {
  const path = demoLog(recorder);
  const [head] = readLog(path);
  if (head?.kind !== "header") throw new Error("a log begins with its header");
  const seal = /"state":"([0-9a-f]+)"/.exec(readFileSync(path, "utf8"))?.[1] ?? "";
  const writer = FileLogWriter.create(path, head.header, { overwrite: true });
  if (!writer.ok) throw new Error(writer.error.what);
  for (const event of recorder.events) {
    const json = encodeEvent(event);
    writer.value.event(event.seq === change.seq ? { ...json, ret: "0x5000" } : json);
  }
  writer.value.finish(change.digest ?? seal);
  return path;
}

describe("a log from before there were several releases", () => {
  const first = fileURLToPath(new URL("../testing/first.ptlog", import.meta.url));

  test("is read as one of Linux 6.18, with the maps that it had", async () => {
    expect((await pagetrail(["info", first])).out).toContain("the rules of Linux 6.18");
    const { code, out } = await pagetrail(["maps", first, "--at", "line:3"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^7ffff7fc1000-7ffff7fc2000 rw-p 00000000 00:00 0 $/m);
  });
});

describe("replay", () => {
  test("finds a log as it was recorded", async () => {
    const { code, out } = await pagetrail(["replay", demoLog()]);
    expect(code).toBe(0);
    expect(out).toMatch(/^12 events of .*demo\.ptlog replay as recorded, 1 sealed state too\n/);
    expect(out).toContain("8 decided calls, 1 divergence: 87.5% predicted right");
  });

  test("stops where it is told", async () => {
    const { out } = await pagetrail(["replay", demoLog(), "--to", "line:3", "--json"]);
    expect(JSON.parse(out)).toMatchObject({ schema: 1, to: 5, events: 5, seals: 0, difference: null });
  });

  test("shows both sides of the first outcome that is another, and exits with 1", async () => {
    const log = forge(demo(), { seq: 4 });
    const { code, out } = await pagetrail(["replay", log]);
    expect(code).toBe(1);
    expect(out.split("\n")).toEqual([
      "event 4 (line 2) replays otherwise: mmap(NULL, 12288, r-x, private, file 1, 0) = 20480",
      "  log     20480",
      "  replay  0x7ffff7ff8000",
      "",
    ]);
    expect((await pagetrail(["replay", log, "--emit", "maps", "--jsonl"])).code).toBe(1);
  });

  test("finds a state that is not the sealed one", async () => {
    const log = forge(demo(), { digest: "0123" });
    const { code, out } = await pagetrail(["replay", log, "--json"]);
    expect(code).toBe(1);
    expect(JSON.parse(out).difference).toMatchObject({ kind: "state", event: 12, sealed: "0123" });
  });

  test("emits a line per system call, with maps where they changed", async () => {
    const { code, out } = await pagetrail(["replay", demoLog(), "--emit", "maps", "--jsonl"]);
    expect(code).toBe(0);
    const lines = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ seq, maps }) => (maps === null ? seq : -seq))).toEqual([
      -3, -4, -5, -6, 7, 8, -9, -10, 11, 12,
    ]);
    expect(out.split("\n")[4]).toBe(
      '{"seq":7,"line":6,"pid":100,"tid":100,"call":"munmap","outcome":"-EINVAL","predicted":"-EINVAL","diverged":false,"maps":null}',
    );
    const { states } = demo();
    const text = (seq: number, pid: number): string => {
      const state = states[seq];
      return state ? maps(state, mmOf(state, pid as Pid)) : "";
    };
    expect(lines[0].maps).toBe(text(3, 100));
    expect(lines[6]).toMatchObject({ pid: 101, call: "mmap", maps: text(9, 101) });
    expect(lines[7]).toMatchObject({ outcome: "0x10000000", predicted: "0x7ffff7ff0000", diverged: true });
  });

  test("emits text for a reader", async () => {
    const { out } = await pagetrail(["replay", demoLog(), "--emit", "maps", "--to", "3"]);
    expect(out).toMatch(
      /^ +3 +1 +100 mmap\(NULL, 16384, .*\n7ffff7ffb000-7ffff7fff000 rw-p 00000000 00:00 0 \n/,
    );
  });

  test.each([["--jsonl"], ["--emit", "maps", "--json"], ["--emit", "smaps"]])(
    "refuses %s %s %s",
    async (...args) => {
      const { code, err } = await pagetrail(["replay", demoLog(), ...args]);
      expect(code).toBe(2);
      expect(err).toMatch(/^pagetrail: .*: .*\n$/);
    },
  );
});

describe("verify", () => {
  test("reports what holds", async () => {
    const { code, out } = await pagetrail(["verify", demoLog()]);
    expect(code).toBe(0);
    expect(out.trimEnd().split("\n")).toEqual([
      "seals     1 seal fit the bytes before them; the log is finished",
      "replay    12 events have the outcomes that were recorded",
      "states    1 sealed state of 1 found again",
      "laws      all hold behind 12 events",
    ]);
  });

  test("checks the laws as often as it is told, and always at the end", async () => {
    const { out } = await pagetrail(["verify", demoLog(), "--every", "5", "--json"]);
    expect(JSON.parse(out)).toMatchObject({ schema: 1, events: 12, checks: 3, states: 1, violations: [] });
  });

  test("exits with 1 where an outcome or a state is another", async () => {
    const outcome = await pagetrail(["verify", forge(demo(), { seq: 4 })]);
    expect([outcome.code, outcome.out]).toEqual([
      1,
      expect.stringContaining("event 4 (line 2) replays otherwise"),
    ]);
    const state = await pagetrail(["verify", forge(demo(), { digest: "0123" })]);
    expect([state.code, state.out]).toEqual([1, expect.stringContaining("  sealed    0123")]);
  });

  test("counts a log that was not finished", async () => {
    const log = demoLog();
    writeFileSync(log, readFileSync(log, "utf8").replace(/\{"seal".*\n$/, ""));
    const { code, out } = await pagetrail(["verify", log]);
    expect(code).toBe(0);
    expect(out).toContain("seals     0 seals fit the bytes before them; the log is not finished");
  });
});

const noKernel = whyNoLiveKernel();

describe.skipIf(noKernel !== undefined)(`check${noKernel ? ` (skipped: ${noKernel})` : ""}`, () => {
  test("says how many operations agreed", async () => {
    const { code, out } = await pagetrail(["check", "--seed", "7", "--seeds", "3", "--ops", "20"]);
    expect(code).toBe(0);
    expect(out).toBe("60 operations (seeds 7 to 9, 20 each): model and kernel agree after every one\n");
  });

  test("tells the same as JSON", async () => {
    const { out } = await pagetrail(["check", "--seeds", "1", "--ops", "5", "--json"]);
    expect(JSON.parse(out)).toMatchObject({ schema: 1, seed: 1, operations: 5, difference: null });
  });
});

const noPages = whyNoLivePages();

describe.skipIf(noPages !== undefined)(`check --pages${noPages ? ` (skipped: ${noPages})` : ""}`, () => {
  test("says how many operations on pages agreed", async () => {
    const { code, out } = await pagetrail(["check", "--pages", "--seed", "7", "--seeds", "3", "--ops", "20"]);
    expect(code).toBe(0);
    expect(out).toBe(
      "60 operations on pages (seeds 7 to 9, 20 each): model and kernel agree after every one\n",
    );
  });

  test("tells the same as JSON", async () => {
    const { out } = await pagetrail(["check", "--pages", "--seeds", "1", "--ops", "5", "--json"]);
    expect(JSON.parse(out)).toMatchObject({ schema: 1, seed: 1, operations: 5, difference: null });
  });
});

test("check refuses a number of operations that is none", async () => {
  const { code, err } = await pagetrail(["check", "--ops", "0"]);
  expect(code).toBe(2);
  expect(err).toContain("It is at least 1");
});
