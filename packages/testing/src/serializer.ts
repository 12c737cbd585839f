import type { KernelState } from "@pagetrail/core";
import { Machine } from "./machine.ts";
import { Maps, mapsOf, processesOf } from "./maps.ts";
import { Recorder } from "./recorder.ts";
import { Strip } from "./strip.ts";

/** What the serializer prints in its own way. */
export type Shown = Strip | Maps | Machine | Recorder | KernelState;

const isState = (value: unknown): value is KernelState =>
  typeof value === "object" &&
  value !== null &&
  "seq" in value &&
  "tasks" in value &&
  "mms" in value &&
  "profile" in value;

/**
 * Prints states, machines, maps and strips in snapshots as people write them: a strip's row, the lines of maps, and
 * of a state the maps of each process.
 */
export const serializer = {
  /** Whether the value is one of these. */
  test: (value: unknown): value is Shown =>
    value instanceof Strip ||
    value instanceof Maps ||
    value instanceof Machine ||
    value instanceof Recorder ||
    isState(value),

  /** The value as text, each line but the first as far in as it stands. */
  serialize: (value: Shown, _config: unknown, indentation: string): string =>
    shownText(value).replaceAll(/\n(?!\n|$)/g, `\n${indentation}`),
} as const;

function shownText(value: Shown): string {
  if (value instanceof Strip || value instanceof Maps) return String(value);
  return stateText("state" in value ? value.state : value);
}

/** A state in brief: its event, and each process that has an address space with its maps. */
export function stateText(state: KernelState): string {
  const processes = processesOf(state).map(({ pid, comm }) => {
    const lines = mapsOf({ state, process: pid }).toString().split("\n");
    return [`process ${pid} (${comm})`, ...lines.map((line) => `  ${line.trimEnd()}`.trimEnd())].join("\n");
  });
  return [`state behind event ${state.seq}`, ...processes].join("\n");
}
