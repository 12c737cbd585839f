import type { MmId, PageRange, Pid, Word } from "../base/index.ts";
import type { KernelState } from "../kernel/index.ts";
import type { MmStruct } from "../mm/index.ts";
import type { Table } from "../struct/index.ts";
import { diffPages } from "../timeline/index.ts";
import type { Moment } from "./moment.ts";
import { changedRanges } from "./vma-changes.ts";
import {
  callOf,
  MACHINE_TERMS,
  type NumberTerm,
  outcomeOf,
  PROCESS_TERMS,
  processOf,
  SPACE_TERMS,
} from "./vocabulary.ts";
import { NO_HISTORY, type Recorded, type SpaceHistory, Walk } from "./walk.ts";

/** Events of a block, unless somebody wants it otherwise: what is known of it decides whether a search looks into it. */
export const BLOCK_EVENTS = 1024;

/** Ranges that are kept of one address space in one block; where there are more, near ones become one. */
const MOST_RANGES = 16;

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

/** What is known of a block of events. Members of `spaces` and `tasks` are those that changed in it. */
export interface BlockSummary {
  readonly calls: readonly string[];
  readonly outcomes: readonly string[];
  readonly processes: readonly number[];
  readonly diverged: boolean;
  readonly line: Extremes;
  readonly time: Extremes;
  /** In the order of `INDEXED_MACHINE_TERMS`. */
  readonly machine: readonly Extremes[];
  readonly spaces: Readonly<Record<string, SpaceSummary>>;
  readonly tasks: Readonly<Record<string, TaskSummary>>;
  readonly cpus: readonly number[];
}

export const INDEXED_SPACE_TERMS: readonly NumberTerm[] = [...new Set(Object.values(SPACE_TERMS))];
export const INDEXED_PROCESS_TERMS: readonly NumberTerm[] = Object.values(PROCESS_TERMS);
export const INDEXED_MACHINE_TERMS: readonly NumberTerm[] = Object.values(MACHINE_TERMS);

/** Everything as JSON has it; the first summary is that of the log's start. */
export interface IndexJson {
  readonly first: number;
  readonly last: number;
  /** Events of a block. */
  readonly blockEvents: number;
  readonly blocks: readonly BlockSummary[];
}

/** What is known of each block of a log, so that a search need not look where nothing can be found. */
export class SearchIndex implements SpaceHistory {
  readonly #touched = { spaces: new Map<number, number[]>(), tasks: new Map<number, number[]>() };

  private constructor(readonly json: IndexJson) {
    json.blocks.forEach((block, i) => {
      for (const kind of ["spaces", "tasks"] as const)
        for (const key of Object.keys(block[kind])) {
          const list = this.#touched[kind].get(Number(key));
          if (list) list.push(i - 1);
          else this.#touched[kind].set(Number(key), [i - 1]);
        }
    });
  }

  static fromJson(json: IndexJson): SearchIndex {
    return new SearchIndex(json);
  }

  /** Goes through a log; yields how far it is, once a block. */
  static *build(log: Recorded, blockEvents: number = BLOCK_EVENTS): Generator<number, SearchIndex> {
    const walk = new Walk(log, NO_HISTORY);
    const blocks: BlockSummary[] = [];
    for (let from = log.first; from < log.last || blocks.length === 0; from += blockEvents) {
      const builder = new SummaryBuilder();
      for (const moment of walk.from(from, Math.min(from + blockEvents, log.last))) {
        if (moment.event) builder.take(moment);
        else {
          if (from === log.first) blocks.push(summaryOfStart(moment.after));
          builder.start(moment.after);
        }
      }
      if (from < log.last) blocks.push(builder.finish());
      yield from;
    }
    return new SearchIndex({ first: log.first, last: log.last, blockEvents, blocks });
  }

  block(number: number): BlockSummary {
    const found = this.json.blocks[number + 1];
    if (!found) throw new RangeError(`the index has no block ${number}`);
    return found;
  }

  /** The last block up to this one in which it changed; -1 is the log's start, undefined never. */
  touched(kind: "spaces" | "tasks", key: number, number: number): number | undefined {
    const list = this.#touched[kind].get(key) ?? [];
    let [low, high] = [0, list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((list[middle] as number) <= number) low = middle + 1;
      else high = middle;
    }
    return list[low - 1];
  }

