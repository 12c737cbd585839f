/**
 * The model: states, events that lead from one to the next, and what /proc says of them.
 *
 * @module @pagetrail/core
 */

export * from "./arch/index.ts";
export * from "./base/index.ts";
export * from "./fault/index.ts";
export * from "./kernel/index.ts";
export * from "./kspace/index.ts";
export * from "./log/index.ts";
export * from "./mm/index.ts";
export * from "./paging/index.ts";
export * from "./phys/index.ts";
export * from "./process/index.ts";
export * from "./procfs/index.ts";
export * from "./struct/index.ts";
export * from "./timeline/index.ts";
