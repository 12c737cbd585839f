import { join } from "node:path";
import { type KernelState, violations } from "@pagetrail/core";
import { StraceImporter } from "@pagetrail/import";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sysrootFiles } from "./system-files.ts";
import { loadCase, recordedDir, sysrootDir } from "./truth.ts";

const CASES = [
  "bash-pipeline",
  "ltp-clone02",
  "stressng-vforkmany",
  "kselftest-mseal_test",
  "node-e-aslr",
  "i386-hello-3gb",
] as const;

const traces = new Map(CASES.map((name) => [name, loadCase(join(recordedDir, name)).strace.split("\n")]));

/** What may have happened to a trace: each takes lines and a few random numbers. */
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
    for (const n of at) lines[n % lines.length] = (lines[n % lines.length] ?? "").slice(0, n % 60);
    return lines;
  },
  backwards: (lines) => lines.reverse(),
};

const damaged = fc.record({
  name: fc.constantFrom(...CASES),
  damage: fc.constantFrom(...Object.keys(damages)),
  at: fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 60 }),
});

test("a damaged trace imports as far as it makes sense, and breaks no law", () => {
  fc.assert(
    fc.property(damaged, ({ name, damage, at }) => {
      const lines = damages[damage]?.([...(traces.get(name) ?? [])], at) ?? [];
      let last: KernelState | undefined;
      const importer = new StraceImporter({
        system: sysrootFiles(sysrootDir),
        sink: { start: () => {}, event: (_, state) => (last = state) },
      });
      importer.push(lines.join("\n"));
      const summary = importer.end();
      expect(summary.lines).toBeLessThanOrEqual(lines.length);
      expect(last ? [...violations(last)] : []).toEqual([]);
    }),
    { numRuns: 60 },
  );
});
