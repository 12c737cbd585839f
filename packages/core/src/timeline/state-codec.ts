import { LAYOUTS, PAGING_MODES, type PagingMode, UNLIMITED } from "../arch/index.ts";
import type { FileId, MmId, Pid } from "../base/index.ts";
import { type KernelState, kinKey, type MemoryState, type Profile, type TlbState } from "../kernel/index.ts";
import type { Kspace, VmapArea } from "../kspace/index.ts";
import { type MmPageCounters, MmPages, type MmStruct, PageCache, VM_OPS, Vma } from "../mm/index.ts";
import { type CpuTlb, PageTable, TablePage, Tlb, tlbShape } from "../paging/index.ts";
import { FRAME_WORDS, PhysMemory, SwapArea, UNTOLD, type Zone } from "../phys/index.ts";
import type { Task } from "../process/index.ts";
import { GapTree, Table, WordTable } from "../struct/index.ts";

/** The spelling below; another one does not read it. */
export const STATE_VERSION = 3;

/** Tables of plain records. */
const PLAIN = ["tasks", "files", "shms", "cpus", "refs"] as const;
const COUNTERS = ["rssFile", "rssAnon", "rssShmem", "swapEnts", "hugetlb", "hiwaterRss"] as const;
const SWAP_WORDS = 2;

type Json = { readonly [member: string]: unknown };
type Entries<T> = readonly (readonly [number, T])[];

/**
 * A state as text, with everything that decides how it goes on; all but the profile, which a log's header has.
 * `decodeState` makes it again: a state that behaves the same, though it shares nothing with others.
 */
export function encodeState(state: KernelState): string {
  const { seq, committed, nextMm, nextAnonVma, nextFile, memory, tlb } = state;
  const tables = Object.fromEntries(PLAIN.map((name) => [name, [...state[name]]]));
  return JSON.stringify({
    counters: { seq, committed, nextMm, nextAnonVma, nextFile },
    ...tables,
    groups: encodeGroups(state.groups),
    mms: [...state.mms.values()].map(encodeMm),
    ...(memory && { memory: encodeMemory(memory) }),
    ...(tlb && { tlb: encodeTlb(tlb) }),
    kspace: encodeKspace(state.kspace),
  });
}

/** A text of its own: only limits may be without end, and asking every value of a state for that takes long. */
const encodeGroups = (groups: KernelState["groups"]): string =>
  JSON.stringify([...groups], (_, value: unknown) => (value === UNLIMITED ? { unlimited: true } : value));

const decodeGroups = (text: string): unknown =>
  JSON.parse(text, (_, value) => (value?.unlimited === true ? UNLIMITED : value));

/**
 * The state that a text of `encodeState` tells of; undefined for what is none. Whoever keeps such texts has to know
 * that they are those that were written.
 */
