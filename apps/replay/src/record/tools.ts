import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** A program that records what others do. */
export type ToolName = "strace" | "perf" | "bpftrace";

/** The packages that have them, on Debian and its like. */
const PACKAGES: Readonly<Record<ToolName, string>> = {
  strace: "strace",
  perf: "linux-perf",
  bpftrace: "bpftrace",
};

/** The file that a command's name stands for; undefined where nothing of that name is on the path. */
export function findOnPath(name: string, path = ""): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

export const howToInstall = (name: ToolName): string =>
  `install it, on Debian with apt-get install ${PACKAGES[name]}`;

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
