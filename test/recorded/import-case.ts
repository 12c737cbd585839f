import {
  advanceState,
  type Event,
  initialState,
  isSystemCall,
  type KernelState,
  type MmStruct,
  maps,
  mmOf,
  type Outcome,
  type Profile,
  violations,
} from "@pagetrail/core";
import { type ImportSummary, StraceImporter } from "@pagetrail/import";
import { sysrootFiles } from "./system-files.ts";
import { type Case, type ReplayLine, sysrootDir } from "./truth.ts";

/** A recording as a log: its profile and events. */
export interface ImportedCase {
  readonly profile: Profile;
  readonly events: readonly Event[];
  readonly summary: ImportSummary;
  /** Laws that did not hold after some event, when they were asked for. */
  readonly broken: readonly string[];
}

/** Imports a recording with the program headers of its own machine. */
export function importCase(recorded: Case, options: { readonly laws: boolean }): ImportedCase {
  const events: Event[] = [];
  const broken: string[] = [];
  let profile: Profile | undefined;
  const importer = new StraceImporter({
    system: sysrootFiles(sysrootDir),
    cwd: recorded.cwd,
    sink: {
      start: (p) => {
        profile = p;
      },
      event: (event, state) => {
        events.push(event);
        if (!options.laws) return;
        for (const v of violations(state))
          broken.push(`${recorded.name} event ${event.seq}: ${v.law} ${v.where}: ${v.what}`);
      },
    },
  });
  importer.push(recorded.strace);
  const summary = importer.end();
  if (!profile) throw new Error("the import did not start");
  return { profile, events, summary, broken };
}

const shown = (o: Outcome): string =>
  "ret" in o ? `0x${o.ret.toString(16)}` : "errno" in o ? `-${o.errno}` : "?";

/** The lines that `pagetrail replay LOG --emit maps --jsonl` prints, made while they are read. */
export function* replayLines({ profile, events }: ImportedCase): Generator<ReplayLine> {
  let state: KernelState = initialState(profile);
  const last = new Map<number, MmStruct | undefined>();
  for (const event of events) {
    const before = state.tasks.get(event.tid);
    state = advanceState(state, event).state;
    if (!isSystemCall(event) || event.line === undefined) continue;
    const pid = (state.tasks.get(event.tid) ?? before)?.tgid ?? event.tid;
    const mm = mmOf(state, pid);
    const same = last.has(pid) && last.get(pid) === mm;
    last.set(pid, mm);
    yield {
      line: event.line,
      pid,
      tid: event.tid,
      call: event.as ?? event.request.call,
      outcome: shown(event.outcome),
      predicted: shown(event.divergence ?? event.outcome),
      maps: same || !mm ? null : maps(state, mm),
    };
  }
}
