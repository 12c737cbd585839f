export { type Comparison, compare, type Difference } from "./compare.ts";
export { LiveKernel, type LiveMoment, type LiveRun, type LiveVma, whyNoLiveKernel } from "./live-kernel.ts";
export { ModelRun, type ModelStep } from "./model-run.ts";
export { Random } from "./random.ts";
