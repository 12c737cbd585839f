export * from "./assert.ts";
export * from "./errno.ts";
export * from "./journal.ts";
export * from "./range.ts";
export * from "./result.ts";
export * from "./units.ts";
export * from "./violation.ts";
export * from "./word.ts";
