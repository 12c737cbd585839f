import { PMD_PAGES } from "../arch/index.ts";
import { type KernelState, traitsOf } from "../kernel/index.ts";
import { isAnonymous, type MmStruct, VM, type Vma } from "../mm/index.ts";
import { inKilobytes, kbOfPages } from "./lines.ts";
import { mapsLine, pageAddress, vsyscallLine } from "./maps.ts";
import { residentIn, residentLines } from "./resident.ts";
import { vmFlagCodes } from "./vm-flag-codes.ts";

const thpEligible = ({ profile }: KernelState, eligible: boolean): string =>
  `${traitsOf(profile).thpEligible}${eligible ? "1" : "0"}\n`;

/**
 * Whether a fault could bring a huge page under `enabled=madvise`: anonymous memory that asked for it and
 * holds an aligned 2 MiB. Shared memory and files have none in the reference configuration.
 *
 * @kernel __thp_vma_allowable_orders, mm/huge_memory.c (6.18)
 */
export function isThpEligible(mm: MmStruct, v: Vma): boolean {
  if (mm.thpDisabled === "completely") return false;
  if (!isAnonymous(v) || (v.flags & VM.HUGEPAGE) === 0) return false;
  return Math.floor(v.end / PMD_PAGES) * PMD_PAGES - PMD_PAGES >= v.start;
}

/** What one entry tells of its address range; `pageKb` is the size of the pages that map it. */
const ranges = (pages: number, pageKb: number): string =>
  `Size:           ${inKilobytes(kbOfPages(pages))}` +
  `KernelPageSize: ${inKilobytes(pageKb)}` +
  `MMUPageSize:    ${inKilobytes(pageKb)}`;

/**
 * One VMA's entry in smaps, newline included. Where pages are not modelled the lines that count them are left
 * out.
 *
 * @kernel show_smap, fs/proc/task_mmu.c (6.18)
 */
export function smapsEntry(state: KernelState, mm: MmStruct, v: Vma): string {
  const huge = v.file === 0 ? undefined : state.files.get(v.file)?.file.hugePages;
  const resident = residentIn(state, mm, [v]);
  return [
    `${mapsLine(state, mm, v)}\n`,
    ranges(v.pages, kbOfPages(huge ?? 1)),
    resident ? residentLines(resident, traitsOf(state.profile), false) : "",
    thpEligible(state, isThpEligible(mm, v)),
    `VmFlags: ${vmFlagCodes(v, traitsOf(state.profile))}\n`,
  ].join("");
}

function vsyscallEntry(state: KernelState, mm: MmStruct): string {
  const line = vsyscallLine(state, mm);
  if (line === "") return "";
  const codes = state.profile.vsyscall === "xonly" ? "ex " : "rd ex ";
  const resident = residentIn(state, mm, []);
  const counted = resident ? residentLines(resident, traitsOf(state.profile), false) : "";
  return `${line}${ranges(1, 4)}${counted}${thpEligible(state, false)}VmFlags: ${codes}\n`;
}

/**
 * /proc/PID/smaps, byte for byte. Where pages are not modelled an entry has its header, sizes, THPeligible and
 * VmFlags alone.
 */
export function smaps(state: KernelState, mm: MmStruct | undefined): string {
  if (!mm) return "";
  const entries: string[] = [];
  mm.vmas.forEach((v) => {
    entries.push(smapsEntry(state, mm, v));
  });
  return entries.join("") + vsyscallEntry(state, mm);
}

/**
 * /proc/PID/smaps_rollup, byte for byte: the sums over all mappings. Empty without an address space, and where
 * pages are not modelled.
 *
 * @kernel show_smaps_rollup, fs/proc/task_mmu.c (6.18)
 */
export function smapsRollup(state: KernelState, mm: MmStruct | undefined): string {
  const resident = mm && residentIn(state, mm, mm.vmas.items());
  if (!mm || !resident) return "";
  const [first, last] = [mm.vmas.first(), mm.vmas.last()];
  const range = `${pageAddress(first?.start ?? 0)}-${pageAddress(last?.end ?? 0)} ---p 00000000 00:00 0 `;
  return `${range.padEnd(mm.layout.nameColumn)}[rollup]\n${residentLines(resident, traitsOf(state.profile), true)}`;
}
