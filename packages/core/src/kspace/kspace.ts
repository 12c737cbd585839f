import type { KernelHalf } from "../arch/index.ts";
import { GapTree, type Span, Table } from "../struct/index.ts";

/** Where page frames come from, and go back to. */
export interface PageAllocator {
  /** The first of 2^order free frames in a row; undefined when there are none. */
  alloc(order: number): number | undefined;
  free(pfn: number, order: number): void;
}

/** What the operations on the kernel half are told of the machine. */
export interface KspaceEnv {
  readonly half: KernelHalf;
  /** Frames that the machine has. */
  readonly totalPages: number;
  /** CPUs that are online. */
  readonly cpus: number;
  readonly frames: PageAllocator;
}

/** An area of the vmalloc range: struct vmap_area and its vm_struct. Pages, [start, end), the guard included. */
export interface VmapArea extends Span {
  /** Who made it, or that it was freed and still waits for the flush that lets it be used again. */
  readonly kind: "vmalloc" | "vmap" | "lazy";
  /** Its last page is never mapped. */
  readonly guard: boolean;
  /** The frame of each of its pages, from the first. */
  readonly frames: readonly number[];
  /** The function that asked for it. */
  readonly caller: string;
}

/** A slot of kmap that is mapped: pkmap_count says 1 more than it has users. */
export interface PkmapSlot {
  readonly pfn: number;
  readonly count: number;
}

/** A task that sleeps in kmap until a slot is free. */
export interface KmapWaiter {
  readonly tid: number;
  readonly pfn: number;
}

/** What is mapped in the kernel half, the same for all address spaces of the machine. */
export interface Kspace {
  readonly areas: GapTree<VmapArea>;
  /** Pages of the lazy areas: vmap_lazy_nr. */
  readonly lazyPages: number;
  /** Purges so far; each is one flush of all TLBs. */
  readonly purges: number;
  /** The slots of kmap that are not free, by number. */
  readonly pkmap: Table<number, PkmapSlot>;
  /** The slot of each high frame that has one: page_address. */
  readonly pageAddress: Table<number, number>;
  /** The slot that was handed out last: last_pkmap_nr. */
  readonly lastPkmap: number;
  /** Flushes of all stale slots so far. */
  readonly pkmapFlushes: number;
  /** In the order in which they began to wait. */
  readonly waiters: readonly KmapWaiter[];
  /** Frames in the slots of kmap_local, by slot counted from FIX_KMAP_BEGIN. */
  readonly locals: Table<number, number>;
  /** Frames that were never handed out begin here; those that came back are in `freeFrames`. */
  readonly nextFrame: number;
  readonly freeFrames: Table<number, true>;
}

export type KspaceDraft = { -readonly [K in keyof Kspace]: Kspace[K] };

/** The first frame that is handed out: below are the kernel's own and those for old devices. */
export const FIRST_FRAME = 0x1000;

/** A kernel half in which nothing has been mapped yet. */
export const emptyKspace = (): Kspace => ({
  areas: GapTree.empty(),
  lazyPages: 0,
  purges: 0,
  pkmap: Table.empty(),
  pageAddress: Table.empty(),
  lastPkmap: 0,
  pkmapFlushes: 0,
  waiters: [],
  locals: Table.empty(),
  nextFrame: FIRST_FRAME,
  freeFrames: Table.empty(),
});

/** A copy to change in place. */
export const checkOutKspace = (kspace: Kspace): KspaceDraft => ({
  ...kspace,
  areas: kspace.areas.clone(),
  pkmap: kspace.pkmap.clone(),
  pageAddress: kspace.pageAddress.clone(),
  locals: kspace.locals.clone(),
  freeFrames: kspace.freeFrames.clone(),
});

/** Makes a copy that was changed part of a state. */
export function freezeKspace(draft: KspaceDraft): Kspace {
  Object.freeze(draft.waiters);
  return Object.freeze(draft);
}

/** All of it as text, the same however it came about; empty while nothing has been mapped. */
export function kspaceText(k: Kspace): string {
  const areas = k.areas
    .toArray()
    .map((a) => `${a.start}-${a.end} ${a.kind} ${a.guard} ${JSON.stringify(a.caller)} ${a.frames.join(",")}`);
  const slots = [...k.pkmap].map(([slot, { pfn, count }]) => `pkmap ${slot} ${pfn} ${count}`);
  const addresses = [...k.pageAddress].map(([pfn, slot]) => `page ${pfn} ${slot}`);
  const waiters = k.waiters.map(({ tid, pfn }) => `waits ${tid} ${pfn}`);
  const locals = [...k.locals].map(([slot, pfn]) => `local ${slot} ${pfn}`);
  const counts = [k.lazyPages, k.purges, k.lastPkmap, k.pkmapFlushes, k.nextFrame - FIRST_FRAME];
  const lines = [...areas, ...slots, ...addresses, ...waiters, ...locals, ...k.freeFrames.keys()];
  if (lines.length === 0 && counts.every((n) => n === 0)) return "";
  return [counts.join(" "), ...lines].join("\n");
}
