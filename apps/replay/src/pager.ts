import { spawnSync } from "node:child_process";

/** What `less` does unless LESS says otherwise: colours, no more than a screen needs none, the screen stays. */
const LESS = "FRX";

/**
 * Shows text on the terminal, by way of the pager that PAGER names where it is longer than the screen; `less` without
 * one. Gives false where there is none to be had, or none is wanted: nothing was shown then.
 */
export function showPaged(text: string, env: NodeJS.ProcessEnv, rows: number): boolean {
  const pager = env.PAGETRAIL_PAGER ?? env.PAGER ?? "less";
  if (pager === "" || pager === "cat" || text.split("\n", rows + 1).length <= rows) return false;
  const { status, error } = spawnSync(pager, {
    shell: true,
    input: text,
    stdio: ["pipe", "inherit", "inherit"],
    env: { LESS, ...env },
  });
  // A shell that finds no such program.
  return error === undefined && status !== 127;
}
