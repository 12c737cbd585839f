/**
 * Tests of memory behaviour: runs, maps, strips, matchers, arbitraries and commands.
 *
 * @module @pagetrail/testing
 */

export * from "./assert-runs.ts";
export * from "./commands.ts";
export * from "./cpus.ts";
export * from "./event-text.ts";
export * from "./every-request.ts";
export * from "./history.ts";
export * from "./imports.ts";
export * from "./law-machines.ts";
export * from "./log-file.ts";
export * from "./machine.ts";
export type { MappingPattern } from "./mapping-pattern.ts";
export * from "./maps.ts";
export * from "./maps-difference.ts";
export type { PagetrailMatchers } from "./matcher-types.ts";
export * from "./matchers.ts";
export * from "./page-machine.ts";
export * from "./play-scenario.ts";
export * from "./recorder.ts";
export * from "./region.ts";
export * from "./releases.ts";
export * from "./requests.ts";
export * from "./run.ts";
export * from "./serializer.ts";
export * from "./strip.ts";
