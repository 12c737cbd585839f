import {
  isThpEligible,
  type KernelState,
  type MmStruct,
  residentCounts,
  residentIn,
  smaps,
  smapsRollup,
  traitsOf,
  type Vma,
  vmFlagCodes,
} from "@pagetrail/core";
import type { Output } from "../output.ts";
import { type ProcessViewOptions, showProcess } from "../process-view.ts";
import { vmaJson } from "../text/vma-json.ts";
import type { Ending } from "./command.ts";

export interface SmapsOptions extends ProcessViewOptions {
  readonly rollup?: boolean;
}

/** Prints one process's /proc/PID/smaps, or smaps_rollup, at one moment. */
export const smapsCommand = (path: string, options: SmapsOptions, out: Output): Ending =>
  showProcess(path, options, out, options.rollup ? ROLLUP : SMAPS);

const SMAPS = {
  text: smaps,
  json: (state: KernelState, mm: MmStruct | undefined) => ({
    vmas: mm
      ? mm.vmas.toArray().map((vma) => ({
          ...vmaJson(state, mm, vma),
          counts: countsJson(state, mm, [vma], false),
          thpEligible: isThpEligible(mm, vma),
          vmFlags: vmFlagCodes(vma, traitsOf(state.profile)).trimEnd().split(" "),
        }))
      : [],
  }),
  missing: "it is without the lines that count resident pages",
};

const ROLLUP = {
  text: smapsRollup,
  json: (state: KernelState, mm: MmStruct | undefined) => ({
    rollup: mm ? countsJson(state, mm, mm.vmas.items(), true) : null,
  }),
  missing: "there is nothing to sum up",
};

/** Kilobytes by the names of smaps; null where pages are not known. */
function countsJson(state: KernelState, mm: MmStruct, vmas: Iterable<Vma>, rollup: boolean) {
  const resident = residentIn(state, mm, vmas);
  return resident ? Object.fromEntries(residentCounts(resident, traitsOf(state.profile), rollup)) : null;
}
