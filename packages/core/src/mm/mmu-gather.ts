import { assert } from "../base/index.ts";
import type { FlushRequest } from "../paging/index.ts";
import type { MmEdit } from "./mm-edit.ts";
import type { MmPages } from "./mm-pages.ts";

/** Flushes of the machine's TLBs, for the address space that has these pages. */
export interface TlbFlushes {
  /** flush_tlb_mm_range. */
  range(pages: MmPages, request: Omit<FlushRequest, "mm">): void;
  /** Reclaim took a page out: at once, or with a batch. */
  unmapped(pages: MmPages, page: number): void;
  /** try_to_unmap_flush: the end of such a batch. */
  batch(): void;
}

/** Pages that are laid aside at most before they are flushed and freed: 1 + MAX_GATHER_BATCH_COUNT batches, less a slot each. */
const MOST_PAGES = 7 + 19 * 509;

/** Everything of an address space: TLB_FLUSH_ALL. */
const ALL = { start: 0, end: Number.POSITIVE_INFINITY } as const;

/**
 * What an operation takes out of page tables, so that it is flushed from the TLBs at once, and only then freed:
 * struct mmu_gather. One stands for all operations of a transaction; an operation within another joins it.
 *
 * @kernel tlb_gather_mmu, tlb_finish_mmu, mm/mmu_gather.c; tlb_flush, arch/x86/include/asm/tlb.h (6.18)
 */
export class MmuGather {
  #of: MmPages | undefined;
  #depth = 0;
  #full = false;
  #start = Number.POSITIVE_INFINITY;
  #end = 0;
  /** Pages of the smallest entry among those that were cleared; 0 for none. */
  #stride = 0;
  #freedTables = false;
  #laidAside = 0;

  constructor(readonly flushes: TlbFlushes) {}

  /** @param full everything goes: tlb_gather_mmu_fullmm */
  open(pages: MmPages, full = false): void {
    assert(this.#depth === 0 || this.#of === pages, "one address space is gathered at a time");
    this.#of = pages;
    this.#depth += 1;
    this.#full ||= full;
  }

  close(): void {
    this.#depth -= 1;
    if (this.#depth > 0) return;
    this.flush();
    this.#of = undefined;
    this.#full = false;
  }

  /** An entry that maps so many pages was cleared, or grants less: tlb_flush_pte_range, tlb_flush_pmd_range. */
  clear(page: number, pages = 1): void {
    assert(this.#of, "what is cleared is gathered");
    this.#extend(page, pages, pages);
  }

  /** A page of the cleared entries is to be freed; too many of them are flushed at once: tlb_remove_page. */
  layAside(): void {
    this.#laidAside += 1;
    if (this.#laidAside >= MOST_PAGES) this.flush();
  }

  /** A table below the top was taken out, whose first page this is: pte_free_tlb. */
  freeTable(page: number, span: number): void {
    if (!this.#of) return;
    this.#extend(page, 1, span);
    this.#freedTables = true;
  }

  /** Flushes what was gathered so far: tlb_flush_mmu. */
  flush(): void {
    const pages = this.#of;
    this.#laidAside = 0;
    if (!pages || this.#stride === 0) return;
    const range = this.#full ? ALL : { start: this.#start, end: this.#end };
    this.flushes.range(pages, { ...range, stride: this.#stride, freedTables: this.#freedTables });
    this.#start = Number.POSITIVE_INFINITY;
    this.#end = 0;
    this.#stride = 0;
    this.#freedTables = false;
  }

  #extend(page: number, pages: number, stride: number): void {
    this.#start = Math.min(this.#start, page);
    this.#end = Math.max(this.#end, page + pages);
    this.#stride = this.#stride === 0 ? stride : Math.min(this.#stride, stride);
  }
}

/** Does something to the page tables of an address space, and flushes once at its end what that took away. */
export function gathered<T>({ mm: { pages }, env: { memory } }: MmEdit, change: () => T): T {
  const gather = pages && memory?.gather;
  if (!gather) return change();
  gather.open(pages);
  const changed = change();
  gather.close();
  return changed;
}

/**
 * Flushes a range of one address space at once: as entries went of which tables may hang, CPUs that only borrow it
 * leave it.
 *
 * @param stride pages of an entry in a mapping of hugetlb
 * @kernel flush_tlb_range, arch/x86/include/asm/tlbflush.h (6.18)
 */
export function flushTlbRange(
  { mm: { pages }, env: { memory } }: MmEdit,
  start: number,
  end: number,
  stride = 1,
): void {
  if (pages) memory?.gather?.flushes.range(pages, { start, end, stride, freedTables: true });
}

/** Flushes one page: flush_tlb_page, arch/x86/include/asm/tlbflush.h (6.18). */
export function flushTlbPage({ mm: { pages }, env: { memory } }: MmEdit, page: number): void {
  if (pages) memory?.gather?.flushes.range(pages, { start: page, end: page + 1 });
}

/** Flushes all of an address space: flush_tlb_mm, arch/x86/include/asm/tlbflush.h (6.18). */
export function flushTlbMm({ mm: { pages }, env: { memory } }: MmEdit): void {
  if (pages) memory?.gather?.flushes.range(pages, { ...ALL, freedTables: true });
}
