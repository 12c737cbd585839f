import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { testFolder } from "@pagetrail/testing/folder";
import { expect, onTestFinished, test } from "vitest";
import { FileLogWriter } from "./file-log-writer.ts";
import { followLog } from "./follow-log.ts";
import { packLog } from "./pack-log.ts";
import { readLog } from "./read-log.ts";
import type { StoreItem } from "./store.ts";
import { granted, writeLog } from "./testing/contract.ts";
import { eventAt } from "./testing/event-fixture.ts";
import { folderStore } from "./testing/folder-fixture.ts";

function newLog(events: number): string {
  const folder = testFolder();
  writeLog(folderStore(folder).store, "a.ptlog", events);
  return join(folder, "a.ptlog");
}

/** Follows in the background; `until` waits for what has come. */
function following(path: string) {
  const items: StoreItem[] = [];
  const controller = new AbortController();
  onTestFinished(() => controller.abort());
  const over = (async () => {
    for await (const item of followLog(path, { signal: controller.signal, pause: 2 })) items.push(item);
  })();
  const events = (): number => items.filter(({ kind }) => kind === "event").length;
  const until = async (count: number): Promise<void> => {
    while (events() < count) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  return { items, events, until, over, stop: () => controller.abort() };
}

test("a finished log is read through, as readLog does", async () => {
  const path = newLog(5);
  const { items, over } = following(path);
  await over;
  expect(items).toEqual([...readLog(path)]);
});

test("what a writer seals comes to the one who follows, until it finishes", async () => {
  const path = newLog(3);
  // Without its end, the log is one that somebody goes on with.
  const { writer } = granted(FileLogWriter.append(path));
  granted(writer.event(eventAt(4)));
  granted(writer.seal("s"));
  const follower = following(path);
  await follower.until(4);
  for (let seq = 5; seq <= 40; seq++) granted(writer.event(eventAt(seq)));
  granted(writer.seal("s"));
  await follower.until(40);
  granted(writer.event(eventAt(41)));
  granted(writer.finish("s"));
  await follower.over;
  expect(follower.items).toEqual([...readLog(path)]);
});

test("half a line is waited for, and may be cut off by the next writer", async () => {
  const path = newLog(3);
  const { writer } = granted(FileLogWriter.append(path));
  granted(writer.event(eventAt(4)));
  granted(writer.seal("s"));
  writer.abort();
  const follower = following(path);
  await follower.until(4);
  const whole = statSync(path).size;
  appendFileSync(path, '{"seq":5,"call":"mun');
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(follower.events()).toBe(4);
  truncateSync(path, whole);
  const next = granted(FileLogWriter.append(path)).writer;
  granted(next.event(eventAt(5)));
  granted(next.finish("s"));
  await follower.over;
  expect(follower.items).toEqual([...readLog(path)]);
});

test("one who stops gets what has no seal yet, and how far the log goes", async () => {
  const path = newLog(3);
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  writeFileSync(path, `${lines.slice(0, -1).join("\n")}\n`);
  const follower = following(path);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(follower.items).toEqual([]);
  follower.stop();
  await follower.over;
  expect(follower.items).toEqual([...readLog(path)]);
  expect(follower.items.at(-1)).toMatchObject({ kind: "end", end: { seq: 3, finished: false } });
});

test("damage ends it, where it is", async () => {
  const path = newLog(3);
  const { writer } = granted(FileLogWriter.append(path));
  granted(writer.event(eventAt(4)));
  granted(writer.seal("s"));
  writer.abort();
  const follower = following(path);
  await follower.until(4);
  appendFileSync(path, '{"seq":9}\n{"seal":{"seq":9,"events":1,"sha256":"0","state":"s"}}\n');
  await follower.over;
  expect(follower.items.at(-1)).toMatchObject({ kind: "refused", refusal: { fault: "damaged" } });
});

test("a log that is not there, and a packed one, are refused", async () => {
  const path = newLog(3);
  granted(packLog(path, `${path}.gz`));
  for (const [name, fault] of [
    [`${path}.nothing`, "missing"],
    [`${path}.gz`, "packed"],
  ] as const) {
    const { items, over } = following(name);
    await over;
    expect(items).toMatchObject([{ kind: "refused", refusal: { fault } }]);
  }
});

test("across processes, while writers are killed and others go on", async () => {
  const path = newLog(3);
  const { writer } = granted(FileLogWriter.append(path));
  granted(writer.event(eventAt(4)));
  granted(writer.seal("s"));
  writer.abort();
  const follower = following(path);
  const child = fileURLToPath(new URL("testing/append-child.ts", import.meta.url));
  for (let round = 1; round <= 3; round++) {
    const appender = spawn("node", ["--conditions=pagetrail-source", "--import", "tsx", child, path], {
      stdio: "ignore",
    });
    const ended = once(appender, "exit");
    await follower.until(follower.events() + 300);
    appender.kill("SIGKILL");
    await ended;
  }
  granted(granted(FileLogWriter.append(path)).writer.finish("s"));
  await follower.over;
  expect(follower.items).toEqual([...readLog(path)]);
}, 60_000);
