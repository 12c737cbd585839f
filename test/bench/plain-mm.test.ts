import { mmOf, replayEvents } from "@pagetrail/core";
import { describe, expect, test } from "vitest";
import { replayPlain } from "./contenders.ts";
import { executeNaively } from "./naive-immer.ts";
import { plainMm } from "./plain-mm.ts";
import { mapsDifference } from "./same-maps.ts";
import { makeWorkload, PROCESS } from "./workload.ts";

const EVENTS = 2_000;

describe.each([20, 1000])("the benchmarks' log on about %d VMAs", (vmas) => {
  const { origin, events } = makeWorkload(vmas, EVENTS);

  test("is answered by plain data as by the model, and leads both to the same maps", () => {
    const plain = plainMm(origin, PROCESS);
    replayPlain(plain, events);
    const { state, differs } = replayEvents(origin, events);
    expect(differs).toBeUndefined();
    expect(mapsDifference(state, plain)).toBeUndefined();
  });

  test("leads naive immer there too", () => {
    const few = events.slice(0, 200);
    let naive = plainMm(origin, PROCESS);
    for (const { request } of few) naive = executeNaively(naive, request);
    expect(mapsDifference(replayEvents(origin, few).state, naive)).toBeUndefined();
  });

  test("keeps the number of VMAs, and has every kind of call and some refusals", () => {
    const size = mmOf(replayEvents(origin, events).state, PROCESS)?.vmas.size ?? 0;
    expect(size).toBeGreaterThan(vmas / 3);
    expect(size).toBeLessThan(vmas * 3);
    expect(new Set(events.map(({ request }) => request.call)).size).toBe(5);
    const refused = events.filter(({ outcome }) => "errno" in outcome).length;
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThan(EVENTS / 10);
  });

  test("is the same every time", () => {
    expect(makeWorkload(vmas, 100).events).toEqual(events.slice(0, 100));
  });
});
