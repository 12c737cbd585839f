export { kbOfPages } from "./lines.ts";
export * from "./maps.ts";
export * from "./pagemap.ts";
export * from "./resident.ts";
export * from "./smaps.ts";
export * from "./statm.ts";
export * from "./status.ts";
export * from "./vm-flag-codes.ts";
