export * from "./fixed-addresses.ts";
export * from "./kernel-half.ts";
export * from "./layout.ts";
export * from "./personality.ts";
