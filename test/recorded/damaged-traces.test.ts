import { join } from "node:path";
import { type KernelState, violations } from "@pagetrail/core";
import { StraceImporter } from "@pagetrail/import";
import fc from "fast-check";
import { expect, test } from "vitest";
import { damage, damaged } from "./damage.ts";
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

test("a damaged trace imports as far as it makes sense, and breaks no law", () => {
  fc.assert(
    fc.property(fc.constantFrom(...CASES), damage, (name, how) => {
      const text = damaged(traces.get(name) ?? [], how);
      let last: KernelState | undefined;
      const importer = new StraceImporter({
        system: sysrootFiles(sysrootDir),
        sink: { start: () => {}, event: (_, state) => (last = state) },
      });
      importer.push(text);
      const summary = importer.end();
      expect(summary.lines).toBeLessThanOrEqual(text.split("\n").length);
      expect(last ? [...violations(last)] : []).toEqual([]);
    }),
    { numRuns: 60 },
  );
});
