import { isGuard, isLarge, isPresent, isSpecialEntry, isWritable, pfnOf, swapOffset } from "../arch/index.ts";
import type { FileId, Violation } from "../base/index.ts";
import type { Kspace } from "../kspace/index.ts";
import { countRegion, HUGE_PAGES, hugeIndex, isAnonymous, type MmStruct, VM, type Vma } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { FRAME, largeMapcount, MAX_ORDER_PAGES, ORDERS, PG, type PhysMemory } from "../phys/index.ts";
import type { MemoryState } from "./memory-state.ts";
import type { KernelState } from "./state.ts";

/** What all page tables together say of the frames. */
interface Census {
  /** Entries that map a frame, and those that map the whole block which begins with it. */
  readonly mapped: Map<number, number>;
  readonly entire: Map<number, number>;
  /** Entries that name a slot of swap. */
  readonly slots: Map<number, number>;
  readonly tables: Set<number>;
}

const count = (counts: Map<number, number>, key: number): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1);
};

/**
 * What must hold below the VMAs: every entry lies in a mapping and grants no more than it (coverage), every
 * counter of an address space is the sum that it abbreviates (accounting), and a frame's counts are the entries
 * and caches that name it, free and used frames together being all (conservation).
 */
export function* pagesLaw(state: KernelState): Iterable<Violation> {
  const { memory } = state;
  if (!memory) return;
  const census: Census = { mapped: new Map(), entire: new Map(), slots: new Map(), tables: new Set() };
  for (const mm of state.mms.values()) yield* spaceLaw(memory.phys, mm, census);
  yield* framesLaw(memory, census, state.kspace);
  yield* zonesLaw(memory.phys);
  yield* poolLaw(state, memory);
}

function* spaceLaw(phys: PhysMemory, mm: MmStruct, census: Census): Iterable<Violation> {
  const { pages } = mm;
  if (!pages) return;
  const found: Violation[] = [];
  const where = `mm ${mm.id}`;
  const sums = { rssFile: 0, rssAnon: 0, rssShmem: 0, swapEnts: 0, hugetlb: 0, counted: 0 };
  const see = (table: TablePage, first: number): void => {
    census.tables.add(table.pfn);
    const name = pages.table.mode.levels[table.level]?.name;
    if (name === "pte" || name === "pmd" || name === "pud") sums.counted++;
    let used = 0;
    for (let i = 0; i < table.words.length / 2; i++) {
      const page = first + i * pages.table.span(table.level);
      if (!table.isEmpty(i)) used++;
      const below = table.tables[i];
      if (below) see(below, page);
      const lo = table.words[2 * i] as number;
      if (table.isEmpty(i) || (table.level > 0 && !isLarge(lo))) continue;
      found.push(...entryLaw(phys, mm, table, i, page, census, sums));
    }
    if (used !== table.used)
      found.push({ law: "accounting", where, what: `a table counts ${table.used} entries, has ${used}` });
  };
  see(pages.table.root, 0);
  yield* found;
  for (const field of ["rssFile", "rssAnon", "rssShmem", "swapEnts", "hugetlb"] as const) {
    if (pages[field] !== sums[field])
      yield {
        law: "accounting",
        where,
        what: `${field} is ${pages[field]}, its entries sum to ${sums[field]}`,
      };
  }
  if (pages.table.counted !== sums.counted)
    yield { law: "accounting", where, what: `${pages.table.counted} tables counted, ${sums.counted} there` };
}

