import { statm, statmLine } from "@pagetrail/core";
import type { Output } from "../output.ts";
import { type ProcessViewOptions, showProcess } from "../process-view.ts";
import type { Ending } from "./command.ts";

/** Prints one process's /proc/PID/statm at one moment. */
export const statmCommand = (path: string, options: ProcessViewOptions, out: Output): Ending =>
  showProcess(path, options, out, {
    text: (_, mm) => statmLine(statm(mm)),
    json: (_, mm) => ({ pages: statm(mm) }),
    missing: "? stands for what counts resident pages",
  });
