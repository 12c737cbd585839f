// Kills writers, flips bytes and cuts files, many times over: npx -y pnpm@12.21.0 -s durability [--quick] [--seed N]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { FileLogWriter, packLog, readLog } from "@pagetrail/store";
import { eventAt, granted, HEADER, writeEvents } from "./events.ts";

const quick = process.argv.includes("--quick");
const seedAt = process.argv.indexOf("--seed");
const seed = seedAt < 0 ? Date.now() % 2 ** 31 : Number(process.argv[seedAt + 1]);
const folder = mkdtempSync(join(tmpdir(), "pagetrail-durability-"));
const child = fileURLToPath(new URL("append-child.ts", import.meta.url));

/** Random numbers below 1 that a seed repeats: mulberry32. */
let state = seed;
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

type Found = {
  readonly events: number;
  readonly sealed: number;
  readonly end: "finished" | "open" | "torn" | "refused";
  readonly what?: string;
};

/** Reads a log through, and checks every event that it gives. */
function read(path: string): Found {
  let [events, sealed] = [0, 0];
  for (const item of readLog(path)) {
    if (item.kind === "header" && JSON.stringify(item.header) !== JSON.stringify(HEADER))
      throw new Error("another header");
    if (item.kind === "seal") sealed = item.seal.seq;
    if (item.kind === "event") {
      events += 1;
      if (JSON.stringify(item.event) !== JSON.stringify(eventAt(events)))
        throw new Error(`event ${events} is another`);
    }
    if (item.kind === "refused") return { events, sealed, end: "refused", what: item.refusal.what };
    if (item.kind === "end")
      return { events, sealed, end: item.end.torn ? "torn" : item.end.finished ? "finished" : "open" };
  }
  throw new Error("a log without an end");
}

function log(name: string, events: number): string {
  const path = join(folder, name);
  const writer = granted(FileLogWriter.create(path, HEADER, { overwrite: true }));
  writeEvents(writer, events);
  granted(writer.finish("end"));
  return path;
}

const told = new Map<string, Map<string, number>>();

/** Counts what was found; an error of the reader ends the run. */
function note(run: string, found: string): void {
  const counts = told.get(run) ?? new Map<string, number>();
  counts.set(found, (counts.get(found) ?? 0) + 1);
  told.set(run, counts);
}

async function kills(count: number): Promise<void> {
  const path = join(folder, "killed.ptlog");
  for (let n = 0; n < count; n++) {
    if (n % 25 === 0) log("killed.ptlog", 3);
    const before = read(path).events;
    const appender = spawn(process.execPath, [...process.execArgv, child, path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    appender.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    const ended = once(appender, "close");
    while (text === "" && appender.exitCode === null) await sleep(1);
    await sleep(random() * 20);
    appender.kill("SIGKILL");
    await ended;
    const acknowledged = Number(text.split("\n").at(-2));
    const found = read(path);
    if (found.end === "refused") throw new Error(`kill ${n}: ${found.what}`);
    if (found.sealed < acknowledged || found.events < before)
      throw new Error(`kill ${n}: event ${acknowledged} is lost`);
    note("kill -9 in an append", found.end === "torn" ? "a torn tail, said and cut" : "whole lines");
  }
}

/** One flipped bit, which must be noticed: refused, or an end that is none. */
function flip(run: string, path: string, bytes: Buffer, at: number, bit: number): void {
  const damaged = Buffer.from(bytes);
  damaged[at] = (damaged[at] ?? 0) ^ bit;
  writeFileSync(path, damaged);
  const found = read(path);
  // What gzip says of itself (a time, an operating system) is none of the log, which was read through unharmed.
  const isHarmless = found.end === "finished" && path.endsWith(".gz");
  if (found.end === "finished" && !isHarmless) throw new Error(`${run}: byte ${at}, bit ${bit}: not noticed`);
  const how = found.end === "refused" ? "refused" : "not finished any more";
  note(run, isHarmless ? "in what gzip says of itself" : how);
}

function flips(run: string, path: string, times: number | "each"): void {
  const bytes = readFileSync(path);
  if (times === "each")
    for (let at = 0; at < bytes.length; at++) for (const bit of [1, 0x80]) flip(run, path, bytes, at, bit);
  else
    for (let n = 0; n < times; n++)
      flip(run, path, bytes, Math.floor(random() * bytes.length), 1 << Math.floor(random() * 8));
  writeFileSync(path, bytes);
}

function cuts(run: string, path: string, lengths: Iterable<number>): void {
  const bytes = readFileSync(path);
  for (const length of lengths) {
    writeFileSync(path, bytes);
    truncateSync(path, length);
    const found = read(path);
    if (found.end === "finished") throw new Error(`${run}: cut at ${length}: not noticed`);
    note(run, found.end);
  }
  writeFileSync(path, bytes);
}

function packed(path: string): string {
  const name = `${path}.gz`;
  granted(packLog(path, name, { overwrite: true }));
  return name;
}

try {
  const [small, large] = [log("small.ptlog", 5), log("large.ptlog", 20_000)];
  const many = quick ? 100 : 10_000;
  const somewhere = function* (path: string): Generator<number> {
    const { length } = readFileSync(path);
    for (let n = 0; n < many / 10; n++) yield Math.floor(random() * length);
  };
  for (const [kind, of] of [
    ["plain", (path: string) => path],
    ["packed", packed],
  ] as const) {
    const [little, big] = [of(small), of(large)];
    flips(`each byte of a small log flipped twice, ${kind}`, little, "each");
    flips(`bits of a log of 20,000 events flipped, ${kind}`, big, many / 2);
    cuts(`a small log cut at each length, ${kind}`, little, readFileSync(little).keys());
    cuts(`a log of 20,000 events cut, ${kind}`, big, somewhere(big));
  }
  await kills(quick ? 10 : 1000);
  for (const [run, counts] of told) {
    const sum = [...counts.values()].reduce((a, b) => a + b, 0);
    console.log(
      `${String(sum).padStart(6)}  ${run}: ${[...counts].map(([what, n]) => `${n} ${what}`).join(", ")}`,
    );
  }
  console.log(`nothing acknowledged was lost, nothing damaged was accepted (--seed ${seed})`);
} catch (error) {
  console.error(`seed ${seed}: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
