import { kbOfPages, statusVm, vmSizes } from "@pagetrail/core";
import type { Output } from "../output.ts";
import { type ProcessViewOptions, showProcess } from "../process-view.ts";
import type { Ending } from "./command.ts";

/** Prints the sizes of one process's address space as /proc/PID/status has them, at one moment. */
export const statusCommand = (path: string, options: ProcessViewOptions, out: Output): Ending =>
  showProcess(path, options, out, {
    text: (_, mm) => statusVm(mm),
    json: (_, mm) => ({
      kb: mm && Object.fromEntries(Object.entries(vmSizes(mm)).map(([n, pages]) => [n, kbOfPages(pages)])),
    }),
    missing: "the sizes of the address space only, without those that count resident pages",
  });
