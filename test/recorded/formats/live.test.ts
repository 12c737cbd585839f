import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { sysrootFiles } from "../system-files.ts";
import { importBoth, importPerf } from "./recordings.ts";
import { TOUCHES, touchesIn } from "./touch-pages.ts";

const folder = mkdtempSync(join(tmpdir(), "pagetrail-perf-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MACHINE = sysrootFiles("/");
const EVENTS = "exceptions:*,raw_syscalls:*,task:task_newtask,sched:sched_process_exec";

function perf(...args: readonly string[]): {
  readonly ok: boolean;
  readonly out: string;
  readonly err: string;
} {
  const { status, stdout, stderr } = spawnSync("perf", args, { cwd: folder, maxBuffer: 2 ** 28 });
  return { ok: status === 0, out: String(stdout), err: String(stderr) };
}

/** Why no recording can be made here; undefined when one can. */
function whyNot(): string | undefined {
  const has = (tool: string, ...args: readonly string[]): boolean =>
    spawnSync(tool, args, { stdio: "ignore" }).error === undefined;
  if (process.platform !== "linux" || process.arch !== "x64") return "no Linux on x86-64";
  for (const [tool, option] of [
    ["gcc", "--version"],
    ["strace", "-V"],
    ["perf", "--version"],
  ] as const)
    if (!has(tool, option)) return `no ${tool}`;
  const tried = perf("record", "-o", "tried.data", "-c", "1", "-e", EVENTS, "strace", "-o", "tried", "true");
  return tried.ok ? undefined : `perf may not trace here: ${tried.err.trim().split("\n")[0]}`;
}

const reason = whyNot();

describe.skipIf(reason !== undefined)(
  `a program recorded now${reason === undefined ? "" : ` (skipped: ${reason})`}`,
  () => {
    const build = (): void => {
      const source = join(import.meta.dirname, "touch-pages.c");
      execFileSync("gcc", ["-O1", "-o", join(folder, "touch-pages"), source]);
    };

    test("by strace and perf at once: the log's accesses are its pages in their order", () => {
      build();
      const command = ["strace", "-f", "-ttt", "-o", "trace.txt", "./touch-pages"];
      expect(perf("record", "-o", "both.data", "-c", "1", "-e", EVENTS, ...command)).toMatchObject({
        ok: true,
      });
      const text = perf("script", "-i", "both.data", "--show-mmap-events", "--show-task-events").out;
      const trace = readFileSync(join(folder, "trace.txt"), "latin1");
      const { events, summary } = importBoth(trace, text, { system: MACHINE });
      expect(touchesIn(events)).toEqual(TOUCHES);
      expect(summary.predicted).toBe(summary.decided);
    });

    test("by perf alone: the same, and maps show stack and files as they were", () => {
      build();
      expect(
        perf("record", "-o", "alone.data", "-c", "1", "-d", "-e", EVENTS, "./touch-pages"),
      ).toMatchObject({
        ok: true,
      });
      const text = perf("script", "-i", "alone.data", "--show-mmap-events", "--show-task-events").out;
      const { events, summary } = importPerf(text, { system: MACHINE });
      expect(touchesIn(events)).toEqual(TOUCHES);
      expect(summary.unreadable.count).toBe(0);
      const [exec] = events.filter(({ request }) => request.call === "execve" && request.load !== undefined);
      expect(exec?.assumed ?? []).not.toContain("stackTop");
    });
  },
);
