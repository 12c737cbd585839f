export * from "./decode.ts";
export * from "./encode.ts";
export * from "./hasher.ts";
export * from "./header.ts";
export { LINE_LIMIT, type LogObject } from "./line.ts";
export * from "./refusal.ts";
export { decodeSeal, encodeSeal, makeSeal, type Seal, type SealClaim } from "./seal.ts";
export { type LogEvent, SEGMENT_EVENTS, SEGMENT_TEXT_LIMIT } from "./segment.ts";
export { LOG_UPGRADES, LOG_VERSION, type LogUpgrade } from "./upgrade.ts";
