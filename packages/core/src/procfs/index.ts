export * from "./kernel-half.ts";
export * from "./kmap.ts";
export { kbOfPages } from "./lines.ts";
export * from "./maps.ts";
export * from "./smaps.ts";
export * from "./statm.ts";
export * from "./status.ts";
export * from "./vm-flag-codes.ts";
export * from "./vmallocinfo.ts";
