export { looksLikePerfScript, type PerfGuess } from "./detect.ts";
export { isKernelAddress } from "./frame.ts";
export { PerfReader } from "./reader.ts";
export type * from "./record.ts";
export { type CallName, type PerfEvent, type PerfFault, type PerfSwitch, readSample } from "./samples.ts";
