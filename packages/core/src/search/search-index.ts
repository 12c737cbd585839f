import type { MmId, Pid } from "../base/index.ts";
import { MACHINE_TERMS, type NumberTerm, PROCESS_TERMS, SPACE_TERMS } from "./vocabulary.ts";
import type { SpaceHistory } from "./walk.ts";

/** Events of a block, unless somebody wants it otherwise: what is known of it decides whether a search looks into it. */
export const BLOCK_EVENTS = 1024;

/** The least and the greatest value; absent where there was none. */
export type Extremes = readonly [number, number] | null;

/** What became of one address space in a block. */
export interface SpaceSummary {
  /** In the order of `INDEXED_SPACE_TERMS`, the values before the block's first event included. */
  readonly values: readonly Extremes[];
  /** There was a moment without it. */
  readonly absent: boolean;
  /** Pages [start, end) whose mapping or entry changed. */
  readonly mappings: readonly (readonly [number, number])[];
  readonly entries: readonly (readonly [number, number])[];
}

/** What became of one task, or of the process of the same number. */
export interface TaskSummary {
  readonly values: readonly Extremes[];
  readonly absent: boolean;
  readonly states: readonly string[];
  readonly names: readonly string[];
  /** Its address spaces in order, 0 for none. */
  readonly spaces: readonly number[];
}

/** What is known of all events of a block together. */
export interface BlockSummary {
  readonly calls: readonly string[];
  readonly outcomes: readonly string[];
  readonly processes: readonly number[];
  readonly diverged: boolean;
  readonly line: Extremes;
  readonly time: Extremes;
  /** In the order of `INDEXED_MACHINE_TERMS`. */
  readonly machine: readonly Extremes[];
  readonly cpus: readonly number[];
}

export const INDEXED_SPACE_TERMS: readonly NumberTerm[] = [...new Set(Object.values(SPACE_TERMS))];
export const INDEXED_PROCESS_TERMS: readonly NumberTerm[] = Object.values(PROCESS_TERMS);
export const INDEXED_MACHINE_TERMS: readonly NumberTerm[] = Object.values(MACHINE_TERMS);

/** What every search asks for, as JSON has it. */
export interface IndexBase {
  readonly first: number;
  readonly last: number;
  /** Events of a block. */
  readonly blockEvents: number;
  readonly blocks: readonly BlockSummary[];
  /** Into how many groups address spaces and tasks are divided. */
  readonly groups: number;
}

/** The blocks in which something changed, in order, and what became of it there; -1 is the log's start. */
export type History<S> = readonly (readonly [number, S])[];

/** Address spaces and tasks whose number leaves the same rest: what a search of one of them asks for. */
export interface IndexGroup {
  readonly spaces: Readonly<Record<string, History<SpaceSummary>>>;
  readonly tasks: Readonly<Record<string, History<TaskSummary>>>;
}

/** The group that an address space or a task is in. */
export const groupOf = (key: number, groups: number): number => ((key % groups) + groups) % groups;

/** What became of something in the last block in which it changed, and whether that is the block asked for. */
export interface Known<S> {
  readonly block: number;
  readonly summary: S;
  readonly touched: boolean;
}

/** What is known of each block of a log, so that a search need not look where nothing can be found. */
export class SearchIndex implements SpaceHistory {
  readonly #groups = new Map<number, IndexGroup>();
  readonly #read: (group: number) => IndexGroup;

  /** @param read gives a group, when it is asked for first */
  constructor(
    readonly base: IndexBase,
    read: (group: number) => IndexGroup,
  ) {
    this.#read = read;
  }

  group(number: number): IndexGroup {
    let group = this.#groups.get(number);
    if (!group) {
      group = this.#read(number);
      this.#groups.set(number, group);
    }
    return group;
  }

  block(number: number): BlockSummary {
    const found = this.base.blocks[number];
    if (!found) throw new RangeError(`the index has no block ${number}`);
    return found;
  }

  space(id: MmId, block: number): Known<SpaceSummary> | undefined {
    return lastKnown(this.group(groupOf(id, this.base.groups)).spaces[id], block);
  }

  task(pid: Pid, block: number): Known<TaskSummary> | undefined {
    return lastKnown(this.group(groupOf(pid, this.base.groups)).tasks[pid], block);
  }

  /** The start of the block that the event behind `seq` is in: the index knows last address spaces at these alone. */
  boundary(seq: number): number {
    const { first, blockEvents } = this.base;
    return seq - ((seq - first) % blockEvents);
  }

  lastSpace(pid: Pid, seq: number): MmId | undefined {
    return this.lastSpaceIn(pid, Math.floor((seq - this.base.first) / this.base.blockEvents) - 1);
  }

  /** The last address space of a process up to the end of a block. */
  lastSpaceIn(pid: Pid, block: number): MmId | undefined {
    for (let known = this.task(pid, block); known; known = this.task(pid, known.block - 1)) {
      const found = known.summary.spaces.findLast((mm) => mm !== 0);
      if (found !== undefined) return found as MmId;
    }
    return undefined;
  }
}

function lastKnown<S>(history: History<S> = [], block: number): Known<S> | undefined {
  let [low, high] = [0, history.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((history[middle]?.[0] ?? 0) <= block) low = middle + 1;
    else high = middle;
  }
  const [at, summary] = history[low - 1] ?? [];
  return at === undefined || summary === undefined
    ? undefined
    : { block: at, summary, touched: at === block };
}
