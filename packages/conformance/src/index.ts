export { CHILDREN, type Child, childOf } from "./child.ts";
export { type Comparison, compare, compareSequences, type Difference } from "./compare.ts";
export { type FlatAnswer, FlatModel, type FlatPage } from "./flat-model.ts";
export { LiveKernel, type LiveMoment, type LiveRun, type LiveVma, whyNoLiveKernel } from "./live-kernel.ts";
export { ModelRun } from "./model-run.ts";
export { commandOf, type Operation } from "./operation.ts";
export { Random } from "./random.ts";
