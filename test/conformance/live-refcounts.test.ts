import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { arch, platform, release, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { importRefcounts, type RefcountSummary } from "@pagetrail/import";
import { describe, expect, test } from "vitest";

const PROGRAM = fileURLToPath(new URL("../../packages/import/bpftrace/refcounts.bt", import.meta.url));

/** bpftrace 0.17 finds tracepoints below debugfs, which is mounted for it alone. */
const PRIVATELY = ["--mount", "sh", "-c", 'mount -t debugfs none /sys/kernel/debug && exec "$0" "$@"'];

/** What runs meanwhile: a pipeline, forks, a thread group, vforks, and a reader of /proc. */
const LOAD = `
ls / | sort | uniq | wc -l
for i in 1 2 3 4 5; do (true; /bin/true) & done; wait
perl -e 'for (1..5) { my $pid = fork; exit 0 unless $pid; waitpid $pid, 0; }' 2>/dev/null
cat /proc/self/maps /proc/1/status >/dev/null
ls / | cat
`;

function whyNoCapture(): string | undefined {
  if (platform() !== "linux" || arch() !== "x64") return "this is not Linux on x86-64";
  if (!release().startsWith("6.18.")) return `the model is of Linux 6.18, this is ${release()}`;
  if (spawnSync("bpftrace", ["--version"]).status !== 0) return "there is no bpftrace";
  const probe = "tracepoint:sched:sched_switch { exit(); }";
  const { status } = spawnSync("unshare", [...PRIVATELY, "bpftrace", "-e", probe], { timeout: 60_000 });
  return status === 0 ? undefined : "bpftrace may not trace here: it needs root, debugfs and BTF";
}

const reason = whyNoCapture();

/** Captures while the load runs; a capture in which events were lost is made again. */
function fresh(): RefcountSummary {
  const folder = mkdtempSync(join(tmpdir(), "pagetrail-capture-"));
  try {
    const out = join(folder, "capture.bt.txt");
    const command = `/bin/sh ${join(folder, "load.sh")}`;
    spawnSync("sh", ["-c", `cat > ${join(folder, "load.sh")}`], { input: LOAD });
    for (let attempt = 1; ; attempt++) {
      const { status, stderr } = spawnSync(
        "unshare",
        [...PRIVATELY, "bpftrace", "-o", out, PROGRAM, "-c", command],
        { env: { ...process.env, BPFTRACE_PERF_RB_PAGES: "1024" }, timeout: 90_000 },
      );
      if (status !== 0) throw new Error(`bpftrace: ${stderr}`);
      const text = readFileSync(out, "latin1");
      const summary = importRefcounts(text, { start: () => undefined, event: () => undefined });
      if (summary.lost === 0 || attempt === 3) return summary;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.skipIf(reason !== undefined)(
  `a fresh capture of the running kernel${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    test("has no value at any context switch that model and transients do not explain", () => {
      const { switches, differences, strange, lost, transients } = fresh();
      expect({ strange: strange.count, lost }).toEqual({ strange: 0, lost: 0 });
      expect(differences).toEqual({ count: 0, first: [] });
      expect(switches.total).toBeGreaterThan(100);
      // Others run on this machine, too: their readers of /proc take references without a word.
      expect(switches.equal).toBeGreaterThan(switches.total / 2);
      expect(transients.put + transients["exit/exec"]).toBeLessThan(switches.total / 10);
    });
  },
);
