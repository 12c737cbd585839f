import {
  type KernelState,
  type MemoryState,
  type MmStruct,
  ok,
  type Result,
  type Task,
} from "@pagetrail/core";
import type { CommonOptions, Ending } from "./commands/command.ts";
import { describeMoment, stateOf } from "./moment.ts";
import { type LoadedLog, openAt } from "./open-log.ts";
import type { Output } from "./output.ts";
import { type Problem, refused } from "./problem.ts";
import { type ChosenProcess, chooseProcess } from "./process-choice.ts";
import { listProcesses } from "./process-list.ts";

export interface ProcessViewOptions extends CommonOptions {
  readonly at: string;
  readonly pid?: number;
}

/** One of a process's /proc files, as text and as members of a JSON document. */
export interface ProcessView {
  /** `mm` is undefined for a task that has left its address space. */
  text(state: KernelState, mm: MmStruct | undefined, task: Task): string;
  json(state: KernelState, mm: MmStruct | undefined, task: Task): Readonly<Record<string, unknown>>;
  /** What the view leaves out of a log that does not tell of accesses, to tell its reader. */
  readonly missing?: string;
}

/** A process of a log at one moment, as a command was asked for it. */
export interface ShownProcess extends ChosenProcess {
  readonly log: LoadedLog;
  readonly state: KernelState;
}

/** Opens a log and finds the process that a command shows. */
export async function openProcess(
  path: string,
  options: ProcessViewOptions,
  out: Output,
): Promise<Result<ShownProcess, Problem>> {
  const log = await openAt(path, out, options);
  if (!log.ok) return log;
  const state = stateOf(log.value, options.at, out);
  if (!state.ok) return state;
  const chosen = chooseProcess(log.value, state.value, options.pid);
  return chosen.ok ? ok({ ...chosen.value, log: log.value, state: state.value }) : chosen;
}

/** What a JSON document about a process says of the moment. */
export function momentJson({ log, state: { seq }, task }: ShownProcess): Readonly<Record<string, unknown>> {
  const line = log.timeline.eventAt(seq)?.line ?? null;
  return { log: log.name, event: seq, line, pid: task.pid, comm: task.comm };
}

/** Says on stderr what is shown. */
export function introduce({ log, state, task, mm, label }: ShownProcess, out: Output): void {
  out.note(`${label} in ${log.name} behind ${describeMoment(log, state.seq)}`);
  if (!mm) out.note(`it has left its address space (${task.state}): ${lastMaps(log, task.tgid)}`);
}

/** Shows one process of a log at one moment. */
export async function showProcess(
  path: string,
  options: ProcessViewOptions,
  out: Output,
  view: ProcessView,
): Ending {
  const shown = await openProcess(path, options, out);
  if (!shown.ok) return shown;
  const { state, mm, task } = shown.value;
  if (options.json) {
    out.document({ ...momentJson(shown.value), ...view.json(state, mm, task) });
    return ok(0);
  }
  introduce(shown.value, out);
  if (mm && !state.memory && view.missing) out.note(`${NO_ACCESSES}: ${view.missing}`);
  out.write(view.text(state, mm, task));
  return ok(0);
}

const NO_ACCESSES = "this log does not tell of accesses to memory";

/** Refuses a log of whose pages nothing is known. */
export function requirePages({ name }: LoadedLog, state: KernelState): Result<MemoryState, Problem> {
  if (state.memory) return ok(state.memory);
  const advice = "see maps and smaps for what address ranges decide";
  return refused({ what: `${NO_ACCESSES}, so that its pages are not known`, where: name, advice });
}

/** Where a process that has no maps any more had its last. */
function lastMaps({ timeline }: LoadedLog, pid: number): string {
  const life = listProcesses(timeline.events).findLast((l) => l.pid === pid);
  return life?.ended === undefined ? "its maps are empty" : `its last maps are at --at ${life.ended - 1}`;
}
