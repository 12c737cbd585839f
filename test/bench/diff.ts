import {
  applySteps,
  BlameIndex,
  BlameReplay,
  blameAt,
  blameSpace,
  diffMaps,
  diffStates,
  type Event,
  encodeHistories,
  initialState,
  type KernelState,
  type MmStruct,
  replayEvents,
  type Vma,
} from "@pagetrail/core";
import { MILLION, Million } from "./million.ts";
import type { Measure, Row } from "./row.ts";
import { alternate, median } from "./timing.ts";
import { makeWorkload, PROCESS } from "./workload.ts";

const VMAS = 30_000;
const EVENTS = 3_000;
const ROUNDS = 9;

/** What a reader without shared structure does: every VMA of both sides, by address. */
function naiveDiff(before: MmStruct, after: MmStruct): number {
  const others = new Map<number, Vma>();
  for (const vma of after.vmas.items()) others.set(vma.start, vma);
  let changes = 0;
  for (const vma of before.vmas.items()) {
    const twin = others.get(vma.start);
    others.delete(vma.start);
    if (twin?.end !== vma.end || twin.flags !== vma.flags) changes++;
  }
  return changes + others.size;
}

/** Calls that are timed together, because one alone is over too soon. */
const REPEAT = 20;

function run(a: KernelState, b: KernelState, before: MmStruct, after: MmStruct): void {
  if (diffStates(a, b).length === 0 || diffMaps(before.vmas, after.vmas).length === 0)
    throw new Error("same");
}

const onlyMm = (state: KernelState): MmStruct => {
  const [mm] = state.mms.values();
  if (!mm) throw new Error("there is no address space");
  return mm;
};

/** Neighbours are one event apart; the ends are all of them apart, or from nothing mapped to everything. */
function* diffRows(): Iterable<Row> {
  const { preparation, origin, events } = makeWorkload(VMAS, EVENTS);
  const adopted = replayEvents(initialState(origin.profile), preparation.slice(0, 1)).state;
  const last = replayEvents(origin, events.slice(0, -1)).state;
  // The last of the events that change a mapping: one that a refusal or a repeated call leaves alone says nothing.
  const next = changedNext(last, events.slice(-1));
  for (const [name, a, b, bar] of [
    ["diff-neighbours", last, next, 0.2],
    ["diff-ends", origin, last, 50],
    ["diff-from-nothing", adopted, last, 50],
  ] as const) {
    const [before, after] = [onlyMm(a), onlyMm(b)];
    const { diff, naive } = alternate(
      {
        diff: () => () => {
          for (let i = 0; i < REPEAT; i++) run(a, b, before, after);
        },
        naive: () => () => naiveDiff(before, after),
      },
      ROUNDS,
    );
    const value = diff / REPEAT;
    if (diffStates(applySteps(a, diffStates(a, b)), b).length > 0)
      throw new Error("the diff does not lead there");
    yield {
      name,
      value,
      unit: "ms",
      baseline: { name: "all VMAs of both, by address", value: naive },
      ratio: value / bar,
      bar: { atMost: 1 },
      note: `the ratio is of the value to ${bar} ms; steps of the state and changes of the maps, ${VMAS.toLocaleString("en")} VMAs`,
    };
  }
}

/** Behind the next event; where that changed no mapping, behind an munmap of the middle VMA's first page. */
function changedNext(last: KernelState, events: readonly Event[]): KernelState {
  const { state } = replayEvents(last, events);
  if (diffMaps(onlyMm(last).vmas, onlyMm(state).vmas).length > 0) return state;
  const vmas = onlyMm(last).vmas.toArray();
  const { start } = vmas[Math.floor(vmas.length / 2)] as Vma;
  const request = { call: "munmap", addr: start * 4096, length: 4096 } as const;
  return replayEvents(last, [{ seq: last.seq + 1, tid: PROCESS, request, outcome: { ret: 0 } }]).state;
}

const POSITIONS = 25;

function* blameRows(): Iterable<Row> {
  const million = new Million();
  const replay = new BlameReplay(initialState(million.profile));
  let began = performance.now();
  const moments: KernelState[] = [];
  const tail: Event[] = [];
  for (const event of million.events()) {
    if (replay.take(event)) throw new Error(`event ${event.seq} replays otherwise`);
    tail.push(event);
  }
  const folded = performance.now() - began;
  let state = initialState(million.profile);
  began = performance.now();
  for (let k = 1; k <= POSITIONS; k++) {
    const to = Math.floor((MILLION * k) / POSITIONS);
    state = replayEvents(state, tail.slice(state.seq, to)).state;
    moments.push(state);
  }
  const replayed = performance.now() - began;
  const blocks = encodeHistories(replay.fold.spaces());
  const bytes = blocks.reduce((sum, block) => sum + block.length, 0);
  yield {
    name: "blame-index-rate",
    value: (MILLION / folded) * 1000,
    unit: "events/s",
    baseline: { name: "bulk replay without it", value: (MILLION / replayed) * 1000 },
    ratio: folded / replayed,
    note: `following every mapping of a million events; the index has ${(bytes / MILLION).toFixed(1)} bytes an event`,
  };
  yield* blameTimes(moments, blocks, replayed);
}

/**
 * Asks of the largest address space of each moment, with an index that has just been opened, so that reading it counts.
 */
function* blameTimes(
  moments: readonly KernelState[],
  blocks: readonly Uint8Array[],
  replayed: number,
): Iterable<Row> {
  const [one, whole]: [number[], number[]] = [[], []];
  for (const state of moments) {
    const [mm] = [...state.mms.values()].sort((a, b) => b.vmas.size - a.vmas.size);
    const vmas = mm?.vmas.toArray() ?? [];
    const vma = vmas[Math.floor(vmas.length / 2)];
    if (!mm || !vma) continue;
    const timed = (times: number[], work: (index: BlameIndex) => void): void => {
      const start = performance.now();
      work(BlameIndex.open((block) => blocks[block]) as BlameIndex);
      times.push(performance.now() - start);
    };
    timed(one, (index) => void blameAt(index, mm.id, state.seq, vma, vma.start));
    timed(whole, (index) => void blameSpace(index, mm.id, state.seq, vmas));
  }
  for (const [name, times, bar] of [
    ["blame-address", one, 10],
    ["blame-space", whole, 300],
  ] as const) {
    const value = Math.max(...times);
    yield {
      name,
      value,
      unit: "ms",
      baseline: { name: "replay of the log", value: replayed },
      ratio: value / bar,
      bar: { atMost: 1 },
      note: `the worst of the largest address spaces at ${times.length} moments of a million events, the index opened anew; the median ${median(times).toFixed(3)} ms; the ratio is to ${bar} ms`,
    };
  }
}

export const DIFF: readonly Measure[] = [
  {
    name: "diff",
    about: "the diff of neighbouring moments, and of both ends, at 30,000 VMAs",
    run: diffRows,
  },
  { name: "blame", about: "blame of one address and of a whole space, in a million events", run: blameRows },
];
