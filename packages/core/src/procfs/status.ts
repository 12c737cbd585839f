import { PAGE_SIZE } from "../base/index.ts";
import type { MmStruct } from "../mm/index.ts";
import { inKilobytes, kbOfPages } from "./lines.ts";

/** Whole pages between the first and the last instruction of the program's own text. */
export const textPages = (mm: MmStruct): number =>
  Math.ceil(mm.endCode / PAGE_SIZE) - Math.floor(mm.startCode / PAGE_SIZE);

/** The sizes of an address space that status prints, in pages. */
export interface VmSizes {
  readonly VmPeak: number;
  readonly VmSize: number;
  readonly VmLck: number;
  readonly VmPin: number;
  readonly VmData: number;
  readonly VmStk: number;
  readonly VmExe: number;
  readonly VmLib: number;
}

/**
 * The sizes that address ranges decide. What is executable and not the program's text counts as libraries.
 *
 * @kernel task_mem, fs/proc/task_mmu.c (6.18)
 */
export function vmSizes(mm: MmStruct): VmSizes {
  const text = Math.min(textPages(mm), mm.execVm);
  return {
    VmPeak: Math.max(mm.hiwaterVm, mm.totalVm),
    VmSize: mm.totalVm,
    VmLck: mm.lockedVm,
    VmPin: mm.pinnedVm,
    VmData: mm.dataVm,
    VmStk: mm.stackVm,
    VmExe: text,
    VmLib: mm.execVm - text,
  };
}

/**
 * The lines of /proc/PID/status about the sizes of an address space, byte for byte; those that count
 * resident pages (VmHWM, VmRSS, RssAnon, RssFile, RssShmem, VmPTE, VmSwap) are left out. A task without an
 * address space has none.
 */
export const statusVm = (mm: MmStruct | undefined): string =>
  mm === undefined
    ? ""
    : Object.entries(vmSizes(mm))
        .map(([name, pages]) => `${name}:\t${inKilobytes(kbOfPages(pages))}`)
        .join("");
