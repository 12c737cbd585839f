export * from "./elf/elf.ts";
export * from "./elf/find-program.ts";
export * from "./elf/shebang.ts";
export * from "./perf/index.ts";
export * from "./scenario/index.ts";
export * from "./sink.ts";
export * from "./strace/importer.ts";
export { looksLikeStrace, type StraceGuess, StraceReader, type StraceRecord } from "./strace/text/index.ts";
