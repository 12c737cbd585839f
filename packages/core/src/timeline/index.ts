export * from "./maps-diff.ts";
export * from "./timeline.ts";
