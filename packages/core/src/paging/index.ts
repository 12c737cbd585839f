export * from "./page-table.ts";
export * from "./table-page.ts";
