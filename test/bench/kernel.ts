import {
  CHILDREN,
  type Child,
  LiveKernel,
  ModelRun,
  type Operation,
  Random,
  whyNoLiveKernel,
} from "@pagetrail/conformance";
import {
  type Event,
  execute,
  MADV,
  MAP,
  type MmStruct,
  mmOf,
  PAGE_SIZE,
  PROT,
  type Request,
  replayEvents,
  Transaction,
} from "@pagetrail/core";
import type { Measure, Row } from "./row.ts";
import { time } from "./timing.ts";

/** The last is close to vm.max_map_count. */
const COUNTS = [10, 1_000, 30_000, 65_000] as const;
const CALLS = 20_000;
const ROUNDS = 7;
/** The program's call that is timed may be this long. */
const BATCH = 2 ** 17;

const ANONYMOUS = MAP.PRIVATE | MAP.ANONYMOUS;
const PROTS = [PROT.READ | PROT.WRITE, PROT.READ | PROT.WRITE, PROT.READ, 0, PROT.READ | PROT.EXEC] as const;
const ADVICE = [MADV.DONTNEED, MADV.FREE, MADV.DONTDUMP, MADV.DODUMP, MADV.NOHUGEPAGE] as const;

const mmap = (addr: number, length: number, prot: number, flags: number): Request => ({
  call: "mmap",
  addr,
  length,
  prot,
  flags,
  offset: 0,
  file: 0,
});

/** Mappings that do not merge, placed by the kernel one below the other. */
const setup = (vmas: number): readonly Request[] =>
  Array.from({ length: vmas }, (_, i) => mmap(0, (4 + (i % 5)) * PAGE_SIZE, i % 2 === 0 ? 1 : 3, ANONYMOUS));

/**
 * Calls on what `setup` made: of a hundred 28 are mmap, 20 munmap, 32 mprotect, 5 mremap, 5 brk and 10 madvise.
 * Nothing is touched, so that neither side has pages to look after.
 */
class Calls {
  readonly #random: Random;
  readonly #wanted: number;

  /** Where the program's own mappings begin, above what the calls are about. */
  readonly #top: number;

  constructor(vmas: number, top: number) {
    this.#random = new Random(vmas);
    this.#wanted = vmas;
    this.#top = top;
  }

  next(mm: MmStruct): Request {
    const random = this.#random;
    const kind = random.below(100);
    if (kind < 5) return { call: "brk", addr: mm.startBrk + random.below(64) * PAGE_SIZE };
    const { start, end } = this.#range(mm);
    const [addr, length] = [start * PAGE_SIZE, (end - start) * PAGE_SIZE];
    if (kind < 25) return mmap(0, (1 + random.below(64)) * PAGE_SIZE, random.pick(PROTS), ANONYMOUS);
    if (kind < 33) return mmap(addr, length, random.pick(PROTS), ANONYMOUS | MAP.FIXED);
    if (kind < 53) return { call: "munmap", addr, length };
    if (kind < 85) return { call: "mprotect", addr, length, prot: random.pick(PROTS) };
    if (kind < 90)
      return { call: "mremap", addr, oldLength: length, newLength: length + PAGE_SIZE, flags: 1, newAddr: 0 };
    return { call: "madvise", addr, length, advice: random.pick(ADVICE) };
  }

  /** A mapping or a part of one, below the vdso; three where there are more than there should be. */
  #range(mm: MmStruct): { readonly start: number; readonly end: number } {
    const random = this.#random;
    const top = this.#top;
    const lowest = mm.vmas.findFrom(2 ** 34)?.start ?? top;
    const span = Math.max(1, top - lowest);
    const vma = mm.vmas.findFrom(lowest + random.below(Math.min(span, 2 ** 31 - 1)));
    if (!vma || vma.end > top) return { start: lowest, end: lowest + 1 };
    if (mm.vmas.size > this.#wanted) return { start: vma.start, end: this.#endOfThird(mm, vma.end, top) };
    if (random.chance(0.6)) return vma;
    const length = 1 + random.below(vma.end - vma.start);
    const from = vma.start + random.below(vma.end - vma.start - length + 1);
    return { start: from, end: from + length };
  }

  #endOfThird(mm: MmStruct, end: number, top: number): number {
    const second = mm.vmas.findFrom(end);
    const third = second && mm.vmas.findFrom(second.end);
    return Math.min(top, third?.end ?? end);
  }
}

