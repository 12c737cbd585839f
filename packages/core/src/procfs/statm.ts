import type { MmStruct } from "../mm/index.ts";
import { textPages } from "./status.ts";

/** The seven numbers of statm in pages; null for those that count pages that are not modelled. */
export type Statm = readonly [
  size: number,
  resident: number | null,
  shared: number | null,
  text: number,
  lib: 0,
  data: number,
  dirty: 0,
];

/**
 * The numbers of /proc/PID/statm. A task without an address space has seven zeros.
 *
 * @kernel proc_pid_statm, fs/proc/array.c; task_statm, fs/proc/task_mmu.c (6.18)
 */
export const statm = (mm: MmStruct | undefined): Statm =>
  mm === undefined
    ? [0, 0, 0, 0, 0, 0, 0]
    : [
        mm.totalVm,
        mm.pages?.rss ?? null,
        mm.pages ? mm.pages.rssFile + mm.pages.rssShmem : null,
        textPages(mm),
        0,
        mm.dataVm + mm.stackVm,
        0,
      ];

/** statm's line, with `?` for a number that the model does not know. */
export const statmLine = (numbers: Statm): string => `${numbers.map((n) => n ?? "?").join(" ")}\n`;
