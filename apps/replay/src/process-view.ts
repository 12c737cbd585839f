import { type KernelState, type MmStruct, ok } from "@pagetrail/core";
import type { CommonOptions, Ending } from "./commands/command.ts";
import { describeMoment, stateOf } from "./moment.ts";
import { type LoadedLog, openLog } from "./open-log.ts";
import type { Output } from "./output.ts";
import { chooseProcess } from "./process-choice.ts";
import { listProcesses } from "./process-list.ts";

export interface ProcessViewOptions extends CommonOptions {
  readonly at: string;
  readonly pid?: number;
}

/** One of a process's /proc files, as text and as members of a JSON document. */
export interface ProcessView {
  /** `mm` is undefined for a task that has left its address space. */
  text(state: KernelState, mm: MmStruct | undefined): string;
  json(state: KernelState, mm: MmStruct | undefined): Readonly<Record<string, unknown>>;
  /** What to tell the reader about lines that the view leaves out. */
  readonly missing?: string;
}

/** Shows one process of a log at one moment. */
export async function showProcess(
  path: string,
  options: ProcessViewOptions,
  out: Output,
  view: ProcessView,
): Ending {
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const state = stateOf(log.value, options.at, out);
  if (!state.ok) return state;
  const chosen = chooseProcess(log.value, state.value, options.pid);
  if (!chosen.ok) return chosen;
  const { task, mm, label } = chosen.value;
  const { seq } = state.value;
  if (options.json) {
    const line = log.value.timeline.eventAt(seq)?.line ?? null;
    const moment = { log: log.value.name, event: seq, line, pid: task.pid, comm: task.comm };
    out.document({ ...moment, ...view.json(state.value, mm) });
    return ok(0);
  }
  out.note(`${label} in ${log.value.name} behind ${describeMoment(log.value, seq)}`);
  if (!mm) out.note(`it has left its address space (${task.state}): ${lastMaps(log.value, task.tgid)}`);
  else if (view.missing) out.note(view.missing);
  out.write(view.text(state.value, mm));
  return ok(0);
}

/** Where a process that has no maps any more had its last. */
function lastMaps({ timeline }: LoadedLog, pid: number): string {
  const life = listProcesses(timeline.events).findLast((l) => l.pid === pid);
  return life?.ended === undefined ? "its maps are empty" : `its last maps are at --at ${life.ended - 1}`;
}
