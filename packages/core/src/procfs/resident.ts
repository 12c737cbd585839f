import {
  isDirty,
  isGuard,
  isPresent,
  isSpecialEntry,
  isYoung,
  type KernelTraits,
  pfnOf,
  swapOffset,
} from "../arch/index.ts";
import type { KernelState, MemoryState } from "../kernel/index.ts";
import { HUGE_PAGES, type MmPages, type MmStruct, mappingOf, VM, VM_OPS, type Vma } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { FRAME, PG } from "../phys/index.ts";
import { inKilobytes } from "./lines.ts";

/** Shifts of a page's share, so that a third of a page is not lost: PSS_SHIFT. */
const PSS_SHIFT = 12;
const PAGE_BYTES = 4096;

/** What smaps counts of the pages of a mapping, in bytes; shares are shifted up by 12 (struct mem_size_stats). */
export interface Resident {
  resident: number;
  sharedClean: number;
  sharedDirty: number;
  privateClean: number;
  privateDirty: number;
  referenced: number;
  anonymous: number;
  lazyfree: number;
  anonymousThp: number;
  sharedHugetlb: number;
  privateHugetlb: number;
  swap: number;
  pss: number;
  pssAnon: number;
  pssFile: number;
  pssShmem: number;
  pssDirty: number;
  pssLocked: number;
  swapPss: number;
}

const NOTHING: Resident = {
  resident: 0,
  sharedClean: 0,
  sharedDirty: 0,
  privateClean: 0,
  privateDirty: 0,
  referenced: 0,
  anonymous: 0,
  lazyfree: 0,
  anonymousThp: 0,
  sharedHugetlb: 0,
  privateHugetlb: 0,
  swap: 0,
  pss: 0,
  pssAnon: 0,
  pssFile: 0,
  pssShmem: 0,
  pssDirty: 0,
  pssLocked: 0,
  swapPss: 0,
};

/**
 * Counts the pages of mappings; undefined in a log that does not tell of accesses.
 *
 * @kernel smap_gather_stats, smaps_pte_range, fs/proc/task_mmu.c (6.18)
 */
export function residentIn(state: KernelState, mm: MmStruct, vmas: Iterable<Vma>): Resident | undefined {
  const { memory } = state;
  const { pages } = mm;
  if (!memory || !pages) return undefined;
  const sum = { ...NOTHING };
  for (const vma of vmas) {
    sum.swap += swappedShared(state, memory, pages, vma) * PAGE_BYTES;
    pages.table.visit(vma.start, vma.end, {
      leaf(table, from, to) {
        for (let i = from; i < to; i++) if (!table.isEmpty(i)) countEntry(memory, vma, table, i, sum);
      },
      large(table, i) {
        countLarge(memory, vma, table, i, sum);
      },
    });
  }
  return sum;
}

/**
 * Pages of shared memory behind a mapping that are in swap; where the mapping may have copies of its own, only
 * those that it has not.
 *
 * @kernel shmem_swap_usage, mm/shmem.c; smaps_pte_hole, fs/proc/task_mmu.c (6.18)
 */
function swappedShared(state: KernelState, { caches }: MemoryState, { table }: MmPages, vma: Vma): number {
  if (vma.ops !== VM_OPS.shmem && vma.ops !== VM_OPS.shm) return 0;
  const file = state.files.get(vma.file)?.file;
  const cache = file && caches.get(mappingOf(file));
  if (!cache || cache.swapped === 0) return 0;
  const copies = (vma.flags & (VM.SHARED | VM.WRITE)) === VM.WRITE;
  let found = 0;
  for (const [index] of cache.slots(vma.pgoff, vma.pgoff + vma.pages)) {
    const page = vma.start + (index - vma.pgoff);
    if (!copies || (table.find(0, page)?.isEmpty(table.index(0, page)) ?? true)) found++;
  }
  return found;
}

function countEntry(memory: MemoryState, vma: Vma, table: TablePage, i: number, sum: Resident): void {
  const [lo, hi] = [table.words[2 * i] as number, table.words[2 * i + 1] as number];
  if (isPresent(lo)) {
    if (!isSpecialEntry(lo)) countPage(memory, vma, pfnOf(lo, hi), lo, hi, sum);
    return;
  }
  if (isGuard(lo, hi)) return;
  sum.swap += PAGE_BYTES;
  const users = memory.swap.count(swapOffset(lo, hi));
  sum.swapPss += Math.floor((PAGE_BYTES * 2 ** PSS_SHIFT) / Math.max(users, 1));
}

