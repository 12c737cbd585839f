import type { Layout } from "../arch/index.ts";
import type { FileId, MmId, Vpn } from "../base/index.ts";
import { GapTree } from "../struct/index.ts";
import type { MmPages } from "./mm-pages.ts";
import type { Vma } from "./vma.ts";

/** A ring that io_setup has mapped: kioctx, as far as it knows about memory. */
export interface AioRing {
  readonly file: FileId;
  /** Where it begins, or where the part of it begins that moved last. */
  readonly start: Vpn;
  readonly pages: number;
}

/** How PR_SET_THP_DISABLE takes transparent huge pages away. */
export type ThpDisabled = "completely" | "except advised";

/** A state of the chart of an address space's life, process/mm-life.ts. */
export type MmLife = "allocated" | "in use" | "torn down" | "borrowed" | "freed";

/**
 * mm_struct: one address space. Sizes and limits are in pages, `brk` and the program's own ranges in
 * bytes. A committed one is frozen; inside a transaction its checked-out copy is yours to change.
 */
export interface MmStruct {
  readonly id: MmId;
  readonly layout: Layout;
  /** mm_mt: the VMAs by address. */
  readonly vmas: GapTree<Vma>;
  readonly mmapBase: Vpn;
  readonly mmapLegacyBase: Vpn;
  /**
   * The same for calls through the entry that is not the task's own: of a 64-bit task those of 32-bit calls
   * (mmap_compat_base, mmap_compat_legacy_base), of a 32-bit one those of 64-bit calls.
   */
  readonly mmapCompatBase: Vpn;
  readonly mmapCompatLegacyBase: Vpn;
  /** Searches go upward from the legacy base: the ADDR_COMPAT_LAYOUT personality at exec. */
  readonly bottomUp: boolean;

  readonly life: MmLife;
  /** init_mm: no program's, and never freed. */
  readonly kernel?: true | undefined;
  readonly mmUsers: number;
  readonly mmCount: number;

  readonly totalVm: number;
  readonly lockedVm: number;
  readonly pinnedVm: number;
  readonly dataVm: number;
  readonly execVm: number;
  readonly stackVm: number;
  readonly hiwaterVm: number;
  /** vm_flags that every new mapping gets: VM_LOCKED after mlockall(MCL_FUTURE). */
  readonly defFlags: number;

  readonly startCode: number;
  readonly endCode: number;
  readonly startData: number;
  readonly endData: number;
  readonly startBrk: number;
  readonly brk: number;
  readonly startStack: number;
  readonly argStart: number;
  readonly argEnd: number;
  readonly envStart: number;
  readonly envEnd: number;

  /** Where the vdso sits: mm->context.vdso. */
  readonly vdso: Vpn;
  /** Bits of PR_SET_MDWE: with any, memory is refused that is or becomes writable and executable. */
  readonly mdwe: number;
  /** PR_SET_THP_DISABLE: no transparent huge pages, or only where madvise asks for them. */
  readonly thpDisabled?: ThpDisabled | undefined;
  /** PR_SET_MEMORY_MERGE: all memory is as if MADV_MERGEABLE had been given for it. */
  readonly mergeAny?: true | undefined;
  /** The OOM reaper took memory of it: a fault where nothing is any more ends in SIGBUS (MMF_UNSTABLE). */
  readonly unstable?: true | undefined;
  /** There is nothing to reap in it any more, or there must not be (MMF_OOM_SKIP). */
  readonly oomSkip?: true | undefined;
  /** Rings of asynchronous I/O by their number, of which some may be gone: ioctx_table. */
  readonly rings?: readonly (AioRing | undefined)[] | undefined;

  /**
   * First pages of private writable VMAs that no write is known to have touched since they were made or
   * changed; `UNTOUCHED_ANYWHERE` alone when there are too many to list. Only recordings without page faults
   * ask for it.
   */
  readonly untouched: readonly number[];

  /**
   * Page tables and resident pages; absent in a log that does not tell of accesses, and of a process that was
   * there before its log.
   */
  readonly pages?: MmPages | undefined;
}

/** A checked-out mm: the same record, open for changes. */
export type MmDraft = { -readonly [K in keyof MmStruct]: MmStruct[K] };

/** The fields that a program or the loader sets as plain values. */
export type MmScalar = Exclude<keyof MmStruct, "id" | "layout" | "vmas" | "pages" | "kernel">;

/** map_count: the number of VMAs. */
export const mapCount = (mm: MmStruct): number => mm.vmas.size;

/** A new, empty address space, before anybody refers to it: mm_init, kernel/fork.c. */
export const emptyMm = (id: MmId, layout: Layout): MmStruct => ({
  id,
  layout,
  vmas: GapTree.empty<Vma>(),
  mmapBase: 0 as Vpn,
  mmapLegacyBase: 0 as Vpn,
  mmapCompatBase: 0 as Vpn,
  mmapCompatLegacyBase: 0 as Vpn,
  bottomUp: false,
  life: "allocated",
  mmUsers: 0,
  mmCount: 0,
  totalVm: 0,
  lockedVm: 0,
  pinnedVm: 0,
  dataVm: 0,
  execVm: 0,
  stackVm: 0,
  hiwaterVm: 0,
  defFlags: 0,
  startCode: 0,
  endCode: 0,
  startData: 0,
  endData: 0,
  startBrk: 0,
  brk: 0,
  startStack: 0,
  argStart: 0,
  argEnd: 0,
  envStart: 0,
  envEnd: 0,
  vdso: 0 as Vpn,
  mdwe: 0,
  untouched: [],
});
