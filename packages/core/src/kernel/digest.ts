import { kspaceText } from "../kspace/index.ts";
import { type MmStruct, NO_POLICY, type PageCache, type Vma } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { FIRST_NAMED, type Ref } from "../process/index.ts";
import type { MemoryState } from "./memory-state.ts";
import type { KernelState } from "./state.ts";
import { cpuTlbText, type TlbState } from "./tlb-state.ts";

/** Hex digest of a text: the outside brings one. */
export type Hash = (text: string) => string;

const vmaText = (v: Vma): string => {
  const parts = [v.start, v.end, v.flags, v.high, v.pgoff, v.file, v.ops.name, v.anonVma, v.chain];
  return (v.policy === NO_POLICY ? parts : [...parts, v.policy]).join(",");
};

/** A record as text with its members in order of name: the same however the record was made. */
function recordText(record: object): string {
  return JSON.stringify(record, (_, value: unknown) => {
    if (value === Number.POSITIVE_INFINITY) return "unlimited";
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** Pages of a file that are in memory, and of shared memory that are in swap. */
const cacheText = (cache: PageCache): string =>
  [...cache.range(), ...[...cache.slots()].map(([index, slot]) => `${index} swap ${slot}`)].join(" ");

/** Words that are not zero, with their places. */
function wordsText(words: Uint32Array): string {
  const parts: string[] = [];
  words.forEach((word, i) => {
    if (word !== 0) parts.push(`${i}=${word}`);
  });
  return parts.join(" ");
}

function mmText(mm: MmStruct): string {
  // The bases of the other entry follow from the exec, and logs from before they were kept have none.
  // So has one in use no word for that.
  const { vmas, layout, pages, mmapCompatBase, mmapCompatLegacyBase, life, ...fields } = mm;
  const lines: string[] = [];
  for (const v of vmas) lines.push(vmaText(v));
  return `${layout.name} ${recordText(life === "in use" ? fields : { ...fields, life })}\n${lines.join("\n")}`;
}

/**
 * The lines of the ledger that the digest covers: without CPUs, where only tasks hold address spaces, the tasks say
 * it all; digests of logs from before there was a ledger are the same.
 */
const ledgerOf = ({ profile, refs }: KernelState): Iterable<Ref> =>
  profile.scheduling.cpus > 0 ? refs.values() : refs.range(FIRST_NAMED, Number.POSITIVE_INFINITY);

/**
 * Digests states, remembering the digests of records that many states share.
 * The same state gives the same digest on every machine.
 */
export class StateDigest {
  readonly #known = new WeakMap<object, string>();

  constructor(private readonly hash: Hash) {}

  of(state: KernelState): string {
    const parts: string[] = [];
    for (const mm of state.mms.values()) {
      parts.push(this.record(mm, () => mmText(mm)));
      if (mm.pages) parts.push(this.record(mm.pages, () => this.#pagesText(mm)));
    }
    if (state.memory) parts.push(this.#memoryText(state.memory));
    if (state.tlb) parts.push(this.#tlbText(state.tlb));
    for (const table of [state.tasks, state.groups, state.files, state.shms, state.cpus])
      for (const record of table.values()) parts.push(this.record(record, () => recordText(record)));
    // Nothing while nothing was mapped there: logs from before the kernel half keep their digests.
    const kspace = this.record(state.kspace, () => kspaceText(state.kspace));
    if (kspace !== "") parts.push(kspace);
    for (const ref of ledgerOf(state)) parts.push(this.record(ref, () => recordText(ref)));
    const { seq, committed, nextMm, nextAnonVma, nextFile } = state;
    parts.push(recordText({ seq, committed, nextMm, nextAnonVma, nextFile }));
    return this.hash(parts.join("\n"));
  }

  #pagesText({ pages }: MmStruct): string {
    if (!pages) return "";
    const { rssFile, rssAnon, rssShmem, swapEnts, hugetlb, hiwaterRss, table } = pages;
    const counters = [rssFile, rssAnon, rssShmem, swapEnts, hugetlb, hiwaterRss, table.counted];
    return `${counters.join(",")}\n${this.#tableDigest(table.root)}`;
  }

  /** Tables that states share are digested once. */
  #tableDigest(table: TablePage): string {
    return this.record(table, () => {
      const parts = [`table ${table.level} ${table.pfn} ${wordsText(table.words)}`];
      table.tables.forEach((below, i) => {
        if (below) parts.push(`${i}:${this.#tableDigest(below)}`);
      });
      return parts.join("\n");
    });
  }

  #memoryText({ phys, swap, pool, caches }: MemoryState): string {
    const parts: string[] = [recordText({ zones: phys.zones, pool, swap: swap.used })];
    const words = (first: number, chunk: Uint32Array): void => {
      parts.push(`${first}:${this.record(chunk, () => wordsText(chunk))}`);
    };
    phys.frames.forEachChunk(words);
    swap.slots.forEachChunk(words);
    for (const [at, bytes] of [...phys.contents, ...swap.contents])
      parts.push(`${at}:${this.record(bytes, () => bytes.join(","))}`);
    for (const [mapping, cache] of caches)
      parts.push(`${mapping}:${this.record(cache, () => cacheText(cache))}`);
    return parts.join("\n");
  }

  #tlbText({ cpus, contexts }: TlbState): string {
    const parts: string[] = [];
    for (const cpu of cpus.values()) parts.push(this.record(cpu, () => cpuTlbText(cpu)));
    for (const context of contexts.values()) parts.push(recordText(context));
    return parts.join("\n");
  }

  private record(record: object, text: () => string): string {
    const known = this.#known.get(record);
    if (known !== undefined) return known;
    const content = text();
    const digest = content === "" ? "" : this.hash(content);
    this.#known.set(record, digest);
    return digest;
  }
}
