import type { MmId } from "../base/index.ts";
import { diffStates, type KernelState, type MemoryState, type RecordStep } from "../kernel/index.ts";
import type { Kspace } from "../kspace/index.ts";
import type { MmStruct, Vma } from "../mm/index.ts";
import { diffMaps, type MapChange, startOf } from "./maps-diff.ts";
import { diffPages, type PageChange } from "./pages-diff.ts";

/** One number or word that is another now. */
export interface FieldChange {
  readonly name: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** What became of one address space: a side is absent where it is not there. */
export interface SpaceChange {
  readonly mm: MmId;
  readonly before: MmStruct | undefined;
  readonly after: MmStruct | undefined;
  readonly maps: readonly MapChange[];
  readonly pages: readonly PageChange[];
  readonly counters: readonly FieldChange[];
}

/** A task, a CPU or a line of the ledger that came, went, or has other fields. */
export interface RecordChange {
  readonly kind: RecordStep["kind"];
  readonly key: number;
  readonly before: object | undefined;
  readonly after: object | undefined;
  readonly fields: readonly FieldChange[];
}

/** Everything that two states of a machine have different, for a reader. */
export interface StateChanges {
  readonly spaces: readonly SpaceChange[];
  readonly tasks: readonly RecordChange[];
  readonly cpus: readonly RecordChange[];
  readonly refs: readonly RecordChange[];
  /** Of the machine: memory that is committed, free, cached, swapped; what the kernel half has mapped. */
  readonly counters: readonly FieldChange[];
}

/**
 * What two states of a machine have different. The event numbers do not count as a difference, nor do the names that
 * later objects will get.
 */
export function changesOf(a: KernelState, b: KernelState): StateChanges {
  const spaces: SpaceChange[] = [];
  const renamed = renamedFiles(a, b);
  a.mms.diff(b.mms, (_, before, after) => {
    spaces.push(changesOfSpace(before, after, renamed));
  });
  if (renamed.size > 0)
    for (const mm of a.mms.values())
      if (b.mms.get(mm.id) === mm) spaces.push(changesOfSpace(mm, mm, renamed));
  const records = diffStates(a, b).flatMap((step) => ("table" in step ? [recordChange(step)] : []));
  const of = (kind: RecordStep["kind"]) => records.filter((change) => change.kind === kind);
  return {
    spaces: spaces.filter(isChange),
    tasks: of("task"),
    cpus: of("cpu"),
    refs: of("ref"),
    counters: changedFields(machineCounters(a), machineCounters(b)),
  };
}

const isChange = ({ before, after, maps, pages, counters }: SpaceChange): boolean =>
  !before || !after || maps.length + pages.length + counters.length > 0;

/**
 * What two versions of an address space, or two address spaces, have different.
 *
 * @param renamed files that have another name now
 */
export function changesOfSpace(
  before: MmStruct | undefined,
  after: MmStruct | undefined,
  renamed: ReadonlySet<number> = new Set(),
): SpaceChange {
  const maps = [...mapChanges(before, after), ...renames(before, after, renamed)];
  return {
    mm: (after ?? before)?.id ?? (0 as MmId),
    before,
    after,
    maps: maps.sort((x, y) => startOf(x) - startOf(y)),
    pages: diffPages(before?.pages, after?.pages),
    counters: before && after ? changedFields(spaceCounters(before), spaceCounters(after)) : [],
  };
}

function mapChanges(before: MmStruct | undefined, after: MmStruct | undefined): readonly MapChange[] {
  if (before && after) return diffMaps(before.vmas, after.vmas);
  const removed = before?.vmas.toArray().map((vma): MapChange => ({ kind: "removed", before: vma })) ?? [];
  const created = after?.vmas.toArray().map((vma): MapChange => ({ kind: "created", after: vma })) ?? [];
  return [...removed, ...created];
}

/** Files that lost their name, or have another. */
export function renamedFiles(a: KernelState, b: KernelState): ReadonlySet<number> {
  const renamed = new Set<number>();
  a.files.diff(b.files, (id, before, after) => {
    if (!before || !after) return;
    if (before.file.path !== after.file.path || before.file.deleted !== after.file.deleted) renamed.add(id);
  });
  return renamed;
}

/** Mappings of renamed files that are otherwise what they were. */
function renames(
  before: MmStruct | undefined,
  after: MmStruct | undefined,
  renamed: ReadonlySet<number>,
): readonly MapChange[] {
  if (renamed.size === 0 || !before || !after) return [];
  const same = (v: Vma): Vma | undefined => {
    const twin = before.vmas.find(v.start);
    return twin?.start === v.start && twin.end === v.end && twin.file === v.file ? twin : undefined;
  };
  return after.vmas.toArray().flatMap((vma): MapChange[] => {
    const twin = renamed.has(vma.file) ? same(vma) : undefined;
    return twin ? [{ kind: "renamed", before: twin, after: vma }] : [];
  });
}

/** What /proc/PID/status and the ledger count of an address space, in pages or references. */
function spaceCounters(mm: MmStruct): Readonly<Record<string, unknown>> {
  const { totalVm, lockedVm, dataVm, execVm, stackVm, hiwaterVm, brk, mmUsers, mmCount, pages } = mm;
  const counters = { totalVm, lockedVm, dataVm, execVm, stackVm, hiwaterVm, brk, mmUsers, mmCount };
  if (!pages) return counters;
  const { rssAnon, rssFile, rssShmem, swapEnts, hugetlb, hiwaterRss, table } = pages;
  return { ...counters, rssAnon, rssFile, rssShmem, swapEnts, hugetlb, hiwaterRss, tables: table.counted };
}

function machineCounters({ committed, memory, kspace }: KernelState): Readonly<Record<string, unknown>> {
  return { committed, ...(memory && memoryCounters(memory)), ...kspaceCounters(kspace) };
}

function memoryCounters({ phys, swap, pool, caches }: MemoryState): Readonly<Record<string, unknown>> {
  let cached = 0;
  for (const cache of caches.values()) cached += cache.count;
  return {
    freePages: phys.freePages,
    cachedPages: cached,
    swapUsed: swap.used,
    freeHuge: pool.free.length,
    reservedHuge: pool.reserved ?? 0,
  };
}

const kspaceCounters = (k: Kspace): Readonly<Record<string, unknown>> => ({
  vmallocAreas: k.areas.size,
  lazyPages: k.lazyPages,
  purges: k.purges,
  kmapSlots: k.pkmap.size,
  kmapLocals: k.locals.size,
});

function recordChange({ kind, key, before, after }: RecordStep): RecordChange {
  return { kind, key, before, after, fields: before && after ? changedFields(before, after) : [] };
}

function changedFields(before: object, after: object): readonly FieldChange[] {
  const [was, is] = [before as Record<string, unknown>, after as Record<string, unknown>];
  return [...new Set([...Object.keys(was), ...Object.keys(is)])]
    .filter((name) => was[name] !== is[name] && JSON.stringify(was[name]) !== JSON.stringify(is[name]))
    .map((name) => ({ name, before: was[name], after: is[name] }));
}
