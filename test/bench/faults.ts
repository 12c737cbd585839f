import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { platform, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Event,
  encodeEvent,
  initialState,
  type KernelState,
  MAP,
  pid,
  REFERENCE_PROFILE,
  type Request,
  replayEvents,
} from "@pagetrail/core";
import { childNumber } from "./child.ts";
import type { Measure, Row } from "./row.ts";
import { alternate } from "./timing.ts";

const PAGES = 10_000;
const START = 0x7000_0000_0000;
const PARENT = pid(1);
const CHILD = pid(2);
const ROUNDS = 9;

/** The reference machine with every access told, and without huge pages, as the program asks. */
const PROFILE = { ...REFERENCE_PROFILE, pages: { ...REFERENCE_PROFILE.pages, known: true } };

const event = (seq: number, tid: typeof PARENT, request: Request, ret = 0): Event => ({
  seq,
  tid,
  request,
  outcome: { ret },
});

/** A process with one mapping that nothing has touched. */
export function untouched(pages: number): KernelState {
  const mmap = { call: "mmap", addr: START, length: pages * 4096, prot: 3, offset: 0, file: 0 } as const;
  const flags = MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED;
  return replayed(initialState(PROFILE), [
    event(1, PARENT, { call: "adopt", comm: "bench", tgid: PARENT }),
    event(2, PARENT, { ...mmap, flags }, START),
  ]);
}

/** A write to so many of its pages, each so far from the one before. */
export function* writes({ seq }: KernelState, pages: number, stride = 1): Iterable<Event> {
  for (let i = 0; i < pages; i++)
    yield event(seq + 1 + i, PARENT, { call: "access", addr: START + i * stride * 4096, kind: "write" });
}

const forkAndExit = ({ seq }: KernelState): readonly Event[] => [
  event(seq + 1, PARENT, { call: "clone", flags: 17, child: CHILD }, CHILD),
  event(seq + 2, CHILD, { call: "exit_group", code: 0 }),
  event(seq + 3, PARENT, { call: "reap", child: CHILD }, CHILD),
];

export function replayed(from: KernelState, events: Iterable<Event>): KernelState {
  const { state, differs } = replayEvents(from, events);
  if (differs) throw new Error(`event ${differs.event.seq} answers ${JSON.stringify(differs.predicted)}`);
  return state;
}

/** Nanoseconds of the faults and of the fork on the running kernel; undefined where it cannot be asked. */
function live(): readonly [number, number] | undefined {
  if (platform() !== "linux") return undefined;
  const folder = mkdtempSync(join(tmpdir(), "pagetrail-bench-"));
  try {
    const program = join(folder, "live-faults");
    const source = fileURLToPath(new URL("live-faults.c", import.meta.url));
    if (spawnSync("gcc", ["-O1", "-o", program, source]).status !== 0) return undefined;
    const { stdout, status } = spawnSync(program, [String(PAGES)], { encoding: "utf8" });
    const [faults = 0, forks = 0] = stdout.split(" ").map(Number);
    return status === 0 ? [faults, forks] : undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function* faultRows(): Iterable<Row> {
  const empty = untouched(PAGES);
  const touching = [...writes(empty, PAGES)];
  const touched = replayed(empty, touching);
  const forking = forkAndExit(touched);
  const ms = alternate(
    {
      faults: () => () => void replayed(empty, touching),
      forks: () => () => void replayed(touched, forking),
    },
    ROUNDS,
  );
  const kernel = live();
  const note = kernel ? undefined : "the live kernel was skipped: there is no gcc, or this is not Linux";
  const row = (
    name: string,
    value: number,
    unit: string,
    beside: number | undefined,
    atMost: number,
  ): Row => ({
    name,
    value,
    unit,
    ...(beside === undefined
      ? { note: note ?? "" }
      : { baseline: { name: "live kernel", value: beside }, ratio: value / beside, bar: { atMost } }),
  });
  yield row("write-fault", (ms.faults * 1e6) / PAGES, "ns/fault", kernel && kernel[0] / PAGES, 1);
  yield row("fork-exit-10000", ms.forks * 1e3, "us", kernel && kernel[1] / 1e3, 2);
  yield* sizeRows();
}

/** What a fault costs in a log, as kept states, and in an address space of which little is touched. */
function* sizeRows(): Iterable<Row> {
  const empty = untouched(PAGES);
  const text = [...writes(empty, PAGES)].map((e) => JSON.stringify(encodeEvent(e)).length + 1);
  yield {
    name: "fault-log",
    value: text.reduce((a, b) => a + b, 0) / PAGES,
    unit: "bytes/fault",
    note: "as text",
  };
  const bytes = (what: string): number => childNumber("fault-bytes-child.ts", [what], ["--expose-gc"]);
  const entry = 8 + 32;
  const dense = bytes("dense");
  yield {
    name: "fault-memory",
    value: dense,
    unit: "bytes/page",
    baseline: { name: "entry and frame record", value: entry },
    ratio: dense / entry,
    note: "one million pages touched one after the other, in one state",
  };
  const sparse = bytes("sparse");
  yield {
    name: "fault-memory-sparse",
    value: sparse,
    unit: "bytes/page",
    baseline: { name: "a table, its place, a frame record", value: 4096 + 16 + 32 },
    ratio: sparse / (4096 + 16 + 32),
    note: "64 GiB of which every 2 MiB have one page touched",
  };
}

export const FAULTS: Measure = {
  name: "faults",
  about: "first writes to pages, and fork with 10,000 of them, beside the live kernel",
  run: faultRows,
};
