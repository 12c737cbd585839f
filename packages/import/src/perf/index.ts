export { PerfImporter } from "./importer.ts";
export { FaultedStraceImporter } from "./merge/importer.ts";
export { looksLikePerfScript, type PerfGuess, PerfReader, type PerfRecord } from "./text/index.ts";
