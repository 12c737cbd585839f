/**
 * Recordings and scenarios in, events out.
 *
 * @module @pagetrail/import
 */

export * from "./elf/elf.ts";
export * from "./elf/find-program.ts";
export * from "./elf/shebang.ts";
export { type ElfSymbol, readSymbols } from "./elf/symbols.ts";
export { MapsImporter, type MapsOwner } from "./maps/importer.ts";
export { looksLikeMaps, type MapsText, parseMaps, type ShownVma } from "./maps/maps-text.ts";
export type { ProcMemory, ShownProcess } from "./maps/snapshot.ts";
export * from "./perf/index.ts";
export type { Difference, RefcountSummary } from "./refcounts/findings.ts";
export { importRefcounts } from "./refcounts/importer.ts";
export type { Transient } from "./refcounts/transients.ts";
export * from "./scenario/index.ts";
export * from "./sink.ts";
export * from "./strace/importer.ts";
export { looksLikeStrace, type StraceGuess, StraceReader, type StraceRecord } from "./strace/text/index.ts";
