export * from "./layout.ts";
export * from "./personality.ts";
