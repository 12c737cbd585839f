import type { KernelState } from "../kernel/index.ts";
import type { MmPages, MmStruct } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { type TreeNode, visitUnshared, type WordTable } from "../struct/index.ts";

/*
 * What things take in V8's heap on a 64-bit machine, in bytes: an object its header and 8 a member, a number that is
 * no small integer 16 more, an array 48 and 8 an element. Measured by the benchmark `root-bytes`.
 */
const ROOT = 900;
const RECORD = 320;
const ADDRESS_SPACE = 1100;
const VMA = 160;
const NODE = 280;
/** Of a node of VMAs: the slot, its two bounds, its gap. */
const SPAN_SLOT = 36;
/** Of a node of records: key and value. */
const TABLE_SLOT = 20;
const TABLE_PAGE = 260;
const CHUNK = 200;

/**
 * What keeping a state costs beyond another that is kept, in bytes: what it has and the other has not. An estimate,
 * from above rather than from below. It costs what differs.
 *
 * @param before undefined when no other is kept: all of the state
 */
export function rootBytes(state: KernelState, before?: KernelState): number {
  let bytes = ROOT;
  for (const name of ["tasks", "groups", "files", "shms", "cpus", "refs"] as const)
    bytes += tableBytes<object>(state[name], before?.[name], () => RECORD);
  for (const name of ["threads", "children"] as const)
    bytes += tableBytes(state[name], before?.[name], () => 0);
  bytes += tableBytes(state.mms, before?.mms, (mm) => spaceBytes(mm, before?.mms.get(mm.id)));
  const { memory } = state;
  if (memory && memory !== before?.memory) {
    const was = before?.memory;
    bytes += wordBytes(memory.phys.frames, was?.phys.frames);
    bytes += wordBytes(memory.swap.slots, was?.swap.slots);
    bytes += tableBytes(memory.phys.contents, was?.phys.contents, (content) => 100 + content.length);
    bytes += tableBytes(memory.swap.contents, was?.swap.contents, (content) => 100 + content.length);
    for (const [file, cache] of memory.caches)
      bytes += tableBytes(cache.runs, was?.caches.get(file)?.runs, (run) => 100 + run.byteLength);
    bytes += 8 * memory.pool.free.length + RECORD * memory.phys.zones.length;
  }
  if (state.tlb && state.tlb !== before?.tlb) {
    bytes += tableBytes(state.tlb.contexts, before?.tlb?.contexts, () => RECORD);
    bytes += tableBytes(state.tlb.cpus, before?.tlb?.cpus, ({ tlb }) => RECORD + tlbBytes(tlb));
  }
  if (state.kspace !== before?.kspace) {
    const was = before?.kspace;
    bytes += spanBytes(state.kspace.areas.nodes, was?.areas.nodes, ({ frames }) => VMA + 8 * frames.length);
    for (const name of ["pkmap", "pageAddress", "locals", "freeFrames"] as const)
      bytes += tableBytes<unknown>(state.kspace[name], was?.[name], () => RECORD / 4);
  }
  return bytes;
}

function tableBytes<T>(
  table: { readonly nodes: TreeNode<T> },
  before: { readonly nodes: TreeNode<T> } | undefined,
  record: (item: T) => number,
): number {
  let bytes = 0;
  if (table === before) return bytes;
  visitUnshared(before?.nodes, table.nodes, {
    node: (slots) => {
      bytes += NODE + TABLE_SLOT * slots;
    },
    item: (item) => {
      bytes += record(item);
    },
  });
  return bytes;
}

function spanBytes<T>(
  after: TreeNode<T>,
  before: TreeNode<T> | undefined,
  item: (item: T) => number,
): number {
  let bytes = 0;
  visitUnshared(before, after, {
    node: (slots) => {
      bytes += NODE + (SPAN_SLOT * slots) / 2;
    },
    item: (one) => {
      bytes += item(one);
    },
  });
  return bytes;
}

function spaceBytes(mm: MmStruct, before: MmStruct | undefined): number {
  const own = ADDRESS_SPACE + 8 * mm.untouched.length;
  return own + spanBytes(mm.vmas.nodes, before?.vmas.nodes, () => VMA) + pagesBytes(mm.pages, before?.pages);
}

function pagesBytes(pages: MmPages | undefined, before: MmPages | undefined): number {
  if (!pages || pages === before) return 0;
  return RECORD + tablesBytes(pages.table.root, before?.table.root);
}

function tablesBytes(table: TablePage, before: TablePage | undefined): number {
  if (table === before) return 0;
  let bytes = TABLE_PAGE + table.words.byteLength + 8 * table.tables.length;
  table.tables.forEach((below, i) => {
    if (below) bytes += tablesBytes(below, before?.tables[i]);
  });
  return bytes;
}

function wordBytes(words: WordTable, before: WordTable | undefined): number {
  let bytes = 0;
  const had = new Map<number, readonly (Uint32Array | undefined)[]>();
  for (const [first, , chunks] of before?.directories() ?? []) had.set(first, chunks);
  for (const [first, , chunks] of words.directories()) {
    const others = had.get(first);
    let fresh = 0;
    chunks.forEach((chunk, i) => {
      if (chunk && chunk !== others?.[i]) fresh += CHUNK + chunk.byteLength;
    });
    if (fresh > 0) bytes += fresh + 8 * chunks.length;
  }
  return bytes;
}

/** Sets are shared one by one; how many are is not looked into. */
const tlbBytes = ({
  shape,
  size,
}: {
  readonly shape: { readonly entries: number };
  readonly size: number;
}): number => 8 * shape.entries + 80 * size;
