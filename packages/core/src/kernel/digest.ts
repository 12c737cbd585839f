import { FIRST_FRAME, type Kspace, kspaceText } from "../kspace/index.ts";
import type { MmPages, MmStruct, PageCache } from "../mm/index.ts";
import type { TablePage } from "../paging/index.ts";
import { foldTree, GapTree, type TreeNode, type WordTable } from "../struct/index.ts";
import { FirstDigest, type Hash } from "./first-digest.ts";
import type { MemoryState } from "./memory-state.ts";
import { recordText, vmaText, wordsText } from "./record-text.ts";
import type { KernelState } from "./state.ts";
import { cpuTlbText, type TlbState } from "./tlb-state.ts";

/** What digests of this definition begin with; those of the first have nothing. */
const DEFINITION = "2:";

/** 128 bits as four numbers below 2^32. Sums are taken number by number, modulo 2^32. */
type Sum = readonly number[];
const LANES = [0, 1, 2, 3] as const;
const NOTHING: Sum = [0, 0, 0, 0];

const added = (sums: readonly Sum[]): Sum => {
  const total = [0, 0, 0, 0];
  for (const sum of sums)
    for (const lane of LANES) total[lane] = ((total[lane] as number) + (sum[lane] as number)) >>> 0;
  return total;
};

const sumText = (sum: Sum): string => sum.map((lane) => lane.toString(16).padStart(8, "0")).join("");

/**
 * Digests states at the cost of what changed since the last. The same state gives the same digest on every machine,
 * however it came about.
 *
 * A population is digested as the sum of the digests of its records, which does not depend on how trees divide them
 * into nodes. So a node's sum can be remembered with the node, and what two states share is summed once.
 */
export class StateDigest {
  readonly #sums = new WeakMap<object, Sum>();
  readonly #hash: Hash;
  #first: FirstDigest | undefined;

  /** @param hash 64 or, in tests, at least 32 hex digits */
  constructor(hash: Hash) {
    this.#hash = hash;
  }

  of(state: KernelState): string {
    const { seq, committed, nextMm, nextAnonVma, nextFile } = state;
    const parts = [`mms ${this.#records(state.mms, (mm) => this.#mmText(mm))}`];
    for (const name of ["tasks", "groups", "files", "shms", "cpus", "refs"] as const)
      parts.push(`${name} ${this.#records<object>(state[name], recordText)}`);
    if (state.memory) parts.push(...this.#memoryTexts(state.memory));
    if (state.tlb) parts.push(...this.#tlbTexts(state.tlb));
    parts.push(`kspace ${sumText(this.#sum(state.kspace, () => this.#kspaceText(state.kspace)))}`);
    parts.push(recordText({ seq, committed, nextMm, nextAnonVma, nextFile }));
    return DEFINITION + this.#hash(parts.join("\n"));
  }

  /** The digest by the definition that another one has. */
  like(other: string, state: KernelState): string {
    if (other.startsWith(DEFINITION)) return this.of(state);
    this.#first ??= new FirstDigest(this.#hash);
    return this.#first.of(state);
  }

  /** What is digested of a record, remembered with it. */
  #sum(record: object, text: () => string): Sum {
    const known = this.#sums.get(record);
    if (known) return known;
    const sum = this.#digested(text());
    this.#sums.set(record, sum);
    return sum;
  }

  #digested(text: string): Sum {
    const digest = this.#hash(text);
    return LANES.map((lane) => Number.parseInt(digest.slice(8 * lane, 8 * lane + 8), 16));
  }

  /** A population, of how many and of what sum. What is summed of a record must not depend on anything else. */
  #population<T extends object>(
    { nodes, size }: { readonly nodes: TreeNode<T>; readonly size: number },
    sum: (item: T, key: number) => Sum,
  ): string {
    const total = foldTree(nodes, this.#sums, {
      leaf: (keys, items) => added(items.map((item, i) => sum(item, keys[i] as number))),
      branch: added,
    });
    return `${size} ${sumText(total)}`;
  }

  /** Records that say themselves which they are. */
  #records<T extends object>(
    table: { readonly nodes: TreeNode<T>; readonly size: number },
    text: (record: T) => string,
  ): string {
    return this.#population(table, (item) => this.#sum(item, () => text(item)));
  }

  /** Contents of pages: the same bytes may be those of many. */
  #contents(table: { readonly nodes: TreeNode<Uint8Array>; readonly size: number }): string {
    return this.#population(table, (bytes, at) =>
      this.#digested(`${at} ${sumText(this.#sum(bytes, () => bytes.join(",")))}`),
    );
  }

  #cacheText(file: number, { runs }: PageCache): string {
    return `${file} ${this.#population(runs, (run, at) => this.#sum(run, () => `${at} ${run.join(",")}`))}`;
  }

  #mmText({ vmas, layout, pages, ...fields }: MmStruct): string {
    const below = pages ? this.#pagesText(pages) : "";
    return `${layout.name} ${recordText(fields)} ${this.#records(vmas, vmaText)} ${below}`;
  }

  #pagesText({ table, ...counters }: MmPages): string {
    return `${recordText(counters)} ${table.counted} ${sumText(this.#tableSum(table.root))}`;
  }

  #tableSum(table: TablePage): Sum {
    return this.#sum(table, () => {
      const below: string[] = [];
      table.tables.forEach((one, i) => {
        if (one) below.push(`${i}:${sumText(this.#tableSum(one))}`);
      });
      return `${table.level} ${table.pfn} ${wordsText(table.words)} ${below.join(" ")}`;
    });
  }

  #memoryTexts({ phys, swap, pool, caches }: MemoryState): readonly string[] {
    return [
      `memory ${recordText({ zones: phys.zones, pool, swap: swap.used, next: swap.next })}`,
      `frames ${sumText(this.#words(phys.frames))}`,
      `slots ${sumText(this.#words(swap.slots))}`,
      `contents ${this.#contents(phys.contents)}`,
      `swapped ${this.#contents(swap.contents)}`,
      `caches ${this.#population(caches, (cache, file) => this.#sum(cache, () => this.#cacheText(file, cache)))}`,
    ];
  }

  /** Words that were never written are zeros, so chunks of zeros count for nothing. */
  #words(table: WordTable): Sum {
    const sums: Sum[] = [];
    for (const [first, id, chunks] of table.directories()) {
      const known = this.#sums.get(id);
      const sum = known ?? added(chunks.map((chunk, i) => this.#chunk(first, i, chunk)));
      if (!known) this.#sums.set(id, sum);
      sums.push(sum);
    }
    return added(sums);
  }

  #chunk(first: number, i: number, chunk: Uint32Array | undefined): Sum {
    if (!chunk) return NOTHING;
    const known = this.#sums.get(chunk);
    if (known) return known;
    const words = wordsText(chunk);
    const sum = words === "" ? NOTHING : this.#digested(`${first}.${i} ${words}`);
    this.#sums.set(chunk, sum);
    return sum;
  }

  #tlbTexts({ cpus, contexts }: TlbState): readonly string[] {
    return [`tlbs ${this.#records(cpus, cpuTlbText)}`, `contexts ${this.#records(contexts, recordText)}`];
  }

  #kspaceText(kspace: Kspace): string {
    const { areas, nextFrame } = kspace;
    const rest = kspaceText({ ...kspace, areas: GapTree.empty() });
    return `${nextFrame - FIRST_FRAME} ${this.#records(areas, recordText)} ${rest}`;
  }
}
