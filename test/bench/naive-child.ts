import { replayAll } from "./contenders.ts";
import { executeNaively } from "./naive-immer.ts";
import { type PlainMm, plainMm } from "./plain-mm.ts";
import { checkSameMaps } from "./same-maps.ts";
import { time } from "./timing.ts";
import { makeWorkload, PROCESS } from "./workload.ts";

const ROUNDS = 3;

const [vmas = 0, count = 0] = process.argv.slice(2).map(Number);
const { origin, events } = makeWorkload(vmas, count);

function replayNaively(): PlainMm {
  let mm = plainMm(origin, PROCESS);
  for (const { request } of events) mm = executeNaively(mm, request);
  return mm;
}

checkSameMaps(replayAll(origin, events), replayNaively());
console.log(time(() => replayNaively, ROUNDS));
