import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { KernelState } from "@pagetrail/core";
import { FaultedStraceImporter, type ImportSink, PerfImporter, type SystemFiles } from "@pagetrail/import";
import { type Imported, imported } from "@pagetrail/testing";
import { sysrootFiles } from "../system-files.ts";
import { sysrootDir } from "../truth.ts";

/** A recording's text, one char a byte. */
export function recording(name: string): string {
  const bytes = readFileSync(join(import.meta.dirname, name));
  return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("latin1");
}

/** What an import of these came to. */
export type Done = Imported;

/** Collects what an importer tells, and shows every state. */
const collected = (
  run: (sink: ImportSink) => Pick<Done, "summary" | "refusal">,
  watch: (state: KernelState) => void = () => {},
): Done =>
  imported((sink) =>
    run({
      start: (profile, source) => sink.start(profile, source),
      event: (event, after) => {
        sink.event(event, after);
        watch(after);
      },
    }),
  );

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
