import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { testFolder } from "@pagetrail/testing/folder";
import { expect, onTestFinished, test } from "vitest";
import { FileLogWriter } from "./file-log-writer.ts";
import { readLog } from "./read-log.ts";
import { granted, refused, writeLog } from "./testing/contract.ts";
import { eventAt } from "./testing/event-fixture.ts";
import { folderStore } from "./testing/folder-fixture.ts";

const child = fileURLToPath(new URL("testing/append-child.ts", import.meta.url));

type Appender = {
  readonly pid: number | undefined;
  /** Kills it, and tells the last event whose seal it was granted. */
  readonly kill: () => Promise<number>;
};

/** Starts a process that appends, and waits for its first seal; what it tells goes into a file. */
async function startAppender(path: string): Promise<Appender> {
  const told = `${path}.told`;
  const output = openSync(told, "w");
  const process = spawn("node", ["--conditions=pagetrail-source", "--import", "tsx", child, path], {
    stdio: ["ignore", output, "inherit"],
  });
  closeSync(output);
  onTestFinished(() => {
    process.kill("SIGKILL");
  });
  const ended = once(process, "exit");
  while (statSync(told).size === 0) {
    if (process.exitCode !== null) throw new Error(`the appender ended with ${process.exitCode}`);
    await sleep(5);
  }
  const kill = async (): Promise<number> => {
    process.kill("SIGKILL");
    await ended;
    return Number(readFileSync(told, "utf8").split("\n").at(-2));
  };
  return { pid: process.pid, kill };
}

/** Checks every event, and says how far seals and lines go. */
function readThrough(path: string): { readonly sealed: number; readonly seq: number } {
  let sealed = 0;
  let seq = 0;
  for (const item of readLog(path)) {
    if (item.kind === "refused") throw new Error(item.refusal.what);
    if (item.kind === "seal") sealed = item.seal.seq;
    if (item.kind === "event") {
      seq += 1;
      if (item.event.call !== eventAt(seq).call) throw new Error(`event ${seq} is wrong`);
    }
    if (item.kind === "end") expect(item.end.seq).toBe(seq);
  }
  return { sealed, seq };
}

test("a writer killed at any moment loses nothing that was sealed; while it lives, others read whole lines and may not write", async () => {
  const folder = testFolder();
  const path = join(folder, "a.ptlog");
  writeLog(folderStore(folder).store, "a.ptlog", 3);
  let before = 3;
  for (let round = 0; round < 20; round += 1) {
    const appender = await startAppender(path);
    expect(refused(FileLogWriter.append(path))).toContain(`process ${appender.pid} is writing this log`);
    expect(readThrough(path).seq).toBeGreaterThan(before);
    await sleep((round * 7) % 20);
    const told = await appender.kill();
    const { sealed, seq } = readThrough(path);
    expect(sealed).toBeGreaterThanOrEqual(told);
    before = seq;
  }
  const { writer, recovery } = granted(FileLogWriter.append(path));
  expect(recovery.seq).toBe(before);
  granted(writer.finish("s"));
  expect(readThrough(path)).toEqual({ sealed: before, seq: before });
}, 120_000);
