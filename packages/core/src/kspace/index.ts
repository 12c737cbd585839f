export * from "./fixmap.ts";
export * from "./frame-source.ts";
export * from "./kmap.ts";
export * from "./kspace.ts";
export * from "./laws.ts";
export * from "./vmalloc.ts";
