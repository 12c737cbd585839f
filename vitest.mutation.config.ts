import { mergeConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import base from "./vitest.config.ts";

/**
 * The tests that a mutant has to get past: those of pages, and the kernel's own account of families on their pages.
 * In the order in which they run, the nearest and quickest first: the first that fails ends a mutant's run.
 */
const tests = [
  "packages/core/src/fault/**/*.test.ts",
  "packages/core/src/paging/**/*.test.ts",
  "packages/core/src/kernel/access.test.ts",
  "packages/core/src/kernel/explain.test.ts",
  "packages/core/src/mm/*.test.ts",
  "packages/core/src/phys/*.test.ts",
  "packages/core/src/process/oom-kill.test.ts",
  "packages/core/src/timeline/pages-diff.test.ts",
  "packages/core/src/procfs/*.test.ts",
  "test/docs/scenarios.test.ts",
  "test/recorded/pages.test.ts",
];

/** Folders by the place of their pattern in `tests`. */
const folders = tests.map((pattern) => pattern.slice(0, pattern.search(/\*|$/)));

class NearestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification): number =>
      folders.findIndex((folder) => moduleId.includes(folder));
    return files.toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}

const config = mergeConfig(base, {});
config.test = {
  ...config.test,
  include: tests,
  // Modules are read once a run and not once a file, which takes longer than most of the tests.
  isolate: false,
  sequence: { sequencer: NearestFirst },
};

export default config;
