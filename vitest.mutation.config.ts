import { mergeConfig } from "vitest/config";
import base from "./vitest.config.ts";

/** The tests that a mutant has to get past: those of pages, and the kernel's own account of families on their pages. */
const tests = [
  "packages/core/src/fault/**/*.test.ts",
  "packages/core/src/paging/**/*.test.ts",
  "packages/core/src/kernel/access.test.ts",
  "packages/core/src/mm/*.test.ts",
  "packages/core/src/phys/*.test.ts",
  "packages/core/src/procfs/*.test.ts",
  "test/docs/scenarios.test.ts",
  "test/recorded/pages.test.ts",
];

const config = mergeConfig(base, {});
config.test = { ...config.test, include: tests };

export default config;
