import {
  isGuard,
  isLarge,
  isPresent,
  isSpecialEntry,
  kernelRegion,
  type PagingLevel,
  pfnOf,
  SWAP_EXCLUSIVE,
  swapOffset,
  swapType,
} from "../arch/index.ts";
import { type MmId, PAGE_SIZE, pageOf } from "../base/index.ts";
import {
  type KernelState,
  kernelHalf,
  type MemoryState,
  type Profile,
  tlbContexts,
} from "../kernel/index.ts";
import type { MmPages, MmStruct, Vma } from "../mm/index.ts";
import type { TlbEntry } from "../paging/index.ts";

/** One step of a walk through page tables. Addresses are physical, in bytes. */
export interface VtopStep {
  readonly level: PagingLevel["name"];
  /** 0 for the lowest. */
  readonly depth: number;
  readonly table: number;
  readonly index: number;
  /** Where the entry stands. */
  readonly at: number;
  /** The entry's words; a high word of 0 where entries have 32 bits. */
  readonly lo: number;
  readonly hi: number;
}

/** Where a walk ends. */
export type VtopEnd =
  | {
      readonly kind: "page";
      readonly pfn: number;
      /** Pages that the entry maps. */
      readonly span: number;
      /** Nobody counts it: the page of zeros, or memory of the kernel's own. */
      readonly special: boolean;
    }
  /** An empty entry in the lowest table. */
  | { readonly kind: "none" }
  /** An empty entry above it: the table of this level is missing. */
  | { readonly kind: "no table"; readonly missing: PagingLevel["name"] }
  | { readonly kind: "guard" }
  | {
      readonly kind: "swap";
      readonly area: number;
      readonly slot: number;
      readonly exclusive: boolean;
      /** Entries that name the slot, this one included. */
      readonly users: number;
      /** The frame that holds the page as well. */
      readonly cached: number | undefined;
    };

/** A user address translated. */
export interface Vtop {
  readonly address: number;
  readonly vma: Vma | undefined;
  readonly steps: readonly VtopStep[];
  readonly end: VtopEnd;
  /** The physical address; undefined when the walk ends at no page. */
  readonly physical: number | undefined;
}

/**
 * Walks the page tables from the top to the entry that decides about an address, as the hardware does.
 *
 * @param address below the end of user space
 * @returns undefined where pages are not modelled
 */
export function vtop({ memory }: KernelState, mm: MmStruct, address: number): Vtop | undefined {
  const { pages } = mm;
  if (!memory || !pages) return undefined;
  const page = pageOf(address);
  const steps = stepsTo(pages, page);
  const end = endOf(memory, pages, page, steps.at(-1));
  const physical = end.kind === "page" ? end.pfn * PAGE_SIZE + (address % PAGE_SIZE) : undefined;
  return { address, vma: mm.vmas.find(page), steps, end, physical };
}

function stepsTo({ table: tables }: MmPages, page: number): readonly VtopStep[] {
  const { levels, entryBytes } = tables.mode;
  return tables.walk(page).map(({ table, index }) => {
    const at = table.pfn * PAGE_SIZE;
    return {
      level: levels[table.level]?.name ?? "pte",
      depth: table.level,
      table: at,
      index,
      at: at + index * entryBytes,
      lo: table.words[2 * index] as number,
      hi: table.words[2 * index + 1] as number,
    };
  });
}

function endOf({ swap }: MemoryState, { table }: MmPages, page: number, last: VtopStep | undefined): VtopEnd {
  if (!last || (last.lo === 0 && last.hi === 0)) {
    const depth = last?.depth ?? 0;
    const missing = table.mode.levels[depth - 1]?.name;
    return missing === undefined ? { kind: "none" } : { kind: "no table", missing };
  }
  const { lo, hi, depth } = last;
  if (isPresent(lo)) {
    const span = depth > 0 && isLarge(lo) ? table.span(depth) : 1;
    return { kind: "page", pfn: pfnOf(lo, hi) + (page % span), span, special: isSpecialEntry(lo) };
  }
  if (isGuard(lo, hi)) return { kind: "guard" };
  const slot = swapOffset(lo, hi);
  return {
    kind: "swap",
    area: swapType(hi),
    slot,
    exclusive: (lo & SWAP_EXCLUSIVE) !== 0,
    users: swap.count(slot),
    cached: swap.cached(slot),
  };
}

/** What a kernel address is: in which region of the kernel half it lies, and the physical address behind it. */
export interface KernelAddress {
  readonly region: string;
  /** Where the region begins. */
  readonly start: bigint;
  /** Known in the direct map alone: everything else is mapped page by page. */
  readonly physical: number | undefined;
}

/** Looks up an address of the kernel half; undefined for one that lies in no region. */
export function kernelAddress(profile: Profile, address: bigint): KernelAddress | undefined {
  const half = kernelHalf(profile);
  const region = kernelRegion(address, half);
  if (!region) return undefined;
  const offset = address - half.pageOffset;
  const memory = BigInt(profile.pages.frames) * BigInt(PAGE_SIZE);
  const mapped = region.start === half.pageOffset && offset < half.lowMemory && offset < memory;
  return { region: region.name, start: region.start, physical: mapped ? Number(offset) : undefined };
}

/** A CPU's TLB holds a page; what it may not use is flushed before the address space runs there again. */
export interface HeldByTlb {
  readonly cpu: number;
  readonly entry: TlbEntry;
  readonly usable: boolean;
}

/** The CPUs whose TLBs hold a page of an address space. */
export function tlbsOf(state: KernelState, mm: MmId, page: number): readonly HeldByTlb[] {
  const context = tlbContexts(state).find((c) => c.mm === mm);
  if (!state.tlb || !context) return [];
  const held: HeldByTlb[] = [];
  for (const { cpu, tlb, ctxs } of state.tlb.cpus.values()) {
    const asid = ctxs.findIndex(({ ctxId }) => ctxId === context.ctxId);
    const entry = asid < 0 ? undefined : tlb.peek(asid, page);
    if (entry) held.push({ cpu, entry, usable: ctxs[asid]?.tlbGen === context.tlbGen });
  }
  return held;
}
