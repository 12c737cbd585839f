import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { whyNoLiveKernel } from "@pagetrail/conformance";
import {
  bootedCpu,
  type CpuTlbDraft,
  checkOutCpu,
  flushTlbMmRange,
  INIT_MM,
  initContext,
  type MmContextDraft,
  type MmId,
  newContext,
  switchMm,
  type TlbMachine,
} from "@pagetrail/core";
import { describe, expect, test } from "vitest";

const PAGES = [1, 2, 32, 33, 34, 100];
/** A flush that finds another one outstanding does everything, which says nothing of its own pages. */
const ROUNDS = 8;
const INSTANCES = "/sys/kernel/tracing/instances";

/** Why the kernel's TLB flushes cannot be seen here; undefined when they can. */
function whyNoTrace(): string | undefined {
  const why = whyNoLiveKernel();
  if (why) return why;
  try {
    accessSync(INSTANCES, constants.W_OK);
    accessSync("/sys/kernel/tracing/events/tlb/tlb_flush", constants.R_OK);
    return undefined;
  } catch {
    return "tracefs with the event tlb:tlb_flush is not there, or not ours to use";
  }
}

/** What the running kernel says of its flushes while a program protects and unmaps: a buffer of our own hears it. */
function traceOf(pages: readonly number[]): string {
  const folder = mkdtempSync(join(tmpdir(), "pagetrail-tlb-"));
  const instance = join(INSTANCES, `pagetrail-${process.pid}`);
  const source = fileURLToPath(new URL("./tlb-flush.c", import.meta.url));
  const program = join(folder, "tlb-flush");
  mkdirSync(instance);
  try {
    expect(spawnSync("gcc", ["-O1", "-Wall", "-o", program, source]).status).toBe(0);
    writeFileSync(join(instance, "events/tlb/tlb_flush/enable"), "1");
    const args = [join(instance, "trace_marker"), ...pages.map(String)];
    expect(spawnSync(program, args).status).toBe(0);
    writeFileSync(join(instance, "events/tlb/tlb_flush/enable"), "0");
    return readFileSync(join(instance, "trace"), "utf8");
  } finally {
    rmdirSync(instance);
    rmSync(folder, { recursive: true });
  }
}

/** `mprotect 33` → what was flushed between such marks and the next: counts of pages, or all. */
function flushesOf(trace: string): ReadonlyMap<string, readonly string[]> {
  const flushes = new Map<string, string[]>();
  let heard: string[] | undefined;
  let pid = "";
  for (const line of trace.split("\n")) {
    const [, task = "", what = ""] =
      /-(\d+) +\[.*?: (tracing_mark_write: .*|tlb_flush: .*)$/.exec(line) ?? [];
    const [, mark] = /^tracing_mark_write: (\w+ \d+)/.exec(what) ?? [];
    if (mark) {
      pid = task;
      heard = flushes.get(mark) ?? [];
      flushes.set(mark, heard);
    }
    // Reasons 3 and 4: of this address space, here or with an IPI to others.
    const [, pages] = /^tlb_flush: pages:(-?\d+) reason:.*\((?:3|4)\)$/.exec(what) ?? [];
    if (pages && task === pid) heard?.push(pages === "-1" ? "all" : pages);
  }
  return flushes;
}

/** What the model flushes for a request of so many pages, on one CPU that runs the address space. */
function modelFlush(pages: number): string {
  const mm = 2 as MmId;
  const contexts = new Map<MmId, MmContextDraft>([
    [INIT_MM, initContext()],
    [mm, newContext(mm, 2)],
  ]);
  const shape = { entries: 64, ways: 4, replacement: "lru" } as const;
  const cpu: CpuTlbDraft = checkOutCpu(bootedCpu(0, shape, initContext()));
  const context = (id: MmId): MmContextDraft => {
    const found = contexts.get(id);
    if (!found) throw new Error(`mm ${id}`);
    return found;
  };
  const machine: TlbMachine = {
    pcid: true,
    cpus: () => [0],
    peekCpu: () => cpu,
    cpu: () => cpu,
    peekContext: context,
    context,
  };
  switchMm(machine, 0, mm);
  flushTlbMmRange(machine, 0, { mm, start: 100, end: 100 + pages });
  return cpu.counts.pageFlushes > 0 ? String(cpu.counts.pageFlushes) : "all";
}

const reason = whyNoTrace();

describe.skipIf(reason !== undefined)(
  `TLB flushes of the running kernel${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    const flushes: ReadonlyMap<string, readonly string[]> =
      reason === undefined ? flushesOf(traceOf(Array<typeof PAGES>(ROUNDS).fill(PAGES).flat())) : new Map();

    test.each(PAGES)("mprotect and munmap of %i touched pages flush what the model flushes", (pages) => {
      const own = modelFlush(pages);
      for (const what of [`mprotect ${pages}`, `munmap ${pages}`]) {
        expect(flushes.get(what)).toContain(own);
        expect(flushes.get(what)?.filter((flushed) => flushed !== "all" && flushed !== own)).toEqual([]);
      }
    });
  },
);
