import { PAGING_MODES, type PagingMode } from "../arch/index.ts";
import { assert, type FileId } from "../base/index.ts";
import { FAULTS } from "../fault/index.ts";
import {
  HUGE_ORDER,
  HugePool,
  type HugePoolState,
  type Memory,
  type MmEdit,
  type MmStruct,
  type MmuGather,
  PageCache,
  type PageModel,
} from "../mm/index.ts";
import type { TableFrames } from "../paging/index.ts";
import { FRAME, PG, PhysMemory, SwapArea } from "../phys/index.ts";
import { Table } from "../struct/index.ts";
import type { Profile } from "./profile.ts";

/** The machine's memory behind all address spaces at one moment. Never changed once it is part of a state. */
export interface MemoryState {
  readonly phys: PhysMemory;
  readonly swap: SwapArea;
  readonly pool: HugePoolState;
  readonly caches: Table<FileId, PageCache>;
}

/** Memory after boot; undefined for a log that does not tell of accesses. */
export function bootMemory({ pages, sysctl, layout }: Profile): MemoryState | undefined {
  if (!pages.known) return undefined;
  const phys = PhysMemory.boot(pages.frames, layout === "i386" ? 32 : 64);
  const free: number[] = [];
  for (let n = 0; n < sysctl.hugePages; n++) {
    const head = phys.alloc(HUGE_ORDER, "user", PG.HUGETLB);
    if (head === undefined) break;
    phys.makeCompound(head, HUGE_ORDER);
    phys.set(head, FRAME.REFCOUNT, 0);
    free.push(head);
  }
  const swap = SwapArea.create(sysctl.swapPages > 0 ? sysctl.swapPages + 1 : 0);
  return { phys, swap, pool: { total: free.length, free: free.reverse() }, caches: Table.empty() };
}

/** The machine's memory checked out by one transaction. */
export class MemoryDraft implements Memory {
  readonly model: PageModel;
  readonly phys: PhysMemory;
  readonly swap: SwapArea;
  readonly pool: HugePool;
  readonly faults = FAULTS;
  readonly counted = { minor: 0, major: 0 };
  readonly tables: TableFrames;
  readonly paging: PagingMode;
  readonly gather: MmuGather | undefined;
  readonly #caches: Table<FileId, PageCache>;
  readonly #owned = new Map<FileId, PageCache>();

  constructor(
    base: MemoryState,
    profile: Profile,
    readonly spaces: () => Iterable<MmStruct>,
    readonly mappersOf: (mapping: FileId) => readonly MmEdit[],
    gather: MmuGather | undefined,
  ) {
    this.model = profile.pages;
    this.phys = base.phys.clone();
    this.swap = base.swap.clone();
    this.pool = new HugePool(base.pool);
    this.#caches = base.caches.clone();
    this.paging = PAGING_MODES[profile.pages.paging];
    this.gather = gather;
    this.tables = tableFrames(this.phys, gather);
  }

  cache(mapping: FileId): PageCache {
    const mine = this.#owned.get(mapping);
    if (mine) return mine;
    const cache = this.#caches.get(mapping)?.clone() ?? PageCache.empty();
    this.#owned.set(mapping, cache);
    this.#caches.set(mapping, cache);
    return cache;
  }

  peekCache(mapping: FileId): PageCache | undefined {
    return this.#caches.get(mapping);
  }

  commit(): MemoryState {
    for (const [mapping, cache] of this.#owned)
      if (cache.count + cache.swapped === 0) this.#caches.delete(mapping);
    const { phys, swap, pool } = this;
    return { phys, swap, pool: pool.state, caches: this.#caches };
  }
}

/** Table pages come from the same allocator as all others, and are the kernel's own. */
const tableFrames = (phys: PhysMemory, gather: MmuGather | undefined): TableFrames => ({
  allocTable: () => {
    const pfn = phys.alloc(0, "kernel", PG.TABLE);
    assert(pfn !== undefined, "a frame for a page table");
    return pfn;
  },
  freeTable: (pfn, page, span = 1) => {
    if (page !== undefined) gather?.freeTable(page, span);
    phys.put(pfn);
  },
});
