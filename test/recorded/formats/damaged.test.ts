import { violations } from "@pagetrail/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Done, importBoth, importPerf, recording } from "./recordings.ts";

const PIPELINE = recording("perf-script.txt.gz").split("\n");
const TRACE = recording("touch-pages.strace.txt").split("\n");
const FAULTS = recording("touch-pages.perf.txt.gz").split("\n");

/** What may have happened to a text: each takes lines and a few random numbers. */
const damages: Readonly<Record<string, (lines: string[], at: readonly number[]) => string[]>> = {
  "lines in the wrong order": (lines, at) => {
    for (let i = 0; i + 1 < at.length; i += 2) {
      const [a, b] = [(at[i] ?? 0) % lines.length, (at[i + 1] ?? 0) % lines.length];
      [lines[a], lines[b]] = [lines[b] ?? "", lines[a] ?? ""];
    }
    return lines;
  },
  "lines missing": (lines, at) => lines.filter((_, i) => !at.some((n) => n % lines.length === i)),
  "cut off at the start": (lines, at) => lines.slice((at[0] ?? 0) % lines.length),
  "cut off in mid-line": (lines, at) => {
    const text = lines.join("\n");
    return text.slice(0, (at[0] ?? 0) % text.length).split("\n");
  },
  "lines shortened": (lines, at) => {
    for (const n of at) lines[n % lines.length] = (lines[n % lines.length] ?? "").slice(0, n % 90);
    return lines;
  },
  "bytes exchanged": (lines, at) => {
    const text = lines.join("\n");
    const places = new Set(at.map((n) => n % text.length));
    return [...text]
      .map((c, i) => (places.has(i) ? String.fromCharCode((i * 37) % 256) : c))
      .join("")
      .split("\n");
  },
  "another number everywhere": (lines, at) => {
    for (const n of at) {
      const i = n % lines.length;
      lines[i] = (lines[i] ?? "").replaceAll(/[0-9a-f]{6,}/g, (digits) =>
        n % 3 ? "f".repeat(16) : `${digits}${n}`,
      );
    }
    return lines;
  },
  backwards: (lines) => lines.reverse(),
};

const damage = fc.record({
  how: fc.constantFrom(...Object.keys(damages)),
  at: fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 60 }),
});

const damaged = (
  lines: readonly string[],
  { how, at }: { readonly how: string; readonly at: readonly number[] },
) => (damages[how]?.([...lines], at) ?? []).join("\n");

function expectLawful({ state, summary }: Done): void {
  expect([...violations(state)]).toEqual([]);
  expect(summary.events).toBeGreaterThanOrEqual(0);
}

test("a damaged text of perf script imports as far as it makes sense, and breaks no law", () => {
  fc.assert(
    fc.property(damage, (how) => expectLawful(importPerf(damaged(PIPELINE, how)))),
    { numRuns: 150 },
  );
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
