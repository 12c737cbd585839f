export { PerfImporter } from "./importer.ts";
export { looksLikePerfScript, type PerfGuess, PerfReader, type PerfRecord } from "./text/index.ts";
