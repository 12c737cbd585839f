import { type KernelState, violations } from "@pagetrail/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { damage, damaged } from "../damage.ts";
import { type Done, importBoth, importPerf, recording } from "./recordings.ts";
import "@pagetrail/testing/setup";

const PIPELINE = recording("perf-script.txt.gz").split("\n");
const TRACE = recording("touch-pages.strace.txt").split("\n");
const FAULTS = recording("touch-pages.perf.txt.gz").split("\n");

function expectLawful({ state, summary }: Done): void {
  expect(state).toSatisfyLaws();
  expect(summary.events).toBeGreaterThanOrEqual(0);
}

test("a damaged text of perf script imports as far as it makes sense, and breaks no law", () => {
  fc.assert(
    fc.property(damage, (how) => expectLawful(importPerf(damaged(PIPELINE, how)))),
    { numRuns: 150 },
  );
});

test.each([
  ["the offset of a mapping", 295233],
  ["the length of a program's first mapping", 310234],
])("where %s is damaged, the laws hold behind every event", (_, place) => {
  const breaks: string[] = [];
  const watch = (state: KernelState): void => {
    for (const { law, where, what } of violations(state)) breaks.push(`${law}, ${where}: ${what}`);
  };
  importPerf(damaged(PIPELINE, { how: "bytes exchanged", at: [place] }), { watch });
  expect(breaks).toEqual([]);
});

test("so do a trace and its faults, whichever is damaged", () => {
  fc.assert(
    fc.property(damage, damage, fc.nat(2), (one, other, which) => {
      const trace = which === 1 ? TRACE.join("\n") : damaged(TRACE, one);
      const faults = which === 0 ? FAULTS.join("\n") : damaged(FAULTS, other);
      const done = importBoth(trace, faults);
      if (done.refusal === undefined) expectLawful(done);
      else expect(done.refusal).toMatch(/clock|times|another architecture/);
    }),
    { numRuns: 100 },
  );
});

test("noise is no recording, and stops nothing", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
      const noise = String.fromCharCode(...bytes);
      expect(importPerf(noise).events).toEqual([]);
      expectLawful(importPerf(`${PIPELINE.slice(0, 300).join("\n")}\n${noise}`));
    }),
    { numRuns: 60 },
  );
});

test("what was cut off in mid-line is said with its line", () => {
  const text = PIPELINE.slice(0, 20).join("\n");
  const { summary } = importPerf(text.slice(0, text.lastIndexOf("error_code")));
  expect(summary.cut).toMatchObject({ line: 20 });
});
