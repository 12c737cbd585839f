import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Runs a module of this folder in a process of its own, and gives the JSON that it prints. */
export function runChild(module: string, args: readonly string[], flags: readonly string[] = []): unknown {
  const path = fileURLToPath(new URL(module, import.meta.url));
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...process.execArgv, ...flags, path, ...args],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`${module} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Runs it, and gives the one number that it prints. */
export function childNumber(module: string, args: readonly string[], flags?: readonly string[]): number {
  const value = runChild(module, args, flags);
  if (typeof value !== "number") throw new Error(`${module} printed no number`);
  return value;
}
