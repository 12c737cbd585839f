import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { type Event, type KernelState, type Profile, REFERENCE_PROFILE } from "@pagetrail/core";
import { type ImportSink, StraceImporter } from "@pagetrail/import";
import { sysrootFiles } from "../recorded/system-files.ts";
import { sysrootDir } from "../recorded/truth.ts";

/** The recording that the measures are made on: a Python program with threads, about 52,000 lines. */
export const RECORDING = "python-threads";

export function recordingText(): string {
  const file = new URL(`../recorded/${RECORDING}/strace.txt.gz`, import.meta.url);
  return gunzipSync(readFileSync(file)).toString("latin1");
}

/** What the command line hands to an importer or reader at once. */
const CHUNK = 64 * 1024;

export function* chunksOf(text: string): Iterable<string> {
  for (let from = 0; from < text.length; from += CHUNK) yield text.slice(from, from + CHUNK);
}

export const importerInto = (sink: ImportSink): StraceImporter =>
  new StraceImporter({ system: sysrootFiles(sysrootDir), sink });

/** A recording as a log has it, with the state behind every event. */
export interface ImportedRecording {
  readonly profile: Profile;
  readonly events: readonly Event[];
  readonly states: readonly KernelState[];
}

export function importRecording(): ImportedRecording {
  const events: Event[] = [];
  const states: KernelState[] = [];
  let profile = REFERENCE_PROFILE;
  const importer = importerInto({
    start: (recorded) => {
      profile = recorded;
    },
    event: (event, state) => {
      events.push(event);
      states.push(state);
    },
  });
  for (const chunk of chunksOf(recordingText())) importer.push(chunk);
  importer.end();
  return { profile, events, states };
}
