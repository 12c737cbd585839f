export * from "./maps-diff.ts";
export * from "./pages-diff.ts";
export * from "./timeline.ts";
