import type { SidecarHead, SidecarKind } from "@pagetrail/store";
import type { LoadedLog } from "./open-log.ts";

/**
 * What a file beside a log is called for. Undefined where it would not tell of the log as it is: for one from standard
 * input, and one with events that no seal vouches for, in whose place others may come.
 */
export function sidecarHead(
  { name, seals, timeline }: LoadedLog,
  kind: SidecarKind,
  version: number,
): SidecarHead | undefined {
  const seal = seals.at(-1);
  if (seal?.seq !== timeline.last || name === "standard input") return undefined;
  return { kind, version, log: seal.sha256, seq: seal.seq };
}

export const sameHead = (a: SidecarHead, b: SidecarHead): boolean => a.log === b.log && a.seq === b.seq;