function entryLaw(
  phys: PhysMemory,
  mm: MmStruct,
  table: TablePage,
  i: number,
  page: number,
  census: Census,
  sums: Record<"rssFile" | "rssAnon" | "rssShmem" | "swapEnts" | "hugetlb", number>,
): readonly Violation[] {
  const [lo, hi] = [table.words[2 * i] as number, table.words[2 * i + 1] as number];
  const where = `mm ${mm.id}, page ${page.toString(16)}`;
  const vma = mm.vmas.find(page);
  if (!vma) return [{ law: "coverage", where, what: "an entry where nothing is mapped" }];
  if (!isPresent(lo)) {
    if (isGuard(lo, hi)) return [];
    count(census.slots, swapOffset(lo, hi));
    sums.swapEnts++;
    return [];
  }
  if (isSpecialEntry(lo))
    return isWritable(lo) ? [{ law: "coverage", where, what: "a page of zeros is writable" }] : [];
  const pfn = pfnOf(lo, hi);
  const large = table.level > 0;
  count(large ? census.entire : census.mapped, pfn);
  const size = large ? HUGE_PAGES : 1;
  if (phys.has(pfn, PG.HUGETLB)) sums.hugetlb += size;
  else if (phys.has(pfn, PG.ANON)) sums.rssAnon += size;
  else sums[phys.has(pfn, PG.SHMEM) ? "rssShmem" : "rssFile"] += size;
  return grantLaw(phys, vma, lo, pfn, where);
}

/** An entry grants no more than its mapping, and write access to a private page only if it is exclusive. */
function grantLaw(phys: PhysMemory, vma: Vma, lo: number, pfn: number, where: string): readonly Violation[] {
  const found: Violation[] = [];
  if (isWritable(lo)) {
    if ((vma.flags & VM.WRITE) === 0)
      found.push({ law: "coverage", where, what: "writable in a mapping that is not" });
    if ((vma.flags & VM.SHARED) === 0 && !phys.has(pfn, PG.EXCLUSIVE))
      found.push({ law: "coverage", where, what: "a private page is writable and not exclusive" });
  }
  if (phys.has(pfn, PG.ANON) && (vma.flags & VM.SHARED) !== 0)
    found.push({ law: "coverage", where, what: "a private page in shared memory" });
  if (!phys.has(pfn, PG.ANON) && isAnonymous(vma))
    found.push({ law: "coverage", where, what: "a file's page in anonymous memory" });
  if (phys.has(pfn, PG.ANON) && vma.anonVma === 0)
    found.push({ law: "coverage", where, what: "a private page in a mapping without anon_vma" });
  return found;
}

function* framesLaw(
  { phys, swap, pool, caches }: MemoryState,
  census: Census,
  { areas }: Kspace,
): Iterable<Violation> {
  const held = new Map<number, number>();
  for (const { kind, frames } of areas.items())
    if (kind === "vmalloc") for (const pfn of frames) count(held, pfn);
  for (const cache of caches.values()) for (const [, pfn] of cache.range()) count(held, pfn);
  const free = new Set(pool.free);
  const found: Violation[] = [];
  const law = "conservation";
  phys.frames.forEachChunk((first, words) => {
    for (let n = 0; n < words.length / phys.frames.stride; n++) {
      const pfn = first + n;
      const flags = phys.get(pfn, FRAME.FLAGS);
      if ((flags & (PG.BUDDY | PG.RESERVED)) !== 0) continue;
      const where = `frame ${pfn}`;
      const mapped = census.mapped.get(pfn) ?? 0;
      if (phys.get(pfn, FRAME.MAPCOUNT) !== mapped)
        found.push({ law, where, what: `counts ${phys.get(pfn, FRAME.MAPCOUNT)} entries, has ${mapped}` });
      if ((flags & PG.TAIL) !== 0) continue;
      const entries = entriesOf(phys, pfn, census);
      if ((flags & (PG.HEAD | PG.HUGETLB)) === PG.HEAD && largeMapcount(phys, pfn) !== entries)
        found.push({ law, where, what: `counts ${largeMapcount(phys, pfn)} entries in all, has ${entries}` });
      const refs = entries + references(phys, pfn, census, held);
      if (phys.get(pfn, FRAME.REFCOUNT) !== refs && !free.has(pfn))
        found.push({ law, where, what: `counts ${phys.get(pfn, FRAME.REFCOUNT)} references, has ${refs}` });
    }
  });
  yield* found;
  for (const cache of caches.values()) for (const [, slot] of cache.slots()) count(census.slots, slot);
  for (const [slot, entries] of census.slots) {
    if (swap.count(slot) !== entries)
      yield { law, where: `slot ${slot}`, what: `counts ${swap.count(slot)} entries, has ${entries}` };
  }
  if (swap.used !== census.slots.size)
    yield { law, where: "swap", what: `${swap.used} slots used, ${census.slots.size} named` };
}

