import {
  assert,
  type Event,
  initialState,
  isDecided,
  isSystemCall,
  type KernelState,
  type MapChange,
  type MmStruct,
  mmOf,
  ok,
  type Pid,
  type Result,
  Timeline,
} from "@pagetrail/core";
import { executed, type LoadedLog } from "./open-log.ts";
import type { Problem } from "./problem.ts";
import { listProcesses, type ProcessLife } from "./process-list.ts";
import { newDigest } from "./replayer.ts";
import { changesBetween, type DiffSide } from "./text/diff-text.ts";

/** One process at one moment. */
export interface TourMoment extends DiffSide {
  readonly what: string;
  readonly seq: number;
  readonly mm: MmStruct;
}

/** The states around one event, and the digests that show that going back is exact. */
export interface StepBack {
  readonly event: Event;
  readonly before: DiffSide;
  readonly after: DiffSide;
  readonly changes: readonly MapChange[];
  /** Of the state before the event: as it was first, and as it is after going on and back. */
  readonly digests: { readonly before: string; readonly after: string; readonly back: string };
}

/** What a tour of a log shows. */
export interface TourFacts {
  readonly log: LoadedLog;
  readonly processes: readonly ProcessLife[];
  readonly decided: number;
  readonly predicted: number;
  /** Absent for a log in which no process ever had a mapping. */
  readonly life?: {
    readonly process: ProcessLife;
    readonly moments: readonly TourMoment[];
    readonly stepBack: StepBack | undefined;
  };
}

/** Looks at a log: its first process from its first mapping to its end. */
export function tourFacts(log: LoadedLog): Result<TourFacts, Problem> {
  const { events } = log.timeline;
  const decided = events.filter((e) => isSystemCall(e) && isDecided(e));
  const processes = listProcesses(events);
  const counted = {
    log,
    processes,
    decided: decided.length,
    predicted: decided.filter((e) => e.divergence === undefined).length,
  };
  const looked = executed(log.name, () => lifeOf(log, processes));
  if (!looked.ok) return looked;
  return ok(looked.value ? { ...counted, life: looked.value } : counted);
}

function lifeOf({ timeline }: LoadedLog, processes: readonly ProcessLife[]): TourFacts["life"] {
  const [process] = processes;
  if (!process) return undefined;
  const pid = process.pid as Pid;
  const end = process.ended === undefined ? process.last : process.ended - 1;
  const own = timeline.events.filter((e) => e.tid === pid && e.seq >= process.first && e.seq <= end);
  const begun = own.find((e) => (mmOf(timeline.stateAt(e.seq), pid)?.vmas.size ?? 0) > 0);
  if (!begun) return undefined;
  const later = own.filter((e) => e.seq >= begun.seq);
  const loaded = afterLoading(later);
  const middle = loaded ?? later[Math.floor(later.length / 2)] ?? begun;
  const first = begun.request.call === "execve" ? "when its program was loaded" : "at its first mapping";
  const moments = [
    momentOf(timeline, pid, begun.seq, first),
    momentOf(timeline, pid, middle.seq, loaded ? "when its libraries were in place" : "half-way"),
    momentOf(timeline, pid, end, "at its end"),
  ].filter((moment) => moment !== undefined);
  return { process, moments, stepBack: stepBackAt(timeline, pid, later) };
}

/** The dynamic linker's last act is to make relocated data read-only. */
const afterLoading = (events: readonly Event[]): Event | undefined =>
  events.find((e, i) => isProtection(e) && !events.slice(i + 1, i + 3).some(isProtection));

const isProtection = ({ request, outcome }: Event): boolean =>
  request.call === "mprotect" && "ret" in outcome;

function momentOf(timeline: Timeline, pid: Pid, seq: number, what: string): TourMoment | undefined {
  const state = timeline.stateAt(seq);
  const mm = mmOf(state, pid);
  return mm && { what, seq, state, mm };
}

function stepBackAt(timeline: Timeline, pid: Pid, events: readonly Event[]): StepBack | undefined {
  const event =
    events.find(isProtection) ?? events.find(({ request }) => request.call === "mmap") ?? events.at(-1);
  if (!event) return undefined;
  const side = (seq: number): DiffSide => {
    const state = timeline.stateAt(seq);
    return { state, mm: mmOf(state, pid) };
  };
  const [before, after] = [side(event.seq - 1), side(event.seq)];
  const digests = {
    before: digestOf(before.state),
    after: digestOf(after.state),
    back: digestOf(goneBack(timeline, event.seq)),
  };
  return { event, before, after, changes: changesBetween(before, after), digests };
}

/** The state before an event, reached anew: another timeline goes beyond the event, then back. */
function goneBack({ origin, events }: Timeline, seq: number): KernelState {
  const again = new Timeline(initialState(origin.profile), events);
  assert(again.stateAt(seq).seq === seq, "the event is executed before it is left");
  return again.stateAt(seq - 1);
}

const digestOf = (state: KernelState): string => newDigest().of(state);
