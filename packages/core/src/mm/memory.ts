import type { PagingMode } from "../arch/index.ts";
import type { FileId, Result } from "../base/index.ts";
import type { TableFrames } from "../paging/index.ts";
import type { PhysMemory, SwapArea } from "../phys/index.ts";
import type { HugePool } from "./huge-pool.ts";
import type { MmEdit } from "./mm-edit.ts";
import type { MmStruct } from "./mm-struct.ts";
import type { MmuGather } from "./mmu-gather.ts";
import type { OpenFile } from "./open-file.ts";
import type { PageCache } from "./page-cache.ts";
import type { Vma } from "./vma.ts";

/** What the machine is below address ranges. Asked only of a log that tells every access to memory. */
export interface PageModel {
  /** Every access is told, so that pages can be modelled; else they are not. */
  readonly known: boolean;
  /** Page frames of the machine. */
  readonly frames: number;
  /** /sys/kernel/mm/transparent_hugepage/enabled. */
  readonly thp: "always" | "madvise" | "never";
  /** fault_around_bytes, in pages. */
  readonly faultAround: number;
  /** ra_pages: pages of a read-ahead window. */
  readonly readAhead: number;
  /**
   * What the page cache has of a file that the log says nothing about: "warm" every page, read long before the
   * log begins, or "cold" none.
   */
  readonly fileCache: "warm" | "cold";
  readonly paging: PagingMode["name"];
}

/** What a fault came to: VM_FAULT_*, of which the last three are errors. */
export type FaultEnd = "done" | "major" | "sigbus" | "sigsegv" | "oom";

/** Faults as operations on address ranges need them; the room above this one has them. */
export interface Faults {
  /** Brings the pages of a range in, as mlock and MAP_POPULATE do: __mm_populate, mm/gup.c. */
  populate(edit: MmEdit, start: number, end: number, onError: "stop" | "ignore"): Result<void>;
  /** Brings the pages of one VMA's part in for reading or writing: faultin_page_range, mm/gup.c. */
  faultIn(edit: MmEdit, vma: Vma, start: number, end: number, write: boolean): FaultEnd;
}

/** The machine's memory behind all address spaces, checked out by a transaction. */
export interface Memory {
  readonly model: PageModel;
  readonly phys: PhysMemory;
  readonly swap: SwapArea;
  readonly pool: HugePool;
  readonly tables: TableFrames;
  readonly faults: Faults;
  /** Faults that ended well since the transaction asked last: for the task that had them. */
  readonly counted: { minor: number; major: number };
  /** What is taken out of page tables, for the TLBs; undefined where none are modelled. */
  readonly gather: MmuGather | undefined;
  /** How the machine translates addresses. */
  readonly paging: PagingMode;
  /** The page cache of a file, to be changed; empty at first. */
  cache(mapping: FileId): PageCache;
  /** The page cache of a file, to be looked at; undefined when it is empty. */
  peekCache(mapping: FileId): PageCache | undefined;
  /** Every address space there is. */
  spaces(): Iterable<MmStruct>;
  /** Every address space that maps the file. */
  mappersOf(mapping: FileId): readonly MmEdit[];
}

/** What the page cache knows a file by: all open files of one inode share it (f_mapping). */
export const mappingOf = (file: OpenFile): FileId => file.mapping ?? file.id;
