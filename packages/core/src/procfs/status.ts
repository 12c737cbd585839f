import { PAGE_SIZE, type Pid } from "../base/index.ts";
import { type KernelState, traitsOf } from "../kernel/index.ts";
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

/** The sizes of an address space by name, in the order of status, in pages; null where pages are not modelled. */
export function statusSizes(mm: MmStruct): readonly (readonly [name: string, pages: number | null])[] {
  const sizes: Partial<VmSizes & RssSizes> = { ...vmSizes(mm), ...rssSizes(mm) };
  return ORDER.map((name) => [name, sizes[name] ?? null]);
}

/** Whether the process may have transparent huge pages without asking for them. */
export const thpEnabled = ({ thpDisabled }: MmStruct): boolean => thpDisabled !== "completely";

/**
 * The bits of an address that the hardware looks at: all of them, as many as the kernel's own words have;
 * undefined for a release that does not tell.
 */
export function untagMask({ profile }: KernelState): string | undefined {
  if (!traitsOf(profile).untagMask) return undefined;
  return profile.layout === "i386" ? "0xffffffff" : "0xffffffffffffffff";
}

/**
 * The lines of /proc/PID/status about an address space, byte for byte; where pages are not modelled, those that
 * count them are left out. A task without an address space has none.
 *
 * @param process whose file it is: that one of its threads dumps core does not show in others that share `mm`
 * @kernel task_core_dumping, task_thp_status, task_untag_mask, fs/proc/array.c (6.18)
 */
export function statusVm(state: KernelState, mm: MmStruct | undefined, process: Pid): string {
  if (!mm) return "";
  const dumping = state.groups.get(process)?.dumper !== undefined;
  const lines = statusSizes(mm).flatMap(([name, pages]) =>
    pages === null ? [] : [`${name}:\t${inKilobytes(kbOfPages(pages))}`],
  );
  lines.push(`CoreDumping:\t${dumping ? 1 : 0}\n`, `THP_enabled:\t${thpEnabled(mm) ? 1 : 0}\n`);
  const mask = untagMask(state);
  if (mask !== undefined) lines.push(`untag_mask:\t${mask}\n`);
  return lines.join("");
}
