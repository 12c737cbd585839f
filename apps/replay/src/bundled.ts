import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Event, encodeProfile, initialState, type Profile, Timeline } from "@pagetrail/core";
import { type ImportSummary, StraceImporter } from "@pagetrail/import";
import type { LoadedLog } from "./open-log.ts";
import { MachineFiles } from "./system-files.ts";
import { producer } from "./version.ts";

const recording = (name: string): string => fileURLToPath(new URL(`../recordings/${name}`, import.meta.url));

/** A recording that comes with pagetrail: a pipeline of bash, on Linux 6.18 without randomisation. */
export const BUNDLED = {
  name: "bash-pipeline",
  command: "bash -c 'cat /etc/passwd | sort | uniq -c | head -5; (echo sub; ls / | wc -l)'",
  trace: recording("bash-pipeline.strace.txt"),
  /** Headers of the programs that it ran: ELF files without code. */
  sysroot: recording("sysroot"),
} as const;

/** The recorded machine's one symbolic link that matters; an npm package cannot hold links. */
const LINKS = {
  "/lib64/ld-linux-x86-64.so.2": "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
};

/** Imports the bundled recording into memory; the same on every machine. */
export function importBundled(): { readonly log: LoadedLog; readonly summary: ImportSummary } {
  const events: Event[] = [];
  let profile: Profile | undefined;
  const importer = new StraceImporter({
    system: new MachineFiles({ sysroot: BUNDLED.sysroot, alone: true, links: LINKS }),
    sink: {
      start: (given) => {
        profile = given;
      },
      event: (event) => events.push(event),
    },
  });
  importer.push(readFileSync(BUNDLED.trace, "latin1"));
  const summary = importer.end();
  if (!profile) throw new Error("an import begins with its profile");
  const log: LoadedLog = {
    name: BUNDLED.name,
    header: {
      producer: producer(),
      profile: encodeProfile(profile),
      source: { format: "strace", files: [BUNDLED.trace] },
    },
    profile,
    version: 1,
    hash: "",
    timeline: new Timeline(initialState(profile), events),
    seals: [],
    finished: true,
  };
  return { log, summary };
}
