export * from "./elf/elf.ts";
export * from "./elf/shebang.ts";
export type { Difference, RefcountSummary } from "./refcounts/findings.ts";
export { importRefcounts } from "./refcounts/importer.ts";
export type { Transient } from "./refcounts/transients.ts";
export * from "./strace/importer.ts";
export { looksLikeStrace, type StraceGuess, StraceReader, type StraceRecord } from "./strace/text/index.ts";
