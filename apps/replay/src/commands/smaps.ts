import { isThpEligible, smaps, traitsOf, vmFlagCodes } from "@pagetrail/core";
import type { Output } from "../output.ts";
import { type ProcessViewOptions, showProcess } from "../process-view.ts";
import { vmaJson } from "../text/vma-json.ts";
import type { Ending } from "./command.ts";

/** Prints one process's /proc/PID/smaps at one moment, but for what counts resident pages. */
export const smapsCommand = (path: string, options: ProcessViewOptions, out: Output): Ending =>
  showProcess(path, options, out, {
    text: smaps,
    json: (state, mm) => ({
      vmas: mm
        ? mm.vmas.toArray().map((vma) => ({
            ...vmaJson(state, mm, vma),
            thpEligible: isThpEligible(mm, vma),
            vmFlags: vmFlagCodes(vma, traitsOf(state.profile)).trimEnd().split(" "),
          }))
        : [],
    }),
    missing: "without the lines that count resident pages: the model has no pages yet",
  });
