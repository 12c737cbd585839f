export * from "./maps-diff.ts";
export * from "./pages-diff.ts";
export { decodeSteps, encodeSteps, SHOWN_STEPS } from "./steps-json.ts";
export * from "./timeline.ts";
