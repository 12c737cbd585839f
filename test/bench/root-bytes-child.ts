import { advanceState, type Event, type KernelState, PROT } from "@pagetrail/core";
import { plainMm } from "./plain-mm.ts";
import { makeWorkload, PROCESS } from "./workload.ts";

const VMAS = 1000;
const STATES = 1000;

const { origin } = makeWorkload(VMAS, 0);
const vmas = plainMm(origin, PROCESS).vmas;

/** Takes all access from one VMA after the other, of those that do not become one with a neighbour. */
const change = (n: number): Event => {
  const vma = vmas[10 + 2 * (n % 400)];
  if (!vma) throw new Error("there are too few VMAs");
  const prot = n < 400 || n >= 800 ? 0 : PROT.READ;
  const addr = vma.start * 4096;
  const length = (vma.end - vma.start) * 4096;
  const request = { call: "mprotect", addr, length, prot } as const;
  return { seq: origin.seq + 1 + n, tid: PROCESS, request, outcome: { ret: 0 } };
};

function* states(): Iterable<KernelState> {
  let state = origin;
  for (let n = 0; n < STATES; n++) {
    state = advanceState(state, change(n)).state;
    yield state;
  }
}

function* copies(): Iterable<unknown> {
  for (let n = 0; n < STATES; n++) yield plainMm(origin, PROCESS);
}

const used = (): number => {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

const kept: unknown[] = new Array<unknown>(STATES).fill(undefined);
const make = process.argv[2] === "copies" ? copies : states;
// What compiling and the like take is taken before.
for (const state of make()) kept[0] = state;
kept[0] = undefined;
const before = used();
let n = 0;
for (const state of make()) kept[n++] = state;
console.log((used() - before) / kept.length);