/** Calls that model and kernel are to do: first what is made, then what is timed. */
export interface CallMix {
  readonly made: readonly Request[];
  readonly count: number;
  /** The call of index `i`, on what is mapped then. */
  next(mm: MmStruct, i: number): Request;
}

/** The model where the kernel's process stands, and the events that both are to do. */
function prepare(
  live: LiveKernel,
  child: Child,
  mixAbove: (top: number) => CallMix,
): { model: ModelRun; made: readonly Operation[]; events: readonly Event[] } {
  const [start] = live.execute([[]], child);
  if (!start) throw new Error("the program told nothing");
  const top = start.moments[0]?.vmas.find((v) => v.name === "[vvar]")?.start ?? 0;
  const mix = mixAbove(top / PAGE_SIZE);
  const model = new ModelRun(live, start, child);
  const made = mix.made.map((request) => ({ request }));
  model.step({ batch: made });
  const tx = new Transaction(model.state);
  const mm = tx.peekTask(model.tid)?.mm;
  const events = Array.from({ length: mix.count }, (_, i): Event => {
    const request = mix.next(tx.mm(mm as NonNullable<typeof mm>), i);
    const outcome = execute(tx, { tid: model.tid, request, outcome: { ret: 0 } });
    return { seq: model.state.seq + 1 + i, tid: model.tid, request, outcome };
  });
  return { model, made, events };
}

/** Nanoseconds that the kernel takes for all of it, and whether it ends where the model does. */
function kernelTime(
  live: LiveKernel,
  child: Child,
  made: readonly Operation[],
  events: readonly Event[],
): { ns: number; ranges: string } {
  const [run] = live.execute(
    [[{ batch: made }, { batch: events.map(({ request }) => ({ request })) }]],
    child,
  );
  const last = run?.moments.at(-1);
  if (!last) throw new Error("the program told nothing");
  return { ns: Number(last.result), ranges: rangesOf(last.vmas) };
}

const rangesOf = (vmas: Iterable<{ readonly start: number; readonly end: number }>): string =>
  [...vmas].map(({ start, end }) => `${start}-${end}`).join(" ");

/**
 * Nanoseconds a call, of the model's bulk replay and of the kernel.
 *
 * @param mixAbove the calls, by the page at which the program's own mappings begin
 */
export function besideKernel(
  live: LiveKernel,
  mixAbove: (top: number) => CallMix,
): { readonly ours: number; readonly kernel: number } {
  const [child] = CHILDREN;
  if (!child) throw new Error("nothing to measure");
  const { model, made, events } = prepare(live, child, mixAbove);
  if (made.length > BATCH || events.length > BATCH) throw new Error("more calls than the program times");
  const replayed = replayEvents(model.state, events);
  const mm = mmOf(replayed.state, model.tid);
  const expected = rangesOf(
    (mm?.vmas.toArray() ?? []).map((v) => ({ start: v.start * PAGE_SIZE, end: v.end * PAGE_SIZE })),
  );
  let kernel = Number.POSITIVE_INFINITY;
  let ours = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const { ns, ranges } = kernelTime(live, child, made, events);
    if (ranges !== expected) throw new Error("model and kernel end with different mappings");
    kernel = Math.min(kernel, ns);
    ours = Math.min(ours, time(() => () => replayEvents(model.state, events), 1) * 1e6);
  }
  return { ours: ours / events.length, kernel: kernel / events.length };
}

function kernelRow(live: LiveKernel, vmas: number): Row {
  const { ours, kernel } = besideKernel(live, (top) => {
    const calls = new Calls(vmas, top);
    return { made: setup(vmas), count: CALLS, next: (mm) => calls.next(mm) };
  });
  return {
    name: `kernel-${vmas}`,
    value: ours,
    unit: "ns/call",
    baseline: { name: "live kernel", value: kernel },
    ratio: ours / kernel,
    bar: { atMost: 1.5 },
  };
}

function* kernelRows(): Iterable<Row> {
  const reason = whyNoLiveKernel();
  if (reason !== undefined) {
    yield { name: "kernel", value: 0, unit: "ns/call", note: `not measured: ${reason}` };
    return;
  }
  const live = new LiveKernel();
  try {
    for (const vmas of COUNTS) yield kernelRow(live, vmas);
  } finally {
    live.close();
  }
}

export const KERNEL: Measure = {
  name: "kernel",
  about: "bulk replay of mixed calls at 10 to 65,000 VMAs, beside the live kernel's time for the same calls",
  run: kernelRows,
};
