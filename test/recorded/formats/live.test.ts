import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mmOf, type Pid, type RssSizes, rssSizes } from "@pagetrail/core";
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
    const build = (name = "touch-pages"): void => {
      const source = join(import.meta.dirname, `${name}.c`);
      execFileSync("gcc", ["-O1", "-Wl,-z,now", "-o", join(folder, name), source]);
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

    test("its private and shared pages and its page tables at its end are those that the kernel counts", () => {
      build("resident-pages");
      const recorded = perf(
        "record",
        "-o",
        "pages.data",
        "-m",
        "1024",
        "-c",
        "1",
        "-d",
        "-e",
        EVENTS,
        "./resident-pages",
      );
      expect(recorded).toMatchObject({ ok: true });
      const text = perf("script", "-i", "pages.data", "--show-mmap-events", "--show-task-events").out;
      const counts: (RssSizes | undefined)[] = [];
      let first: Pid | undefined;
      const { summary } = importPerf(text, {
        system: MACHINE,
        watch: (state) => {
          first ??= [...state.tasks.keys()][0];
          const mm = first && mmOf(state, first);
          if (mm) counts.push(rssSizes(mm));
        },
      });
      const last = counts.at(-1);
      const kernel = (name: string): number =>
        Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(recorded.out)?.[1]) / 4;
      expect(last).toMatchObject({
        RssAnon: kernel("RssAnon"),
        RssShmem: kernel("RssShmem"),
        VmPTE: kernel("VmPTE"),
      });
      const { faults = 0, predicted = 0, unrecorded } = summary.pages ?? {};
      expect(unrecorded).toBe(0);
      // Which pages of libc are cached is the machine's business, and costs a fault here and there.
      expect(faults - predicted).toBeLessThan(faults / 50);
    });
  },
);
