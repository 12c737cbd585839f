export { kbOfPages } from "./lines.ts";
export * from "./maps.ts";
export * from "./smaps.ts";
export * from "./statm.ts";
export * from "./status.ts";
export * from "./vm-flag-codes.ts";