/** Entries that map a frame, or any of the block that begins with it. */
function entriesOf(phys: PhysMemory, pfn: number, census: Census): number {
  if (!phys.has(pfn, PG.HEAD)) return census.mapped.get(pfn) ?? 0;
  let entries = census.entire.get(pfn) ?? 0;
  const pages = 2 ** phys.get(pfn, FRAME.ORDER);
  for (let n = 0; n < pages; n++) entries += census.mapped.get(pfn + n) ?? 0;
  return entries;
}

/** Whoever else holds a frame, or the block that begins with it. */
const references = (phys: PhysMemory, pfn: number, census: Census, held: Map<number, number>): number =>
  (held.get(pfn) ?? 0) + (census.tables.has(pfn) ? 1 : 0) + (phys.has(pfn, PG.SWAPCACHE) ? 1 : 0);

/** Free blocks are what the lists hold, each in its zone and aligned; free and used frames are all. */
function* zonesLaw(phys: PhysMemory): Iterable<Violation> {
  for (const zone of phys.zones) {
    const where = `zone ${zone.name}`;
    const untouched = zone.end - zone.untouched;
    let free = untouched;
    for (let order = 0; order < ORDERS; order++) {
      let blocks = order === ORDERS - 1 ? untouched / MAX_ORDER_PAGES : 0;
      for (const pfn of phys.listed(zone, order)) {
        blocks++;
        free += 2 ** order;
        if (pfn % 2 ** order !== 0 || pfn < zone.start || pfn >= zone.end)
          yield { law: "conservation", where, what: `block ${pfn} of order ${order} is misplaced` };
      }
      if (blocks !== zone.blocks[order])
        yield {
          law: "conservation",
          where,
          what: `${zone.blocks[order]} blocks of order ${order}, has ${blocks}`,
        };
    }
    if (free !== zone.free)
      yield { law: "conservation", where, what: `${zone.free} free pages, its lists have ${free}` };
  }
}

/** Whatever mappings and files of huge pages have reserved and not used is kept back for them. */
function* poolLaw({ mms }: KernelState, { phys, pool, caches }: MemoryState): Iterable<Violation> {
  if (pool.total === 0) return;
  const { files = {}, owners = {}, reserved = 0 } = pool;
  let owed = 0;
  for (const [mapping, regions] of Object.entries(files)) {
    const cached = caches.get(Number(mapping) as FileId)?.count ?? 0;
    owed += countRegion(regions, 0, Number.POSITIVE_INFINITY) - cached;
  }
  for (const mm of mms.values())
    for (const vma of mm.vmas.items()) {
      if (vma.resv <= 0) continue;
      const [from, to] = [hugeIndex(vma, vma.start), hugeIndex(vma, vma.end)];
      owed += to - from - countRegion(owners[vma.resv], from, to);
    }
  let restoring = 0;
  phys.frames.forEachChunk((first, words) => {
    for (let n = 0; n < words.length / phys.frames.stride; n++)
      if (phys.has(first + n, PG.RESTORE_RESERVE)) restoring++;
  });
  if (reserved + restoring < owed)
    yield {
      law: "accounting",
      where: "the hugetlb pool",
      what: `${reserved} pages are reserved and ${restoring} come back, ${owed} are owed`,
    };
}
