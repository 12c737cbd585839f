import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  advanceState,
  FirstDigest,
  hashText,
  type KernelState,
  type Pid,
  PROT,
  type Request,
  StateDigest,
} from "@pagetrail/core";
import { sha256 } from "@pagetrail/store";
import { runChild } from "./child.ts";
import { millionLog } from "./million.ts";
import { plainMm } from "./plain-mm.ts";
import type { Measure, Row } from "./row.ts";
import { alternate, median } from "./timing.ts";
import { makeWorkload, PROCESS } from "./workload.ts";

const OPEN_MS = 300;
const FEW = 3000;
const MANY = 100_000;
const MIB = 2 ** 20;

interface Jumps {
  readonly p50: number;
  readonly p99: number;
  readonly back99: number;
  readonly forward: number;
  readonly settled: number;
  readonly after: number;
  readonly estimate: number;
  readonly budget: number;
}

const jumps = (count: number): Jumps =>
  runChild("jump-child.ts", [String(count)], ["--expose-gc", "--max-old-space-size=4096"]) as Jumps;

function* jumpRows(): Iterable<Row> {
  const { p50, p99, back99, forward } = jumps(FEW);
  const baseline = { name: "step forward, p99", value: forward };
  const within = (name: string, value: number, most: number, note: string): Row => ({
    name,
    value,
    unit: "ms",
    baseline,
    ratio: value / most,
    bar: { atMost: 1 },
    note: `${note}; the ratio is to ${most} ms`,
  });
  yield within(
    "million-jump-p50",
    p50,
    2,
    `of ${FEW.toLocaleString("en")} random places, by states of 256 MiB`,
  );
  yield within("million-jump-p99", p99, 15, "the same");
  yield within("million-back-p99", back99, 2, "500 steps back from each of 20 places");
}

function* heapRows(): Iterable<Row> {
  const { settled, after, estimate, budget } = jumps(MANY);
  yield {
    name: "million-jumps-heap",
    value: after / MIB,
    unit: "MiB",
    baseline: { name: "before the jumps", value: settled / MIB },
    ratio: after / budget,
    bar: { atMost: 1 },
    note: `behind ${MANY.toLocaleString("en")} random jumps; the ratio is to the budget, of which ${Math.round(estimate / MIB)} MiB are taken by estimate`,
  };
}

/** The command as it was built, where it was, and otherwise from source, which takes longer to begin. */
function command(): readonly string[] {
  const app = fileURLToPath(new URL("../../apps/replay/", import.meta.url));
  const built = join(app, "dist/main.js");
  return existsSync(built) ? [built] : [...process.execArgv, join(app, "src/main.ts")];
}

function* openRows(): Iterable<Row> {
  const folder = mkdtempSync(join(tmpdir(), "pagetrail-open-"));
  const log = join(folder, "million.ptlog");
  copyFileSync(millionLog(), log);
  const words = command();
  const opened = (): number => {
    const start = performance.now();
    const { status, stderr } = spawnSync(process.execPath, [...words, "maps", log], { encoding: "utf8" });
    if (status !== 0) throw new Error(`maps ended with ${status}: ${stderr}`);
    return performance.now() - start;
  };
  const first = opened();
  const value = median([1, 2, 3, 4, 5].map(opened));
  rmSync(folder, { recursive: true });
  const how = words.length === 1 ? "as built" : "from source, which alone takes half a second to load";
  yield {
    name: "million-open-kept",
    value,
    unit: "ms",
    baseline: { name: "the first time", value: first },
    ratio: value / OPEN_MS,
    bar: { atMost: 1 },
    note: `the whole command pagetrail maps LOG, ${how}; the ratio is to ${OPEN_MS} ms`,
  };
}

const VMAS = 65_000;
const TASKS = 10_000;
const ROUNDS = 20;

const done = (state: KernelState, request: Request): KernelState =>
  advanceState(state, { seq: state.seq + 1, tid: PROCESS, request, outcome: { ret: 0 } }).state;

/** A machine with many tasks, of which each is a process by itself. */
function crowded(): KernelState {
  let { origin: state } = makeWorkload(10, 0);
  for (let n = 1; n < TASKS; n++) {
    const child = (PROCESS + n) as Pid;
    const request = { call: "clone", flags: 17, child } as const;
    state = advanceState(state, { seq: state.seq + 1, tid: PROCESS, request, outcome: { ret: child } }).state;
  }
  return state;
}

function* sealRows(): Iterable<Row> {
  const hash = (text: string): string => hashText(sha256, text);
  for (const [name, origin] of [
    ["seal-65000-vmas", makeWorkload(VMAS, 0).origin],
    ["seal-10000-tasks", crowded()],
  ] as const) {
    const [summed, whole] = [new StateDigest(hash), new FirstDigest(hash)];
    summed.of(origin);
    whole.of(origin);
    let state = origin;
    const [vma] = plainMm(origin, PROCESS).vmas.slice(8);
    const addr = (vma?.start ?? 0) * 4096;
    const changed = (): KernelState => {
      const prot = state.seq % 2 === 0 ? 0 : PROT.READ;
      state = done(state, { call: "mprotect", addr, length: 4096, prot });
      return state;
    };
    const { value, baseline } = alternate(
      {
        value: () => {
          const next = changed();
          return () => summed.of(next);
        },
        baseline: () => {
          const next = changed();
          return () => whole.of(next);
        },
      },
      ROUNDS,
    );
    yield {
      name,
      value,
      unit: "ms",
      baseline: { name: "a digest over all records", value: baseline },
      ratio: value / baseline,
      note: "the digest behind one more event",
    };
  }
}

export const TIMELINE: readonly Measure[] = [
  { name: "million-jump", about: "random moments of a million events, and steps back", run: jumpRows },
  { name: "million-jumps-heap", about: "memory behind 100,000 random jumps", run: heapRows },
  {
    name: "million-open-kept",
    about: "opening a log of a million events for the second time",
    run: openRows,
  },
  { name: "seal", about: "a digest of a large state of which little has changed", run: sealRows },
];
