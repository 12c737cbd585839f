import { CHECKPOINT_BYTES, initialState, Timeline } from "@pagetrail/core";
import { Million } from "./million.ts";

const JUMPS = Number(process.argv[2]);
const STEPS_BACK = 500;
const PLACES = 20;

const million = new Million();
const events = [...million.events()];

const used = (): number => {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};
const before = used();
const timeline = new Timeline(initialState(million.profile), events);
timeline.stateAt(timeline.last);

let seed = 20_260_101;
/** A place of the log: the same in every run. */
function place(): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return 1 + Math.floor((seed / 2 ** 32) * (timeline.last - STEPS_BACK - 1)) + STEPS_BACK;
}

function timed(seq: number): number {
  const start = performance.now();
  timeline.stateAt(seq);
  return performance.now() - start;
}

const settled = used() - before;
const jumps = Array.from({ length: JUMPS }, () => timed(place()));
const after = used() - before;
const back: number[] = [];
for (let n = 0; n < PLACES; n++) {
  let at = place();
  timeline.stateAt(at);
  for (let step = 0; step < STEPS_BACK; step++) back.push(timed(--at));
}
const quantile = (times: readonly number[], q: number): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * q)] ?? Number.NaN;
console.log(
  JSON.stringify({
    p50: quantile(jumps, 0.5),
    p99: quantile(jumps, 0.99),
    back99: quantile(back, 0.99),
    forward: quantile(
      back.map((_, n) => timed(1 + n)),
      0.99,
    ),
    settled,
    after,
    estimate: timeline.checkpoints.bytes,
    budget: CHECKPOINT_BYTES,
  }),
);