function countLarge(memory: MemoryState, vma: Vma, table: TablePage, i: number, sum: Resident): void {
  const [lo, hi] = [table.words[2 * i] as number, table.words[2 * i + 1] as number];
  if (!isPresent(lo) || isSpecialEntry(lo)) return;
  const head = pfnOf(lo, hi);
  if (memory.phys.has(head, PG.HUGETLB)) {
    const shared = memory.phys.get(head, FRAME.ENTIRE) > 1;
    sum[shared ? "sharedHugetlb" : "privateHugetlb"] += HUGE_PAGES * PAGE_BYTES;
    return;
  }
  sum.anonymousThp += HUGE_PAGES * PAGE_BYTES;
  for (let n = 0; n < HUGE_PAGES; n++) countPage(memory, vma, head + n, lo, hi, sum);
}

/** One mapped page: smaps_account. */
function countPage(
  { phys }: MemoryState,
  vma: Vma,
  pfn: number,
  lo: number,
  hi: number,
  sum: Resident,
): void {
  const head = phys.head(pfn);
  const flags = phys.get(head, FRAME.FLAGS);
  const dirty = isDirty(lo, hi) || (flags & PG.DIRTY) !== 0;
  const anon = (flags & PG.ANON) !== 0;
  sum.resident += PAGE_BYTES;
  if (anon) sum.anonymous += PAGE_BYTES;
  if (anon && (flags & PG.SWAPBACKED) === 0 && !dirty) sum.lazyfree += PAGE_BYTES;
  if (isYoung(lo) || (flags & PG.REFERENCED) !== 0) sum.referenced += PAGE_BYTES;
  const users = phys.mapcount(pfn);
  const share = Math.floor((PAGE_BYTES * 2 ** PSS_SHIFT) / Math.max(users, 1));
  sum.pss += share;
  sum[anon ? "pssAnon" : (flags & PG.SHMEM) !== 0 ? "pssShmem" : "pssFile"] += share;
  if (dirty) sum.pssDirty += share;
  if ((vma.flags & VM.LOCKED) !== 0) sum.pssLocked += share;
  const kind = users > 1 ? (dirty ? "sharedDirty" : "sharedClean") : dirty ? "privateDirty" : "privateClean";
  sum[kind] += PAGE_BYTES;
}

/** A count of smaps: its name, and kilobytes. */
type Count = readonly [name: string, kb: number];

/**
 * What smaps counts, by the names and in the order of its lines; a rollup tells more of Pss.
 *
 * @kernel __show_smap, fs/proc/task_mmu.c (6.18)
 */
export function residentCounts(sum: Resident, traits: KernelTraits, rollup: boolean): readonly Count[] {
  const kb = (name: string, bytes: number): Count => [name, Math.floor(bytes / 1024)];
  const share = (name: string, shifted: number): Count => kb(name, Math.floor(shifted / 2 ** PSS_SHIFT));
  const { pssAnon, pssFile, pssShmem } = sum;
  return [
    kb("Rss", sum.resident),
    share("Pss", sum.pss),
    ...(traits.pssDirty ? [share("Pss_Dirty", sum.pssDirty)] : []),
    ...(rollup ? [share("Pss_Anon", pssAnon), share("Pss_File", pssFile), share("Pss_Shmem", pssShmem)] : []),
    kb("Shared_Clean", sum.sharedClean),
    kb("Shared_Dirty", sum.sharedDirty),
    kb("Private_Clean", sum.privateClean),
    kb("Private_Dirty", sum.privateDirty),
    kb("Referenced", sum.referenced),
    kb("Anonymous", sum.anonymous),
    ...(traits.smapsKsm ? [kb("KSM", 0)] : []),
    kb("LazyFree", sum.lazyfree),
    kb("AnonHugePages", sum.anonymousThp),
    kb("ShmemPmdMapped", 0),
    kb("FilePmdMapped", 0),
    kb("Shared_Hugetlb", sum.sharedHugetlb),
    kb("Private_Hugetlb", sum.privateHugetlb),
    kb("Swap", sum.swap),
    share("SwapPss", sum.swapPss),
    share("Locked", sum.pssLocked),
  ];
}

/** The lines of smaps that count pages. Numbers end in one column, which a name of the full width makes narrower. */
export function residentLines(sum: Resident, traits: KernelTraits, rollup: boolean): string {
  const line = ([name, kb]: Count): string => {
    if (name === "FilePmdMapped") return traits.filePmdMapped + inKilobytes(kb);
    const label = `${name}: `.padEnd(16);
    return `${label}${String(kb).padStart(24 - label.length)} kB\n`;
  };
  return residentCounts(sum, traits, rollup).map(line).join("");
}
