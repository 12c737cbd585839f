import {
  type Event,
  initialState,
  type KernelState,
  maps,
  mmOf,
  type Pid,
  REFERENCE_PROFILE,
  type ReleaseName,
} from "@pagetrail/core";
import { FaultedStraceImporter, PerfImporter } from "../perf/index.ts";
import type { ImportSink, ImportSummary, SystemFiles } from "../sink.ts";
import { StraceImporter } from "../strace/importer.ts";

/** A machine on which no file can be found. */
export const NO_FILES: SystemFiles = { realpath: () => undefined, read: () => undefined };

export interface Imported {
  readonly events: readonly Event[];
  readonly summary: ImportSummary;
  readonly state: KernelState;
  /** The state behind each event. */
  readonly states: readonly KernelState[];
  readonly refusal: string | undefined;
  /** The last maps of a process, addresses and names only. */
  maps(pid: number): readonly string[];
}

/** Imports a trace of strace written out in a test. */
export function importText(text: string, system: SystemFiles = NO_FILES, release?: ReleaseName): Imported {
  return imported((sink) => {
    const importer = new StraceImporter({ system, sink, ...(release && { release }) });
    importer.push(text);
    const summary = importer.end();
    return { summary, refusal: importer.refusal };
  });
}

/** Imports the text of perf script written out in a test. */
export function importPerf(text: string, system: SystemFiles = NO_FILES): Imported {
  return imported((sink) => {
    const importer = new PerfImporter({ system, sink });
    importer.push(text);
    const summary = importer.end();
    return { summary, refusal: importer.refusal };
  });
}

/** Imports a trace of strace with the faults that perf saw of the same run, in pieces of some size. */
export function importBoth(calls: string, faults: string, piece = 4096): Imported {
  return imported((sink) => {
    const importer = new FaultedStraceImporter({ system: NO_FILES, sink });
    for (
      let at = { calls: 0, faults: 0 }, open = { calls: true, faults: true };
      open.calls || open.faults;
    ) {
      const side = open.faults && (importer.wantsFaults || !open.calls) ? "faults" : "calls";
      const text = side === "calls" ? calls : faults;
      const chunk = text.slice(at[side], at[side] + piece);
      at = { ...at, [side]: at[side] + piece };
      if (chunk !== "") side === "calls" ? importer.push(chunk) : importer.pushFaults(chunk);
      else {
        side === "calls" ? importer.endCalls() : importer.endFaults();
        open = { ...open, [side]: false };
      }
    }
    const summary = importer.end();
    return { summary, refusal: importer.refusal ?? importer.mismatch };
  });
}

function imported(run: (sink: ImportSink) => Pick<Imported, "summary" | "refusal">): Imported {
  const events: Event[] = [];
  const states: KernelState[] = [];
  const ended = run({
    start: () => {},
    event: (event, after) => {
      events.push(event);
      states.push(after);
    },
  });
  const state = states.at(-1) ?? initialState(REFERENCE_PROFILE);
  return {
    ...ended,
    events,
    state,
    states,
    maps: (pid) =>
      maps(state, mmOf(state, pid as Pid))
        .split("\n")
        .filter((line) => line !== "" && !line.includes("[vsyscall]"))
        .map((line) => line.replace(/^(\S+) (\S+) \S+ \S+ \d+ *(.*)$/, "$1 $2 $3").trim()),
  };
}
