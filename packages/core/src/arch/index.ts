export * from "./kernel-half.ts";
export * from "./layout.ts";
export * from "./personality.ts";
export * from "./release.ts";
