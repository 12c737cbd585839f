export * from "./page-table.ts";
export * from "./table-page.ts";
export * from "./tlb.ts";
export * from "./tlb-flush.ts";
export * from "./tlb-laws.ts";
export * from "./tlb-state.ts";
