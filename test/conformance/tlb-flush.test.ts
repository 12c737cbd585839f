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
  execute,
  initialState,
  type KernelState,
  MADV,
  MAP,
  MREMAP,
  PAGE_SIZE,
  type Pid,
  REFERENCE_PROFILE,
  type Request,
  Transaction,
} from "@pagetrail/core";
import { describe, expect, test } from "vitest";

/** Around what is flushed page by page, and around what is laid aside before it is flushed. */
const PAGES = [1, 2, 32, 33, 34, 100, 9678, 9700];
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

/** What the running kernel says of its flushes while a program changes memory: a buffer of our own hears it. */
function traceOf(pages: readonly number[]): string {
  const folder = mkdtempSync(join(tmpdir(), "pagetrail-tlb-"));
  const instance = join(INSTANCES, `pagetrail-${process.pid}`);
  const source = fileURLToPath(new URL("./tlb-flush.c", import.meta.url));
  const program = join(folder, "tlb-flush");
  mkdirSync(instance);
  try {
    writeFileSync(join(instance, "buffer_size_kb"), "4096");
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

/** Flushes of one step: of everything, and how many pages one by one. */
interface Flushes {
  full: number;
  pages: number;
}

const textOf = ({ full, pages }: Flushes): string => `${full} full, ${pages} pages`;

/** `mprotect 33` → what was flushed between such marks and the next, round by round. */
function flushesOf(trace: string): ReadonlyMap<string, readonly string[]> {
  const rounds = new Map<string, Flushes[]>();
  let heard: Flushes | undefined;
  let pid = "";
  for (const line of trace.split("\n")) {
    const [, task = "", what = ""] =
      /-(\d+) +\[.*?: (tracing_mark_write: .*|tlb_flush: .*)$/.exec(line) ?? [];
    const [, mark] = /^tracing_mark_write: ([\w-]+ \d+)/.exec(what) ?? [];
    if (mark) {
      pid = task;
      heard = { full: 0, pages: 0 };
      rounds.set(mark, [...(rounds.get(mark) ?? []), heard]);
    }
    // Reasons 3 and 4: of this address space, here or with an IPI to others.
    const [, pages] = /^tlb_flush: pages:(-?\d+) reason:.*\((?:3|4)\)$/.exec(what) ?? [];
    if (!pages || !heard || task !== pid) continue;
    if (pages === "-1") heard.full += 1;
    else heard.pages += Number(pages);
  }
  return new Map([...rounds].map(([mark, list]) => [mark, list.map(textOf)]));
}

const ME = 100 as Pid;
const PLACE = 0x200000000 + 100 * PAGE_SIZE;
const OTHER = 0x300000000 + 100 * PAGE_SIZE;

/** The same program in the model, on one of two CPUs. */
class ModelRun {
  readonly flushes = new Map<string, string>();
  #state: KernelState;

  constructor() {
    this.#state = initialState({
      ...REFERENCE_PROFILE,
      pages: { ...REFERENCE_PROFILE.pages, known: true, frames: 2 ** 16 },
      scheduling: { cpus: 2, lazyTlb: "refcount" },
      tlb: { entries: 64, ways: 4, replacement: "lru", seed: 0, pcid: true },
    });
    this.#ask({ call: "adopt", comm: "tlb-flush", tgid: ME });
    this.#ask({ call: "switch", cpu: 0, next: ME, state: "R" }, 0);
  }

  #ask(request: Request, tid = ME as number): void {
    const tx = new Transaction(this.#state);
    const outcome = execute(tx, { tid: tid as Pid, request, outcome: { ret: 0 } });
    if (!("ret" in outcome)) throw new Error(`${request.call}: ${JSON.stringify(outcome)}`);
    this.#state = tx.commit(this.#state.seq + 1);
  }

  #measured(mark: string, request: Request): void {
    const before = this.#counts;
    this.#ask(request);
    const { full, pages } = this.#counts;
    this.flushes.set(mark, textOf({ full: full - before.full, pages: pages - before.pages }));
  }

  get #counts(): Flushes {
    const counts = this.#state.tlb?.cpus.get(0)?.counts;
    return { full: counts?.fullFlushes ?? 0, pages: counts?.pageFlushes ?? 0 };
  }

  #touch(length: number): void {
    this.#ask({ call: "access", addr: PLACE, kind: "write", length });
  }

  #map(length: number): void {
    const flags = MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED;
    this.#ask({ call: "mmap", addr: PLACE, length, prot: 3, flags, offset: 0, file: 0 });
    this.#touch(length);
  }

  run(pages: number): void {
    const length = pages * PAGE_SIZE;
    this.#map(length + PAGE_SIZE);
    this.#measured(`mprotect ${pages}`, { call: "mprotect", addr: PLACE, length, prot: 1 });
    this.#measured(`munmap ${pages}`, { call: "munmap", addr: PLACE, length });
    this.#map(length);
    this.#measured(`unmap-all ${pages}`, { call: "munmap", addr: PLACE, length: length + PAGE_SIZE });
    this.#map(length);
    this.#measured(`dontneed ${pages}`, { call: "madvise", addr: PLACE, length, advice: MADV.DONTNEED });
    this.#touch(length);
    this.#measured(`free ${pages}`, { call: "madvise", addr: PLACE, length, advice: MADV.FREE });
    this.#touch(length);
    const child = 200 as Pid;
    this.#ask({ call: "clone", flags: 17, child });
    this.#measured(`copy ${pages}`, { call: "access", addr: PLACE, kind: "write" });
    this.#ask({ call: "kill", signal: "SIGKILL" }, child);
    this.#ask({ call: "reap", child });
    this.#touch(length);
    const flags = MREMAP.MAYMOVE | MREMAP.FIXED;
    const move = { addr: PLACE, oldLength: length, newLength: length, flags, newAddr: OTHER };
    this.#measured(`mremap ${pages}`, { call: "mremap", ...move });
    this.#ask({ call: "munmap", addr: OTHER, length });
  }
}

const reason = whyNoTrace();

describe.skipIf(reason !== undefined)(
  `TLB flushes of the running kernel${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    const flushes: ReadonlyMap<string, readonly string[]> =
      reason === undefined ? flushesOf(traceOf(Array<typeof PAGES>(ROUNDS).fill(PAGES).flat())) : new Map();
    const model = new ModelRun();
    if (reason === undefined) for (const pages of PAGES) model.run(pages);

    test.each(PAGES)("of %i touched pages are those of the model, whatever becomes of them", (pages) => {
      const steps = [...model.flushes].filter(([mark]) => mark.endsWith(` ${pages}`));
      expect(steps).toHaveLength(7);
      for (const [mark, own] of steps) expect(flushes.get(mark), mark).toContain(own);
    });
  },
);
