import { hex, type KernelState, type MmStruct, maps, mapsLine, PAGE_SIZE } from "@pagetrail/core";
import type { Output } from "../output.ts";
import { type ProcessViewOptions, showProcess } from "../process-view.ts";
import { pagesSize } from "../text/numbers.ts";
import { vmaJson } from "../text/vma-json.ts";
import type { Ending } from "./command.ts";

export interface MapsOptions extends ProcessViewOptions {
  readonly gaps?: boolean;
}

/** Prints one process's /proc/PID/maps at one moment. */
export const mapsCommand = (path: string, options: MapsOptions, out: Output): Ending =>
  showProcess(path, options, out, {
    text: (state, mm) => (mm && options.gaps ? linesWithGaps(state, mm, out) : maps(state, mm)),
    json: (state, mm) => ({ vmas: mm ? mm.vmas.toArray().map((vma) => vmaJson(state, mm, vma)) : [] }),
  });

/** The lines of maps, and between them what is free. */
function linesWithGaps(state: KernelState, mm: MmStruct, out: Output): string {
  const lines: string[] = [];
  let end = 0;
  for (const vma of mm.vmas.items()) {
    if (vma.start > end) lines.push(out.style.dim(gap(end, vma.start)));
    lines.push(mapsLine(state, mm, vma));
    end = vma.end;
  }
  const top = mm.layout.taskSize / PAGE_SIZE;
  if (top > end) lines.push(out.style.dim(gap(end, top)));
  return lines.map((line) => `${line}\n`).join("");
}

const gap = (start: number, end: number): string =>
  `  free ${hex(start * PAGE_SIZE)}-${hex(end * PAGE_SIZE)} ${pagesSize(end - start)}`;
