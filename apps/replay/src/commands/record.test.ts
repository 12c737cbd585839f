import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { platform, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";
import { pagetrail } from "../testing/log-fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "pagetrail-record-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const log = join(folder, "out.ptlog");

describe("record, before anything runs,", () => {
  test.each([
    [["record"], "there is no program to run: name one behind --, or processes with -p PID"],
    [
      ["record", "-o", log, "--", "no-such-program"],
      "there is no such program (no-such-program): check the name",
    ],
    [["record", "-o", log, "--", folder], "this is a directory"],
    [["record", "-o", log, "--", join(folder, "nothing")], "there is no such file"],
    [["record", "-o", log, "-p", "4194305"], "there is no such process (-p 4194305)"],
    [["record", "-o", log, "-p", "1", "--", "ls"], "either a program is run or -p names what runs already"],
    [["record", "-o", log, "-p", "1", "--with", "perf"], "only strace attaches"],
    [
      ["record", "-o", log, "--with", "dtrace", "--", "ls"],
      "It is one of strace, perf, bpftrace, or strace,perf",
    ],
    [["record", "-o", log, "--with", "bpftrace,perf", "--", "ls"], "no other recorder beside it"],
  ])("refuses %j", async (words, why) => {
    const { code, err } = await pagetrail(words);
    expect(code).toBe(2);
    expect(err).toContain(why);
    expect(existsSync(log)).toBe(false);
  });

  test("says how a recorder that is missing is installed", async () => {
    vi.stubEnv("PATH", folder);
    writeFileSync(join(folder, "program"), "", { mode: 0o755 });
    const { code, err } = await pagetrail(["record", "-o", log, "--", "program"]);
    vi.unstubAllEnvs();
    expect(code).toBe(2);
    expect(err).toContain(
      "strace is not here (--with strace): install it, on Debian with apt-get install strace",
    );
  });
});

const tracing =
  platform() === "linux" &&
  spawnSync("strace", ["-o", "/dev/null", "true"], { stdio: "ignore" }).status === 0;

describe.skipIf(!tracing)(
  `record${tracing ? "" : " (skipped: strace is not here, or may not trace)"}`,
  () => {
    test("makes a log, and ends as the program did", async () => {
      const { code, err, out } = await pagetrail(["record", "-o", log, "--", "sh", "-c", "exit 7"]);
      expect(code).toBe(7);
      expect(out).toBe("");
      expect(err).toMatch(/out\.ptlog: \d+ events of 1 process from \d+ lines\npredicted .* right \(100%\)/);
      const info = await pagetrail(["info", log]);
      expect(info.out).toContain('command ["sh","-c","exit 7"]');
    });

    test("ends with 128 and the number of the signal that ended the program", async () => {
      const { code } = await pagetrail(["record", "-o", log, "--", "sh", "-c", "kill -KILL $$"]);
      expect(code).toBe(137);
    });

    test("keeps what strace wrote where it is asked to, and has JSON", async () => {
      const kept = join(folder, "kept");
      const { code, out } = await pagetrail(["record", "-o", log, "--keep", kept, "--json", "--", "true"]);
      expect(code).toBe(0);
      expect(readdirSync(kept)).toEqual(["strace.txt"]);
      expect(JSON.parse(out)).toMatchObject({ schema: 1, log, processes: 1 });
    });

    const main = fileURLToPath(new URL("../main.ts", import.meta.url));
    const source = ["--conditions=pagetrail-source", "--import", "tsx", main];

    test("passes a signal on to the program", async () => {
      const words = [
        "record",
        "-o",
        log,
        "--",
        "sh",
        "-c",
        "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done",
      ];
      const child = spawn(process.execPath, [...source, ...words], { stdio: ["ignore", "pipe", "ignore"] });
      child.stdout?.once("data", () => child.kill("SIGTERM"));
      const status = await new Promise((resolve) => child.once("close", resolve));
      expect(status).toBe(5);
    });

    test("attaches to what runs already, and leaves it running", async () => {
      const program = spawn("sh", ["-c", "while :; do cat /dev/null; done"], { stdio: "ignore" });
      const pid = String(program.pid);
      const child = spawn(process.execPath, [...source, "record", "-o", log, "-p", pid], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      const isTraced = (): boolean =>
        spawnSync("grep", ["-q", "TracerPid:\t[1-9]", `/proc/${pid}/status`]).status === 0;
      while (!isTraced()) await new Promise((resolve) => setTimeout(resolve, 50));
      await new Promise((resolve) => setTimeout(resolve, 500));
      child.kill("SIGTERM");
      const status = await new Promise((resolve) => child.once("close", resolve));
      expect(status).toBe(0);
      expect(program.exitCode).toBe(null);
      program.kill("SIGKILL");
      const { out } = await pagetrail(["maps", log, "--pid", pid]);
      expect(out).toMatch(/\[heap\]\n[\s\S]*\[stack\]\n/);
      expect((await pagetrail(["verify", log])).code).toBe(0);
    });
  },
);
