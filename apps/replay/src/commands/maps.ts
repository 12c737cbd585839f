import { hex, type KernelState, type MmStruct, maps, mapsLine, ok, PAGE_SIZE } from "@pagetrail/core";
import { describeMoment, stateOf } from "../moment.ts";
import { type LoadedLog, openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { chooseProcess } from "../process-choice.ts";
import { listProcesses } from "../process-list.ts";
import { pagesSize } from "../text/numbers.ts";
import { vmaJson } from "../text/vma-json.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface MapsOptions extends CommonOptions {
  readonly at: string;
  readonly pid?: number;
  readonly gaps?: boolean;
}

/** Prints one process's /proc/PID/maps at one moment. */
export async function mapsCommand(path: string, options: MapsOptions, out: Output): Ending {
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const state = stateOf(log.value, options.at, out);
  if (!state.ok) return state;
  const chosen = chooseProcess(log.value, state.value, options.pid);
  if (!chosen.ok) return chosen;
  const { task, mm, label } = chosen.value;
  if (options.json) {
    out.document({
      log: log.value.name,
      event: state.value.seq,
      line: log.value.timeline.eventAt(state.value.seq)?.line ?? null,
      pid: task.pid,
      comm: task.comm,
      vmas: mm ? [...mm.vmas.items()].map((vma) => vmaJson(state.value, mm, vma)) : [],
    });
    return ok(0);
  }
  out.note(`${label} in ${log.value.name} behind ${describeMoment(log.value, state.value.seq)}`);
  if (!mm) out.note(`it has left its address space (${task.state}): ${lastMaps(log.value, task.tgid)}`);
  else if (options.gaps) out.lines(linesWithGaps(state.value, mm, out));
  else out.write(maps(state.value, mm));
  return ok(0);
}

/** Where a process that has no maps any more had its last. */
function lastMaps({ timeline }: LoadedLog, pid: number): string {
  const life = listProcesses(timeline.events).findLast((l) => l.pid === pid);
  return life?.ended === undefined ? "its maps are empty" : `its last maps are at --at ${life.ended - 1}`;
}

/** The lines of maps, and between them what is free. */
function* linesWithGaps(state: KernelState, mm: MmStruct, out: Output): Generator<string> {
  let end = 0;
  for (const vma of mm.vmas.items()) {
    if (vma.start > end) yield out.style.dim(gap(end, vma.start));
    yield mapsLine(state, mm, vma);
    end = vma.end;
  }
  const top = mm.layout.taskSize / PAGE_SIZE;
  if (top > end) yield out.style.dim(gap(end, top));
}

const gap = (start: number, end: number): string =>
  `  free ${hex(start * PAGE_SIZE)}-${hex(end * PAGE_SIZE)} ${pagesSize(end - start)}`;
