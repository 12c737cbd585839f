/**
 * Logs in files and in memory.
 *
 * @module @pagetrail/store
 */

export * from "./file-log-writer.ts";
export { type FollowOptions, followLog } from "./follow-log.ts";
export type { SyncPolicy, WriteCall } from "./line-file.ts";
export { type LineSink, LogWriter } from "./log-writer.ts";
export * from "./memory-log-store.ts";
export { type Packed, packLog } from "./pack-log.ts";
export { readLog } from "./read-log.ts";
export { type Place, SegmentFile } from "./segment-file.ts";
export * from "./sha256.ts";
export * from "./sidecar.ts";
export type { LogStore, Recovery, Reopened, StoreFault, StoreItem, StoreRefusal } from "./store.ts";
