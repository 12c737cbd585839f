import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { BUNDLED } from "./bundled.ts";
import { demoLog } from "./testing/log-fixture.ts";

const main = fileURLToPath(new URL("./main.ts", import.meta.url));
const SOURCE = ["--conditions=pagetrail-source", "--import", import.meta.resolve("tsx"), main];

/** Starts pagetrail as a process of its own, from source. */
function start(args: readonly string[], cwd?: string): ChildProcess {
  return spawn(process.execPath, [...SOURCE, ...args], { cwd, stdio: ["pipe", "pipe", "pipe"] });
}

async function finished(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  let [out, err] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const [code] = await once(child, "close");
  return { code, out, err };
}

describe("the program", () => {
  test("prints what it is asked for and exits with its code", async () => {
    const { code, out } = await finished(start(["diff", demoLog(), "3", "4"]));
    expect(code).toBe(1);
    expect(out).toMatch(/^\+ 7ffff7ff8000-7ffff7ffb000 r-xp /);
  });

  test("reads a log from standard input", async () => {
    const child = start(["replay", "-"]);
    child.stdin?.end(readFileSync(demoLog()));
    expect(await finished(child)).toMatchObject({
      code: 0,
      out: expect.stringContaining("12 events of standard input"),
    });
  });

  test("imports from standard input, and names a log by its recording in the folder where it is run", async () => {
    const folder = testFolder();
    const piped = start(["import", "strace", "-", "-o", join(folder, "piped.ptlog")]);
    piped.stdin?.end(readFileSync(BUNDLED.trace));
    expect(await finished(piped)).toMatchObject({ code: 0, err: "" });
    const { out } = await finished(start(["import", "strace", BUNDLED.trace], folder));
    expect(out).toMatch(/^bash-pipeline\.strace\.ptlog: /);
  });

  test("is quiet when its reader goes away", async () => {
    const child = start(["replay", demoLog(), "--emit", "maps", "--jsonl"]);
    child.stdout?.destroy();
    expect(await finished(child)).toEqual({ code: 0, out: "", err: "" });
  });

  test("ends with 130 on Ctrl-C", async () => {
    const folder = testFolder();
    const trace = join(folder, "endless.txt");
    writeFileSync(trace, "7 madvise(0x1000, 4096, MADV_NORMAL) = 0\n".repeat(200_000));
    const child = start(["import", "strace", trace, "-o", join(folder, "t.ptlog")]);
    const ended = finished(child);
    // The log's first bytes show that the import has begun.
    while (readdirSync(folder).length === 1) await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill("SIGINT");
    expect(await ended).toEqual({ code: 130, out: "", err: "" });
    expect(readdirSync(folder)).toEqual(["endless.txt"]);
  });
});
