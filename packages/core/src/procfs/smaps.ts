import { PMD_PAGES } from "../arch/index.ts";
import { type KernelState, traitsOf } from "../kernel/index.ts";
import { isAnonymous, type MmStruct, VM, type Vma } from "../mm/index.ts";
import { inKilobytes, kbOfPages } from "./lines.ts";
import { mapsLine, vsyscallLine } from "./maps.ts";
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
 * One VMA's entry in smaps, newline included, without the lines that count resident pages.
 *
 * @kernel show_smap, fs/proc/task_mmu.c (6.18)
 */
export function smapsEntry(state: KernelState, mm: MmStruct, v: Vma): string {
  const huge = v.file === 0 ? undefined : state.files.get(v.file)?.file.hugePages;
  const sizes = ranges(v.pages, kbOfPages(huge ?? 1));
  const codes = vmFlagCodes(v, traitsOf(state.profile));
  return `${mapsLine(state, mm, v)}\n${sizes}${thpEligible(state, isThpEligible(mm, v))}VmFlags: ${codes}\n`;
}

function vsyscallEntry(state: KernelState, mm: MmStruct): string {
  const line = vsyscallLine(state, mm);
  if (line === "") return "";
  const codes = state.profile.vsyscall === "xonly" ? "ex " : "rd ex ";
  return `${line}${ranges(1, 4)}${thpEligible(state, false)}VmFlags: ${codes}\n`;
}

/**
 * /proc/PID/smaps as far as address ranges decide it: each entry's header, sizes, THPeligible and VmFlags,
 * byte for byte. The lines between, which count resident pages, are left out.
 */
export function smaps(state: KernelState, mm: MmStruct | undefined): string {
  if (!mm) return "";
  const entries: string[] = [];
  mm.vmas.forEach((v) => {
    entries.push(smapsEntry(state, mm, v));
  });
  return entries.join("") + vsyscallEntry(state, mm);
}
