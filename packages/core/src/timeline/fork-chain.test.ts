import { PAGE_MACHINE } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { isPresent, pfnOf } from "../arch/index.ts";
import { type Journal, type Pid, pid, type Step } from "../base/index.ts";
import {
  advanceState,
  type Event,
  initialState,
  type KernelState,
  type KernelStep,
  mmOf,
  type Profile,
  type Request,
  undoSteps,
} from "../kernel/index.ts";
import { MAP } from "../mm/index.ts";
import { Timeline } from "./timeline.ts";
import "@pagetrail/testing/setup";

const PROCESSES = 20;
/** 100 MB. */
const PAGES = 25_600;
const FIRST = 0x20000;
const PROFILE: Profile = { ...PAGE_MACHINE, pages: { ...PAGE_MACHINE.pages, frames: 2 ** 17 } };
const process = (n: number): Pid => pid(n + 1);

/**
 * What a process's memory should be, in the plainest terms: for each of its pages a number that tells contents
 * apart. Arrays are never changed once they are part of a moment.
 */
type Contents = ReadonlyMap<Pid, Int32Array>;

/** A naive kernel: fork copies the list, a write makes contents of its own wherever anybody else has the same. */
class NaiveMemory {
  contents: Contents = new Map();
  #next = 1;

  fork(parent: Pid, child: Pid): void {
    this.#put(child, this.#of(parent));
  }

  exit(of: Pid): void {
    const left = new Map(this.contents);
    left.delete(of);
    this.contents = left;
  }

  write(by: Pid, from: number, to: number): void {
    const mine = this.#of(by).slice();
    const others = [...this.contents].filter(([other]) => other !== by).map(([, theirs]) => theirs);
    for (let page = from; page < to; page++) {
      const shared = others.some((theirs) => theirs[page] === mine[page]);
      if (mine[page] === 0 || shared) mine[page] = this.#next++;
    }
    this.#put(by, mine);
  }

  map(by: Pid): void {
    this.#put(by, new Int32Array(PAGES));
  }

  #of(who: Pid): Int32Array {
    const found = this.contents.get(who);
    if (!found) throw new Error(`process ${who} has no memory`);
    return found;
  }

  #put(who: Pid, contents: Int32Array): void {
    this.contents = new Map(this.contents).set(who, contents);
  }
}

/** The frames of a process's 100 MB; -1 where no page is. */
function framesOf(state: KernelState, of: Pid): Int32Array {
  const frames = new Int32Array(PAGES).fill(-1);
  const table = mmOf(state, of)?.pages?.table;
  table?.visit(FIRST, FIRST + PAGES, {
    leaf: ({ words }, from, to, page) => {
      for (let i = from; i < to; i++) {
        const [lo = 0, hi = 0] = [words[2 * i], words[2 * i + 1]];
        if (isPresent(lo)) frames[page + (i - from) - FIRST] = pfnOf(lo, hi);
      }
    },
  });
  return frames;
}

/**
 * The first page at which frames and contents tell another story: two pages have one frame exactly if they have
 * one number. Undefined when there is none.
 */
function disagreement(state: KernelState, contents: Contents): string | undefined {
  const frameOf = new Map<number, number>();
  const numberOf = new Map<number, number>();
  for (const [who, numbers] of contents) {
    const frames = framesOf(state, who);
    for (let page = 0; page < PAGES; page++) {
      const [frame = -1, number = 0] = [frames[page], numbers[page]];
      if (frame < 0 !== (number === 0))
        return `process ${who}, page ${page}: there in one and not in the other`;
      if (number === 0) continue;
      if ((frameOf.get(number) ?? frame) !== frame) return `process ${who}, page ${page}: should be shared`;
      if ((numberOf.get(frame) ?? number) !== number)
        return `process ${who}, page ${page}: should not be shared`;
      frameOf.set(number, frame);
      numberOf.set(frame, number);
    }
  }
  return undefined;
}

interface Moment {
  readonly state: KernelState;
  readonly contents: Contents;
  /** What led here from the moment before. */
  readonly steps: readonly KernelStep[];
}

