import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type Event, initialState, type KernelState, REFERENCE_PROFILE } from "@pagetrail/core";
import {
  FaultedStraceImporter,
  type ImportSink,
  type ImportSummary,
  PerfImporter,
  type SystemFiles,
} from "@pagetrail/import";
import { sysrootFiles } from "../system-files.ts";
import { sysrootDir } from "../truth.ts";

/** A recording's text, one char a byte. */
export function recording(name: string): string {
  const bytes = readFileSync(join(import.meta.dirname, name));
  return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("latin1");
}

export interface Done {
  readonly events: readonly Event[];
  readonly state: KernelState;
  readonly summary: ImportSummary;
  readonly refusal: string | undefined;
}

type Ended = Pick<Done, "summary" | "refusal">;

function collected(run: (sink: ImportSink) => Ended, watch?: (state: KernelState) => void): Done {
  const events: Event[] = [];
  let state = initialState(REFERENCE_PROFILE);
  const ended = run({
    start: () => {},
    event: (event, after) => {
      events.push(event);
      state = after;
      watch?.(after);
    },
  });
  return { ...ended, events, state };
}

/** Imports the text of perf script alone, with the program headers of the recordings' machine. */
export function importPerf(text: string, { watch, system = sysrootFiles(sysrootDir) }: Options = {}): Done {
  return collected((sink) => {
    const importer = new PerfImporter({ system, sink });
    for (const chunk of chunks(text)) importer.push(chunk);
    return { summary: importer.end(), refusal: importer.refusal };
  }, watch);
}

export interface Options {
  /** Sees the state behind every event. */
  readonly watch?: (state: KernelState) => void;
  readonly system?: SystemFiles;
}

/** Imports a trace of strace with the faults that perf saw. */
export function importBoth(
  calls: string,
  faults: string,
  { watch, system = sysrootFiles(sysrootDir) }: Options = {},
): Done {
  return collected((sink) => {
    const importer = new FaultedStraceImporter({ system, sink });
    const sides = { calls: chunks(calls), faults: chunks(faults) };
    const open = { calls: true, faults: true };
    while (open.calls || open.faults) {
      const side = open.faults && (importer.wantsFaults || !open.calls) ? "faults" : "calls";
      const { value, done } = sides[side].next();
      if (done === true) {
        open[side] = false;
        if (side === "calls") importer.endCalls();
        else importer.endFaults();
      } else if (side === "calls") importer.push(value);
      else importer.pushFaults(value);
    }
    return { summary: importer.end(), refusal: importer.refusal ?? importer.mismatch };
  }, watch);
}

const CHUNK = 10_000;

function* chunks(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += CHUNK) yield text.slice(at, at + CHUNK);
}
