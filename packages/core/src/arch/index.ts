export * from "./fixed-addresses.ts";
export * from "./kernel-half.ts";
export * from "./layout.ts";
export * from "./paging-mode.ts";
export * from "./personality.ts";
export * from "./pte.ts";
export * from "./pte-flags.ts";
export * from "./release.ts";