/** A run that keeps every moment, and beside each what the naive memory says of it. */
class Chain {
  readonly naive = new NaiveMemory();
  readonly events: Event[] = [];
  readonly moments: Moment[];

  constructor() {
    this.moments = [{ state: initialState(PROFILE), contents: this.naive.contents, steps: [] }];
    this.ask(process(0), { call: "adopt", comm: "chain", tgid: process(0) });
    this.naive.map(process(0));
    this.ask(process(0), {
      call: "mmap",
      addr: FIRST * 4096,
      length: PAGES * 4096,
      prot: 3,
      flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED,
      offset: 0,
      file: 0,
    });
  }

  get state(): KernelState {
    return (this.moments.at(-1) as Moment).state;
  }

  fork(parent: number, child: number): void {
    this.naive.fork(process(parent), process(child));
    this.ask(process(parent), { call: "clone", flags: 17, child: process(child) });
  }

  write(by: number, from: number, to: number): void {
    this.naive.write(process(by), from, to);
    const [addr, length] = [(FIRST + from) * 4096, (to - from) * 4096];
    this.ask(process(by), { call: "access", addr, kind: "write", length });
  }

  exit(who: number): void {
    this.naive.exit(process(who));
    this.ask(process(who), { call: "exit_group", code: 0 });
  }

  private ask(tid: Pid, request: Request): void {
    const steps: Step[] = [];
    const journal: Journal = { note: (step) => steps.push(step) };
    const seq = this.state.seq + 1;
    const told = { seq, tid, request };
    const { predicted } = advanceState(this.state, { ...told, outcome: { ret: 0 } });
    const { state } = advanceState(this.state, { ...told, outcome: predicted }, journal);
    this.events.push({ ...told, outcome: predicted });
    this.moments.push({ state, contents: this.naive.contents, steps: steps as KernelStep[] });
  }
}

/** Every process forks the next; then both sides write, and one further up the chain. Some exit at the end. */
function chain(): Chain {
  const run = new Chain();
  run.write(0, 0, PAGES);
  for (let n = 1; n < PROCESSES; n++) {
    run.fork(n - 1, n);
    run.write(n, 1000 * n, 1000 * n + 700);
    run.write(n - 1, 1000 * n + 350, 1000 * n + 1050);
    run.write(n >> 1, 500 * n, 500 * n + 40);
  }
  for (const n of [5, 12, 18]) run.exit(n);
  run.write(PROCESSES - 1, 0, PAGES);
  run.write(0, 0, PAGES);
  return run;
}

describe("a fork chain of 20 processes over one mapping of 100 MB, with writes on every side", () => {
  const run = chain();
  const told = ({ state, contents }: Moment) => ({ seq: state.seq, wrong: disagreement(state, contents) });
  const right = (moments: readonly Moment[]) =>
    moments.map(({ state: { seq } }) => ({ seq, wrong: undefined }));

  test("shows the right sharing behind every event", () => {
    expect(run.moments.map(told)).toEqual(right(run.moments));
    expect(run.state).toSatisfyLaws();
  });

  test("shows it again going back through the states that were kept, which later events left alone", () => {
    const back = run.moments.toReversed();
    expect(back.map(told)).toEqual(right(back));
  });

  test("shows it going back by taking steps back, one event after the other", () => {
    let state = run.state;
    const back = run.moments.toReversed();
    const found = back.map(({ contents, steps }, i) => {
      const wrong = disagreement(state, contents);
      const { seq } = state;
      const before = back[i + 1];
      if (before) state = undoSteps(state, steps);
      return { seq, wrong };
    });
    expect(found).toEqual(right(back));
  });

  test("shows it at every ninth moment of a timeline, asked for from the last to the first", () => {
    const timeline = new Timeline(initialState(PROFILE), run.events);
    const ninth = run.moments.filter(({ state: { seq } }) => seq % 9 === 0).toReversed();
    const found = ninth.map(({ state: { seq }, contents }) => ({
      seq,
      wrong: disagreement(timeline.stateAt(seq), contents),
    }));
    expect(found).toEqual(right(ninth));
  });
});
