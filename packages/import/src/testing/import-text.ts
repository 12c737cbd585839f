import { type Event, type KernelState, maps, mmOf, type Pid } from "@pagetrail/core";
import type { ImportSummary, SystemFiles } from "../sink.ts";
import { StraceImporter } from "../strace/importer.ts";

/** A machine on which no file can be found. */
export const NO_FILES: SystemFiles = { realpath: () => undefined, read: () => undefined };

export interface Imported {
  readonly events: readonly Event[];
  readonly summary: ImportSummary;
  readonly state: KernelState;
  readonly refusal: string | undefined;
  /** The last maps of a process, addresses and names only. */
  maps(pid: number): readonly string[];
}

/** Imports a trace written out in a test. */
export function importText(text: string, system: SystemFiles = NO_FILES): Imported {
  const events: Event[] = [];
  let last: KernelState | undefined;
  const importer = new StraceImporter({
    system,
    sink: {
      start: () => {},
      event: (event, state) => {
        events.push(event);
        last = state;
      },
    },
  });
  importer.push(text);
  const summary = importer.end();
  if (!last) throw new Error(`nothing was imported: ${importer.refusal}`);
  const state = last;
  return {
    events,
    summary,
    state,
    refusal: importer.refusal,
    maps: (pid) =>
      maps(state, mmOf(state, pid as Pid))
        .split("\n")
        .filter((line) => line !== "" && !line.includes("[vsyscall]"))
        .map((line) => line.replace(/^(\S+) (\S+) \S+ \S+ \d+ *(.*)$/, "$1 $2 $3").trim()),
  };
}
