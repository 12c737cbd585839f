/**
 * The model beside the running kernel.
 *
 * @module @pagetrail/conformance
 */

export { cProgram } from "./c-program.ts";
export { CHILDREN, type Child, childOf, possibleChildren } from "./child.ts";
export { type Comparison, compare, type Difference, type MakeModel, textOf } from "./compare.ts";
export { type Damaged, damage } from "./exec/damage.ts";
export { type ElfFile, elfBytes } from "./exec/elf-file.ts";
export { compareExecs, type ExecComparison, type ExecDifference } from "./exec/exec-compare.ts";
export { type ExecCase, ExecProbe } from "./exec/exec-probe.ts";
export { type SampleProgram, sampleInterpreters, samplePrograms } from "./exec/sample-programs.ts";
export { type FlatAnswer, FlatModel, type FlatPage } from "./flat-model.ts";
export {
  BUILD,
  LiveKernel,
  type LiveMoment,
  type LiveRun,
  type LiveVma,
  thisMachine,
  whyNoLiveKernel,
} from "./live-kernel.ts";
export { ModelRun } from "./model-run.ts";
export { commandOf, type Operation } from "./operation.ts";
export {
  accountLines,
  type FamilyMoment,
  type MemberAccount,
  PAGEMAP,
  pagesText,
  SIZE_FIELDS,
  SMAPS_FIELDS,
} from "./pages/account.ts";
export {
  comparePageSequences,
  comparePages,
  type MakeFamily,
  type PageComparison,
  type PageDifference,
} from "./pages/compare.ts";
export { FamilyModel } from "./pages/family-model.ts";
export { LivePages, type PagePlace, whoDisturbsPages, whyNoLivePages } from "./pages/live-pages.ts";
export type { Deed, PageOperation } from "./pages/operation.ts";
export {
  compareRecorded,
  drawRuns,
  type NamedRun,
  type PageRecording,
  type RecordedRun,
  readPageRecording,
  recordPages,
  writePageRecording,
} from "./pages/page-recording.ts";
export { describePageOperation, pageProgram, pageScenarioText } from "./pages/scenario.ts";
export { shrinkPages } from "./pages/shrink.ts";
export { Random } from "./random.ts";
export { reproducerProgram } from "./reproducer.ts";
export { describeOperation, scenarioText } from "./scenario.ts";
export { shrink } from "./shrink.ts";
export { referenceStart, type Surroundings } from "./surroundings.ts";
