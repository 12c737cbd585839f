import {
  type Event,
  initialState,
  type KernelState,
  maps,
  mmOf,
  type Pid,
  type Profile,
  REFERENCE_PROFILE,
  type ReleaseName,
} from "@pagetrail/core";
import {
  FaultedStraceImporter,
  type ImportSink,
  type ImportSummary,
  PerfImporter,
  StraceImporter,
  type SystemFiles,
} from "@pagetrail/import";
import type { Run } from "./run.ts";

/** A machine on which no file can be found. */
export const NO_FILES: SystemFiles = { realpath: () => undefined, read: () => undefined };

/** What an import made of a recording. */
export interface Imported extends Run {
  readonly summary: ImportSummary;
  /** The state behind the last event. */
  readonly state: KernelState;
  /** The state behind each event. */
  readonly states: readonly KernelState[];
  /** Why the recording as a whole cannot be modelled. */
  readonly refusal: string | undefined;
  /** The last maps of a process, addresses and names only. */
  maps(pid: number): readonly string[];
}

/**
 * Imports a text of strace.
 *
 * @param system where programs are read, by whose headers an exec is laid out; without one they are not found
 */
export function importStrace(text: string, system: SystemFiles = NO_FILES, release?: ReleaseName): Imported {
  return imported((sink) => {
    const importer = new StraceImporter({ system, sink, ...(release && { release }) });
    importer.push(text);
    const summary = importer.end();
    return { summary, refusal: importer.refusal };
  });
}

/** Imports a text of perf script. */
export function importPerf(text: string, system: SystemFiles = NO_FILES): Imported {
  return imported((sink) => {
    const importer = new PerfImporter({ system, sink });
    importer.push(text);
    const summary = importer.end();
    return { summary, refusal: importer.refusal };
  });
}

/** Imports a trace of strace with the faults that perf saw of the same run, in pieces of some size. */
export function importStraceWithFaults(calls: string, faults: string, piece = 4096): Imported {
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

/** Collects what an importer tells. */
export function imported(run: (sink: ImportSink) => Pick<Imported, "summary" | "refusal">): Imported {
  let profile: Profile = REFERENCE_PROFILE;
  const events: Event[] = [];
  const states: KernelState[] = [];
  const ended = run({
    start: (told) => {
      profile = told;
    },
    event: (event, after) => {
      events.push(event);
      states.push(after);
    },
  });
  const state = states.at(-1) ?? initialState(profile);
  return {
    ...ended,
    profile,
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
