export * from "./large-mapcount.ts";
export * from "./mark-accessed.ts";
export * from "./page-flags.ts";
export * from "./phys-memory.ts";
export * from "./swap-area.ts";
export * from "./zone.ts";
