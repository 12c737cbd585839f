export * from "./elf/elf.ts";
export * from "./elf/shebang.ts";
export * from "./strace/importer.ts";
export { looksLikeStrace, type StraceGuess } from "./strace/text/index.ts";
