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

/** The counts of resident pages that status prints, in pages. */
export interface RssSizes {
  readonly VmHWM: number;
  readonly VmRSS: number;
  readonly RssAnon: number;
  readonly RssFile: number;
  readonly RssShmem: number;
  readonly VmPTE: number;
  readonly VmSwap: number;
  readonly HugetlbPages: number;
}

/** The counts of resident pages; undefined where pages are not modelled. */
export function rssSizes({ pages }: MmStruct): RssSizes | undefined {
  if (!pages) return undefined;
  return {
    VmHWM: Math.max(pages.hiwaterRss, pages.rss),
    VmRSS: pages.rss,
    RssAnon: pages.rssAnon,
    RssFile: pages.rssFile,
    RssShmem: pages.rssShmem,
    VmPTE: pages.table.counted,
    VmSwap: pages.swapEnts,
    HugetlbPages: pages.hugetlb,
  };
}

/** Names in the order in which status has them. */
const ORDER = [
  "VmPeak",
  "VmSize",
  "VmLck",
  "VmPin",
  "VmHWM",
  "VmRSS",
  "RssAnon",
  "RssFile",
  "RssShmem",
  "VmData",
  "VmStk",
  "VmExe",
  "VmLib",
  "VmPTE",
  "VmSwap",
  "HugetlbPages",
] as const;

/**
 * The lines of /proc/PID/status about the sizes of an address space, byte for byte; where pages are not
 * modelled, those that count them are left out. A task without an address space has none.
 */
export function statusVm(mm: MmStruct | undefined): string {
  if (!mm) return "";
  const sizes: Partial<VmSizes & RssSizes> = { ...vmSizes(mm), ...rssSizes(mm) };
  return ORDER.flatMap((name) => {
    const pages = sizes[name];
    return pages === undefined ? [] : [`${name}:\t${inKilobytes(kbOfPages(pages))}`];
  }).join("");
}
