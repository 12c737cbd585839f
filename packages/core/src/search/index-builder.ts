import type { MmId, PageRange, Pid, Word } from "../base/index.ts";
import type { KernelState } from "../kernel/index.ts";
import type { MmStruct } from "../mm/index.ts";
import type { Table } from "../struct/index.ts";
import { diffPages } from "../timeline/index.ts";
import type { Moment } from "./moment.ts";
import {
  BLOCK_EVENTS,
  type BlockSummary,
  type Extremes,
  groupOf,
  INDEXED_MACHINE_TERMS,
  INDEXED_PROCESS_TERMS,
  INDEXED_SPACE_TERMS,
  type IndexGroup,
  SearchIndex,
  type SpaceSummary,
  type TaskSummary,
} from "./search-index.ts";
import { changedRanges } from "./vma-changes.ts";
import { callOf, outcomeOf, processOf } from "./vocabulary.ts";
import { NO_HISTORY, type Recorded, Walk } from "./walk.ts";

/** Ranges that are kept of one address space in one block; where there are more, near ones become one. */
const MOST_RANGES = 16;

/** Address spaces and tasks in a group, more or less. */
const GROUP_SIZE = 64;

/** Goes through a log and makes its index; yields how far it is, once a block. */
export function* buildIndex(
  log: Recorded,
  blockEvents: number = BLOCK_EVENTS,
): Generator<number, SearchIndex> {
  const walk = new Walk(log, NO_HISTORY);
  const blocks: BlockSummary[] = [];
  const histories = new Histories();
  for (let from = log.first; from < log.last || from === log.first; from += blockEvents) {
    const builder = new SummaryBuilder();
    for (const moment of walk.from(from, Math.min(from + blockEvents, log.last))) {
      if (moment.event) builder.take(moment);
      else {
        if (from === log.first) histories.start(moment.after);
        builder.start(moment.after);
      }
    }
    histories.take(blocks.length, builder);
    blocks.push(builder.finish());
    yield from;
  }
  const groups = histories.groups();
  const base = { first: log.first, last: log.last, blockEvents, blocks, groups: groups.length };
  return new SearchIndex(base, (n) => groups[n] ?? { spaces: {}, tasks: {} });
}

type Entries<S> = Map<number, (readonly [number, S])[]>;

/** What became of each address space and task, block by block. */
class Histories {
  readonly #spaces: Entries<SpaceSummary> = new Map();
  readonly #tasks: Entries<TaskSummary> = new Map();

  /** Everything that is there at the log's start, as if it had changed then. */
  start(state: KernelState): void {
    for (const [id, mm] of state.mms.entries()) {
      const space = new Space();
      space.take(mm);
      add(this.#spaces, id, -1, space.json);
    }
    for (const pid of state.tasks.keys()) {
      const task = new TaskChanges();
      task.take(pid, state);
      add(this.#tasks, pid, -1, task.json);
    }
  }

  take(block: number, { spaces, tasks }: SummaryBuilder): void {
    for (const [id, space] of spaces) add(this.#spaces, id, block, space.json);
    for (const [pid, task] of tasks) add(this.#tasks, pid, block, task.json);
  }

  groups(): readonly IndexGroup[] {
    const count = Math.max(1, Math.ceil((this.#spaces.size + this.#tasks.size) / GROUP_SIZE));
    const groups = Array.from({ length: count }, () => ({
      spaces: {} as Record<string, readonly (readonly [number, SpaceSummary])[]>,
      tasks: {} as Record<string, readonly (readonly [number, TaskSummary])[]>,
    }));
    for (const [id, history] of this.#spaces) {
      const group = groups[groupOf(id, count)];
      if (group) group.spaces[id] = history;
    }
    for (const [pid, history] of this.#tasks) {
      const group = groups[groupOf(pid, count)];
      if (group) group.tasks[pid] = history;
    }
    return groups;
  }
}

function add<S>(entries: Entries<S>, key: number, block: number, summary: S): void {
  const history = entries.get(key);
  if (history) history.push([block, summary]);
  else entries.set(key, [[block, summary]]);
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
  readonly spaces = new Map<MmId, Space>();
  readonly tasks = new Map<Pid, TaskChanges>();
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
      let space = this.spaces.get(id);
      if (!space) {
        space = new Space();
        space.take(was);
        this.spaces.set(id, space);
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
    let task = this.tasks.get(pid);
    if (!task) {
      task = new TaskChanges();
      task.take(pid, before);
      this.tasks.set(pid, task);
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
      cpus: [...this.#cpus],
    };
  }
}

function eachChange<K extends number, V>(
  before: Table<K, V>,
  after: Table<K, V>,
  visit: (key: K, before: V | undefined, after: V | undefined) => void,
): void {
  if (before !== after) before.diff(after, visit);
}
