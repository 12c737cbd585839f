export * from "./maps.ts";