export function decodeState(text: string, profile: Profile): KernelState | undefined {
  try {
    const json = JSON.parse(text) as Json & { readonly counters: object };
    return Object.freeze({ profile, ...json.counters, ...decodeTables(json, profile) }) as KernelState;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function decodeTables(json: Json, profile: Profile): object {
  const mode = PAGING_MODES[profile.pages.paging];
  const plain = PLAIN.map((name) => [name, decodeTable(json[name], deepFreeze)] as const);
  const tables = Object.fromEntries(plain);
  const mms = (json.mms as readonly Json[]).map((mm) => decodeMm(mm, mode));
  return {
    ...tables,
    groups: decodeTable(decodeGroups(json.groups as string), deepFreeze),
    ...kinOf(tables.tasks as unknown as Table<Pid, Task>),
    mms: Table.from(mms.map((mm) => [mm.id, mm])),
    memory: json.memory && decodeMemory(json.memory as Json),
    tlb: json.tlb && decodeTlb(json.tlb as Json, profile),
    kspace: decodeKspace(json.kspace as Json),
  };
}

/** The indexes of tasks say nothing of their own. */
function kinOf(tasks: Table<Pid, Task>): Pick<KernelState, "threads" | "children"> {
  const kin = { threads: Table.empty<number, Pid>(), children: Table.empty<number, Pid>() };
  for (const { pid, tgid, parent } of tasks.values()) {
    if (tgid > 0) kin.threads.set(kinKey(tgid, pid), pid);
    if (parent > 0) kin.children.set(kinKey(parent, pid), pid);
  }
  return kin;
}

function decodeTable<T, U = T>(entries: unknown, decode: (value: T) => U): Table<number, U> {
  return Table.from((entries as Entries<T>).map(([key, value]) => [key, decode(value)] as const));
}

function deepFreeze<T>(record: T): T {
  if (typeof record !== "object" || record === null) return record;
  for (const value of Object.values(record)) deepFreeze(value);
  return Object.freeze(record);
}

function encodeMm({ layout, vmas, pages, ...fields }: MmStruct): Json {
  return {
    ...fields,
    layout: layout.name,
    vmas: vmas.toArray().map(encodeVma),
    ...(pages && { pages: encodePages(pages) }),
  };
}

function decodeMm({ layout, vmas, pages, ...fields }: Json, mode: PagingMode): MmStruct {
  const mm = {
    ...deepFreeze(fields),
    layout: LAYOUTS[layout as keyof typeof LAYOUTS],
    vmas: GapTree.from((vmas as readonly VmaFields[]).map(decodeVma)),
    ...(pages !== undefined && { pages: decodePages(pages as Json, mode) }),
  };
  return Object.freeze(mm) as unknown as MmStruct;
}

type VmaFields = readonly [...number[], string, string, number];

const encodeVma = (v: Vma): readonly (number | string)[] => [
  ...[v.start, v.end, v.flags, v.high, v.pgoff, v.file, v.anonVma, v.chain],
  ...[v.ops.name, v.policy, v.resv],
];

function decodeVma(fields: VmaFields): Vma {
  const [start, end, flags, high, pgoff, file, anonVma, chain, ops, policy, resv] = fields as unknown as [
    ...[Vma["start"], Vma["end"], number, number, number, FileId, number, number],
    ...[keyof typeof VM_OPS, string, number],
  ];
  const found = VM_OPS[ops];
  if (!found) throw new TypeError(`no kind of mapping ${ops}`);
  return new Vma(start, end, flags, high, pgoff, file, found, anonVma, chain, policy, resv);
}

const encodePages = (pages: MmPages): Json => ({
  counters: COUNTERS.map((name) => pages[name]),
  counted: pages.table.counted,
  root: encodeTable(pages.table.root),
});

function decodePages({ counters, counted, root }: Json, mode: PagingMode): MmPages {
  const values = counters as readonly number[];
  const named = Object.fromEntries(COUNTERS.map((name, i) => [name, values[i]])) as unknown as MmPageCounters;
  const table = PageTable.restore(mode, decodeTablePage(root as Json), counted as number);
  return MmPages.restore(table, named);
}

function encodeTable({ level, pfn, used, words, tables }: TablePage): Json {
  const below: [number, Json][] = [];
  tables.forEach((table, i) => {
    if (table) below.push([i, encodeTable(table)]);
  });
  return { level, pfn, used, words: [...words], below };
}

function decodeTablePage({ level, pfn, used, words, below }: Json): TablePage {
  const tables: (TablePage | undefined)[] = [];
  for (const [i, table] of below as Entries<Json>) tables[i] = decodeTablePage(table);
  const entries = Uint32Array.from(words as readonly number[]);
  return new TablePage({}, level as number, pfn as number, entries, tables, used as number);
}

function encodeMemory({ phys, swap, pool, caches }: MemoryState): Json {
  return {
    pool,
    zones: phys.zones,
    frames: encodeWords(phys.frames),
    contents: encodeContents(phys.contents),
    swap: { size: swap.size, used: swap.used, next: swap.next },
    slots: encodeWords(swap.slots),
    swapped: encodeContents(swap.contents),
    caches: [...caches].map(([file, { runs }]) => [file, [...runs].map(([at, run]) => [at, [...run]])]),
  };
}

function decodeMemory(json: Json): MemoryState {
  const { size, used, next } = json.swap as {
    readonly size: number;
    readonly used: number;
    readonly next: number;
  };
  const phys = PhysMemory.restore(
    decodeWords(FRAME_WORDS, json.frames),
    json.zones as readonly Zone[],
    decodeContents(json.contents),
  );
  const slots = decodeWords(SWAP_WORDS, json.slots);
  return {
    phys,
    swap: SwapArea.restore(size, slots, decodeContents(json.swapped), { used, next }),
    pool: deepFreeze(json.pool as MemoryState["pool"]),
    caches: decodeTable<Entries<readonly number[]>, PageCache>(json.caches, (runs) =>
      PageCache.restore(decodeTable(runs, (run: readonly number[]) => Uint32Array.from(run))),
    ) as unknown as Table<FileId, PageCache>,
  };
}

function encodeWords(table: WordTable): Entries<readonly number[]> {
  const chunks: [number, readonly number[]][] = [];
  table.forEachChunk((first, words) => chunks.push([first, [...words]]));
  return chunks;
}

const decodeWords = (stride: number, chunks: unknown): WordTable =>
  WordTable.from(stride, chunks as Entries<readonly number[]>);

/** What was written without being told is one thing, which nothing else is. */
const encodeContents = (contents: Table<number, Uint8Array>): Entries<readonly number[] | null> =>
  [...contents].map(([at, bytes]) => [at, bytes === UNTOLD ? null : [...bytes]] as const);

const decodeContents = (contents: unknown): Table<number, Uint8Array> =>
  decodeTable(contents, (bytes: readonly number[] | null) => (bytes ? Uint8Array.from(bytes) : UNTOLD));

const encodeTlb = ({ cpus, contexts }: TlbState): Json => ({
  cpus: [...cpus.values()].map(({ tlb, ...record }) => ({ record, sets: tlb.sets, random: tlb.random })),
  contexts: [...contexts],
});

function decodeTlb({ cpus, contexts }: Json, { tlb: model }: Profile): TlbState {
  if (!model) throw new TypeError("the profile has no TLBs");
  const decoded = (cpus as readonly Json[]).map(({ record, sets, random }) => {
    const tlb = Tlb.restore(tlbShape(model), deepFreeze(sets) as Tlb["sets"], random as number);
    return Object.freeze({ ...deepFreeze(record as object), tlb }) as CpuTlb;
  });
  return {
    cpus: Table.from(decoded.map((cpu) => [cpu.cpu, cpu] as const)),
    contexts: decodeTable(contexts, deepFreeze) as unknown as Table<MmId, never>,
  };
}

function encodeKspace({ areas, pkmap, pageAddress, locals, freeFrames, ...plain }: Kspace): Json {
  const tables = { pkmap: [...pkmap], pageAddress: [...pageAddress], locals: [...locals] };
  return { ...plain, ...tables, areas: areas.toArray(), freeFrames: [...freeFrames] };
}

function decodeKspace({ areas, pkmap, pageAddress, locals, freeFrames, ...plain }: Json): Kspace {
  return Object.freeze({
    ...deepFreeze(plain),
    areas: GapTree.from(deepFreeze(areas as readonly VmapArea[])),
    pkmap: decodeTable(pkmap, deepFreeze),
    pageAddress: decodeTable(pageAddress, (slot) => slot),
    locals: decodeTable(locals, (pfn) => pfn),
    freeFrames: decodeTable(freeFrames, (free) => free),
  }) as unknown as Kspace;
}
