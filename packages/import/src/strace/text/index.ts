export * from "./args.ts";
export { looksLikeStrace, type StraceGuess } from "./detect.ts";
export { StraceReader } from "./reader.ts";
export type * from "./record.ts";
export { decodeUtf8, parseString, unescapeBytes } from "./strings.ts";
export * from "./symbols.ts";