  /** The start of the block that the event behind `seq` is in: the index knows last address spaces at these alone. */
  boundary(seq: number): number {
    const { first, blockEvents } = this.json;
    return seq - ((seq - first) % blockEvents);
  }

  lastSpace(pid: Pid, seq: number): MmId | undefined {
    return this.lastSpaceIn(pid, Math.floor((seq - this.json.first) / this.json.blockEvents) - 1);
  }

  /** The last address space of a process up to the end of a block. */
  lastSpaceIn(pid: Pid, number: number): MmId | undefined {
    for (
      let at = this.touched("tasks", pid, number);
      at !== undefined;
      at = this.touched("tasks", pid, at - 1)
    ) {
      const found = this.block(at).tasks[pid]?.spaces.findLast((mm) => mm !== 0);
      if (found !== undefined) return found as MmId;
      if (at < 0) break;
    }
    return undefined;
  }
}

/** Collects the least and greatest of values that may be absent. */
class Range {
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  take(value: Word | undefined): void {
    if (value === undefined) return;
    const n = Number(value);
    if (n < this.#min) this.#min = n;
    if (n > this.#max) this.#max = n;
  }

  get json(): Extremes {
    return this.#min > this.#max ? null : [this.#min, this.#max];
  }
}

const ranges = (terms: readonly unknown[]): Range[] => terms.map(() => new Range());

class Space {
  readonly #values = ranges(INDEXED_SPACE_TERMS);
  readonly #mappings = new Ranges();
  readonly #entries = new Ranges();
  #absent = false;

  take(mm: MmStruct | undefined): void {
    if (!mm) this.#absent = true;
    else
      INDEXED_SPACE_TERMS.forEach((term, i) => {
        if (term.of === "space") this.#values[i]?.take(term.read(mm));
      });
  }

  change(before: MmStruct | undefined, after: MmStruct | undefined): void {
    for (const range of changedRanges(before, after)) this.#mappings.add(range);
    if (before?.pages !== after?.pages)
      for (const range of diffPages(before?.pages, after?.pages)) this.#entries.add(range);
    this.take(after);
  }

  get json(): SpaceSummary {
    return {
      values: this.#values.map((range) => range.json),
      absent: this.#absent,
      mappings: this.#mappings.json,
      entries: this.#entries.json,
    };
  }
}

/** Ranges of pages in order; of too many, those with the least between them become one. */
class Ranges {
  #ranges: (readonly [number, number])[] = [];

  add({ start, end }: PageRange): void {
    const joined = [...this.#ranges, [start, end] as const].sort(([a], [b]) => a - b);
    const list: [number, number][] = [];
    for (const [from, to] of joined) {
      const last = list.at(-1);
      if (last && from <= last[1]) last[1] = Math.max(last[1], to);
      else list.push([from, to]);
    }
    if (list.length > MOST_RANGES) joinNearest(list);
    this.#ranges = list;
  }

  get json(): SpaceSummary["mappings"] {
    return this.#ranges;
  }
}

function joinNearest(list: [number, number][]): void {
  let [best, least] = [1, Number.POSITIVE_INFINITY];
  for (let i = 1; i < list.length; i++) {
    const gap = (list[i]?.[0] ?? 0) - (list[i - 1]?.[1] ?? 0);
    if (gap < least) [best, least] = [i, gap];
  }
  const [left, right] = [list[best - 1], list[best]];
  if (left && right) list.splice(best - 1, 2, [left[0], right[1]]);
}

class TaskChanges {
  readonly #values = ranges(INDEXED_PROCESS_TERMS);
  readonly #states = new Set<string>();
  readonly #names = new Set<string>();
  readonly #spaces: number[] = [];
  #absent = false;

  take(pid: Pid, state: KernelState): void {
    const task = state.tasks.get(pid);
    const mm = task?.mm ?? 0;
    if (this.#spaces.at(-1) !== mm) this.#spaces.push(mm);
    if (!task) {
      this.#absent = true;
      return;
    }
    this.#states.add(task.state);
    this.#names.add(task.comm);
    INDEXED_PROCESS_TERMS.forEach((term, i) => {
      if (term.of === "process") this.#values[i]?.take(term.read(task, state));
    });
  }

  get json(): TaskSummary {
    return {
      values: this.#values.map((range) => range.json),
      absent: this.#absent,
      states: [...this.#states],
      names: [...this.#names],
      spaces: this.#spaces,
    };
  }
}

/** Takes the events of one block. */
class SummaryBuilder {
  readonly #calls = new Set<string>();
  readonly #outcomes = new Set<string>();
  readonly #processes = new Set<number>();
  readonly #line = new Range();
  readonly #time = new Range();
  readonly #machine = ranges(INDEXED_MACHINE_TERMS);
  readonly #spaces = new Map<MmId, Space>();
  readonly #tasks = new Map<Pid, TaskChanges>();
  readonly #cpus = new Set<number>();
  #diverged = false;

  start(state: KernelState): void {
    this.#countMachine(state);
  }

  take(moment: Moment): void {
    const { event, before, after, started } = moment;
    if (!event) return;
    this.#calls.add(callOf(event));
    this.#calls.add(event.request.call);
    this.#outcomes.add(outcomeOf(event));
    if (event.request.call === "kill") this.#outcomes.add(event.request.signal);
    this.#processes.add(processOf(event, moment));
    this.#line.take(event.line);
    this.#time.take(event.time === undefined ? undefined : event.time - (started ?? event.time));
    if (event.divergence) this.#diverged = true;
    this.#countMachine(after);
    eachChange(before.mms, after.mms, (id, was, is) => {
      let space = this.#spaces.get(id);
      if (!space) {
        space = new Space();
        space.take(was);
        this.#spaces.set(id, space);
      }
      space.change(was, is);
    });
    const changed = new Set<Pid>();
    eachChange(before.tasks, after.tasks, (pid) => changed.add(pid));
    eachChange(before.groups, after.groups, (tgid) => changed.add(tgid));
    for (const pid of changed) this.#changeTask(pid, before, after);
    eachChange(before.cpus, after.cpus, (cpu) => this.#cpus.add(cpu));
  }

  #countMachine(state: KernelState): void {
    INDEXED_MACHINE_TERMS.forEach((term, i) => {
      if (term.of === "machine") this.#machine[i]?.take(term.read(state));
    });
  }

  #changeTask(pid: Pid, before: KernelState, after: KernelState): void {
    let task = this.#tasks.get(pid);
    if (!task) {
      task = new TaskChanges();
      task.take(pid, before);
      this.#tasks.set(pid, task);
    }
    task.take(pid, after);
  }

  finish(): BlockSummary {
    return {
      calls: [...this.#calls],
      outcomes: [...this.#outcomes],
      processes: [...this.#processes],
      diverged: this.#diverged,
      line: this.#line.json,
      time: this.#time.json,
      machine: this.#machine.map((range) => range.json),
      spaces: Object.fromEntries([...this.#spaces].map(([id, space]) => [id, space.json])),
      tasks: Object.fromEntries([...this.#tasks].map(([pid, task]) => [pid, task.json])),
      cpus: [...this.#cpus],
    };
  }
}

/** Everything that is there at the log's start, as if it had changed then. */
function summaryOfStart(state: KernelState): BlockSummary {
  const spaces = [...state.mms.entries()].map(([id, mm]) => {
    const space = new Space();
    space.take(mm);
    return [id, space.json] as const;
  });
  const tasks = [...state.tasks.keys()].map((pid) => {
    const task = new TaskChanges();
    task.take(pid, state);
    return [pid, task.json] as const;
  });
  const empty = new SummaryBuilder();
  empty.start(state);
  return { ...empty.finish(), spaces: Object.fromEntries(spaces), tasks: Object.fromEntries(tasks) };
}

function eachChange<K extends number, V>(
  before: Table<K, V>,
  after: Table<K, V>,
  visit: (key: K, before: V | undefined, after: V | undefined) => void,
): void {
  if (before !== after) before.diff(after, visit);
}
