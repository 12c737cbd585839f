import { readFileSync } from "node:fs";

/** This program's version: the package's, which lies beside both the sources and the build. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const known = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return known && typeof manifest.version === "string" ? manifest.version : "unknown";
}

/** As headers of logs name the program that made them. */
export const producer = (): string => `pagetrail ${version()}`;
