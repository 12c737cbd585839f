import { kbOfPages, statusSizes, statusVm, thpEnabled, untagMask } from "@pagetrail/core";
import type { Output } from "../output.ts";
import { type ProcessViewOptions, showProcess } from "../process-view.ts";
import type { Ending } from "./command.ts";

const kb = (pages: number | null): number | null => (pages === null ? null : kbOfPages(pages));

/** Prints what /proc/PID/status says of one process's address space, at one moment. */
export const statusCommand = (path: string, options: ProcessViewOptions, out: Output): Ending =>
  showProcess(path, options, out, {
    text: (state, mm, task) => statusVm(state, mm, task.tgid),
    json: (state, mm, task) => ({
      kb: mm && Object.fromEntries(statusSizes(mm).map(([name, pages]) => [name, kb(pages)])),
      thpEnabled: mm && thpEnabled(mm),
      coreDumping: mm && state.groups.get(task.tgid)?.dumper !== undefined,
      untagMask: mm && (untagMask(state) ?? null),
    }),
    missing: "it is without the lines that count resident pages",
  });
