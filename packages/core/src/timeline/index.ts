export * from "./blame.ts";
export { BlameFold } from "./blame-fold.ts";
export { MARK, PAGE, type SpaceHistory, type Version } from "./blame-history.ts";
export { BLAME_INDEX_VERSION, BlameIndex, DamagedIndex, encodeHistories } from "./blame-index.ts";
export { BlameReplay } from "./blame-replay.ts";
export * from "./maps-diff.ts";
export * from "./pages-diff.ts";
export { decodeSteps, encodeSteps, SHOWN_STEPS } from "./steps-json.ts";
export * from "./timeline.ts";
