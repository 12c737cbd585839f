import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { advanceState, type Event, initialState, MAP, type Pid, REFERENCE_PROFILE } from "@pagetrail/core";
import { FileLogWriter, packLog } from "@pagetrail/store";
import { testFolder } from "@pagetrail/testing/folder";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LogSink } from "./log-sink.ts";
import { pagetrail } from "./testing/log-fixture.ts";

const EVENTS = 10_000;
const MOMENTS = ["end", "1", "50%", "5000", "8193", "9999"];

/** A log long enough that its states are kept: a process that maps and unmaps. */
function longLog(path: string): void {
  const sink = new LogSink("test", (header) => FileLogWriter.create(path, header));
  sink.start(REFERENCE_PROFILE, { format: "test" });
  let state = initialState(REFERENCE_PROFILE);
  const tid = 7 as Pid;
  for (let seq = 1; seq <= EVENTS; seq++) {
    const addr = 0x10000000 + (seq % 300) * 0x3000;
    const flags = MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED;
    const mapped = {
      call: "mmap",
      addr,
      length: 4096 * (1 + (seq % 3)),
      prot: seq % 4,
      flags,
      offset: 0,
      file: 0,
    };
    const request = (seq === 1 ? { call: "adopt", comm: "long", tgid: tid } : mapped) as Event["request"];
    const event = { seq, tid, request, outcome: { ret: seq === 1 ? 0 : addr } };
    state = advanceState(state, event).state;
    sink.event(event, state);
  }
  sink.finish();
}

const maps = async (log: string, at: string) => {
  const { code, out, err } = await pagetrail(["maps", log, "--at", at]);
  return { code, out, err: err.replaceAll(log, "LOG") };
};

describe("states kept beside a log", () => {
  let [folder, original, sidecar] = ["", "", ""];
  const truth = new Map<string, Awaited<ReturnType<typeof maps>>>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "pagetrail-kept-"));
    original = join(folder, "long.ptlog");
    longLog(original);
    for (const at of MOMENTS) {
      const copy = join(folder, "fresh.ptlog");
      copyFileSync(original, copy);
      truth.set(at, await maps(copy, at));
      rmSync(`${copy}.checkpoints`, { force: true });
    }
    sidecar = `${original}.checkpoints`;
    await maps(original, "end");
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  /** A copy of the log and of what is kept beside it. */
  function copied(): string {
    const path = join(testFolder(), "copy.ptlog");
    copyFileSync(original, path);
    copyFileSync(sidecar, `${path}.checkpoints`);
    return path;
  }

  const expectTruth = async (log: string, moments = MOMENTS): Promise<void> => {
    for (const at of moments) expect(await maps(log, at)).toEqual(truth.get(at));
  };

  test("give every moment as executing from the start does, of packed logs too", async () => {
    const path = copied();
    const kept = readFileSync(`${path}.checkpoints`);
    await expectTruth(path);
    expect(readFileSync(`${path}.checkpoints`)).toEqual(kept);
    const packed = `${path}.gz`;
    expect(packLog(path, packed).ok).toBe(true);
    await maps(packed, "end");
    expect(existsSync(`${packed}.checkpoints`)).toBe(true);
    await expectTruth(packed);
  });

  test("are not made for a short way, and reach further once a later moment was asked for", async () => {
    const path = copied();
    rmSync(`${path}.checkpoints`);
    await maps(path, "5000");
    expect(existsSync(`${path}.checkpoints`)).toBe(false);
    await maps(path, "8193");
    expect(existsSync(`${path}.checkpoints`)).toBe(true);
    await expectTruth(path);
  });

  test("never lead to a wrong state when a byte of theirs is another", async () => {
    const path = copied();
    const bytes = readFileSync(`${path}.checkpoints`);
    for (let n = 0; n < 60; n++) {
      const at = n < 20 ? n * 7 : Math.floor((n * bytes.length) / 60);
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] as number) ^ (1 << (n % 8));
      writeFileSync(`${path}.checkpoints`, flipped);
      await expectTruth(path, ["end"]);
    }
  }, 120_000);

  test("are not missed when they end too early, or are no such file", async () => {
    const path = copied();
    for (const length of [5000, 500, 40, 0]) {
      truncateSync(`${path}.checkpoints`, length);
      await expectTruth(path, ["50%"]);
      copyFileSync(sidecar, `${path}.checkpoints`);
    }
  });

  test("are ignored for a log that is another now", async () => {
    const path = copied();
    appendFileSync(
      path,
      '{"seq":10001,"tid":7,"call":"munmap","addr":"0x10000000","length":"0x1000","ret":"0x0"}\n',
    );
    const { code, err } = await maps(path, "end");
    expect(code).toBe(0);
    expect(err).toContain("event 10001 of 10001");
  });

  test("do not hide damage in what is read of the log, and do not look at the rest", async () => {
    const path = copied();
    const bytes = readFileSync(path);
    const at = bytes.indexOf('{"seq":3000,') + 30;
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(path, bytes);
    expect(await maps(path, "end")).toEqual(truth.get("end"));
    const damaged = await maps(path, "2500");
    expect(damaged.code).toBe(2);
    expect(damaged.err).toContain(
      "segment 3 of the log is not what its seal says (LOG): see pagetrail verify",
    );
    expect((await pagetrail(["verify", path])).code).toBe(2);
  });

  test("need little memory where little is given", async () => {
    const path = copied();
    const { out } = await pagetrail(["maps", path, "--at", "50%", "--checkpoint-memory", "1"]);
    expect(out).toBe(truth.get("50%")?.out);
    expect((await pagetrail(["maps", path, "--checkpoint-memory", "none"])).code).toBe(2);
  });
});
