/**
 * What each part of the code may import. Rooms stand in the order of the house: a room imports only from
 * itself and from rooms above it, and only from those that it names.
 */

/** Rooms of packages/core/src. */
export const ROOMS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  struct: ["base"],
  arch: ["base"],
  phys: ["base", "struct", "arch"],
  paging: ["base", "struct", "arch", "phys"],
  mm: ["base", "struct", "arch", "phys", "paging"],
  fault: ["base", "struct", "arch", "phys", "paging", "mm"],
  kspace: ["base", "struct", "arch", "phys", "paging"],
  process: ["base", "struct", "arch", "phys", "paging", "mm", "fault"],
  kernel: ["base", "struct", "arch", "phys", "paging", "mm", "fault", "kspace", "process"],
  log: ["base", "struct"],
  timeline: ["base", "struct", "arch", "phys", "paging", "mm", "fault", "kspace", "process", "kernel", "log"],
  procfs: ["base", "struct", "arch", "phys", "paging", "mm", "fault", "kspace", "process", "kernel"],
  search: ["base", "struct", "mm", "process", "kernel", "timeline", "procfs"],
};

/** Libraries of the core, subpaths included, that belong to some rooms only. */
export const ROOMS_OF_LIBRARY: Readonly<Record<string, readonly string[]>> = {
  immer: ["kernel"],
  "sorted-btree": ["struct"],
  "ohm-js": ["search"],
};

export type PackageRule = {
  /** Sources live here, and relative imports stay inside. */
  readonly root: string;
  /** Whole specifiers; one that ends in `*` is a prefix. */
  readonly imports: readonly string[];
  /** Runs anywhere: no clock, no randomness, no Node, no DOM. */
  readonly pure: boolean;
  readonly rooms?: Readonly<Record<string, readonly string[]>>;
};

/** Nobody may import an app, so no list names `pagetrail`. */
export const PACKAGES: readonly PackageRule[] = [
  {
    root: "packages/core/src",
    imports: ["immer", "xstate", "sorted-btree", "sorted-btree/*", "ohm-js"],
    pure: true,
    rooms: ROOMS,
  },
  { root: "packages/import/src", imports: ["@pagetrail/core"], pure: true },
  { root: "packages/store/src", imports: ["@pagetrail/core", "node:*"], pure: false },
  {
    root: "packages/conformance/src",
    imports: ["@pagetrail/core", "@pagetrail/core/search", "@pagetrail/import", "fast-check", "node:*"],
    pure: false,
  },
  {
    root: "packages/testing/src",
    imports: ["@pagetrail/core", "@pagetrail/import", "@pagetrail/store", "fast-check", "vitest", "node:*"],
    pure: false,
  },
  {
    root: "apps/replay/src",
    imports: [
      ...["@pagetrail/conformance", "@pagetrail/core", "@pagetrail/core/search", "@pagetrail/import"],
      ...["@pagetrail/store", "commander", "node:*", "terminal-kit"],
    ],
    pure: false,
  },
  {
    root: "test/sample-project",
    imports: [
      "@pagetrail/core",
      "@pagetrail/testing",
      "@pagetrail/testing/setup",
      "fast-check",
      "vitest/config",
      "node:*",
    ],
    pure: false,
  },
  {
    root: "test",
    imports: ["@pagetrail/*", "immer", "node:*"],
    pure: false,
  },
];

/** What a test may import on top of its package's list; a test may look into any room of its package. */
export const TEST_IMPORTS: readonly string[] = [
  "vitest",
  "fast-check",
  "node:*",
  "xstate/graph",
  "@pagetrail/testing",
  "@pagetrail/testing/*",
];

/** Names that would let the outside into a pure package. */
export const OUTSIDE: readonly RegExp[] = [
  /(?<![.\w])Date\b/,
  /\bMath\s*\.\s*random\b/,
  /(?<![.\w])process\s*\.\s*\w/,
  /(?<![.\w])performance\b/,
  /(?<![.\w])globalThis\b/,
  /(?<![.\w])Buffer\b/,
  /(?<![.\w])require\s*\(/,
];
