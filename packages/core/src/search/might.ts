import type { MmId, PageRange, Pid } from "../base/index.ts";
import {
  type Comparison,
  type Expression,
  isMomentary,
  type Named,
  type Subject,
  type Sum,
} from "./expression.ts";
import {
  type Extremes,
  INDEXED_MACHINE_TERMS,
  INDEXED_PROCESS_TERMS,
  INDEXED_SPACE_TERMS,
  type SearchIndex,
  type SpaceSummary,
  type TaskSummary,
} from "./search-index.ts";
import { COUNTS_OF_USERS } from "./vocabulary.ts";

/** What a block may make of a condition: be it true somewhere, be it false, and become another. */
interface Truth {
  readonly true: boolean;
  readonly false: boolean;
  readonly changes: boolean;
}

/** Between which values a number is in a block; with `absent` it may also be none at all. */
interface Values {
  readonly min: number;
  readonly max: number;
  readonly absent: boolean;
  readonly changes: boolean;
}

const ANY: Truth = { true: true, false: true, changes: true };
const ANY_NUMBER: Values = {
  min: Number.NEGATIVE_INFINITY,
  max: Number.POSITIVE_INFINITY,
  absent: true,
  changes: true,
};
const NO_NUMBER: Values = {
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
  absent: true,
  changes: false,
};

/** Whether a search has to look into a block: false only where nothing can be found there. */
export function mightMatch(
  index: SearchIndex,
  block: number,
  expression: Expression,
  edge: "becomes" | "changes",
): boolean {
  const truth = new BlockView(index, block).truth(expression);
  // What is true from the start on is found in the first block; elsewhere it has to be both.
  if (isMomentary(expression) || (block === 0 && edge === "becomes")) return truth.true;
  return truth.changes && truth.true && truth.false;
}

/** Whether a number may change in a block. */
export const mightChange = (index: SearchIndex, block: number, sum: Sum): boolean =>
  new BlockView(index, block).values(sum).changes;

class BlockView {
  constructor(
    private readonly index: SearchIndex,
    private readonly number: number,
  ) {}

  truth(e: Expression): Truth {
    switch (e.kind) {
      case "or":
        return not(both(not(this.truth(e.left)), not(this.truth(e.right))));
      case "and":
        return both(this.truth(e.left), this.truth(e.right));
      case "not":
        return not(this.truth(e.of));
      case "compare":
        return compared(e.operator, this.values(e.left), this.values(e.right));
      case "is":
        return this.#is(e.of, e.value, e.differs);
      case "changed":
        return at(e.of.kind === "name" ? this.#names(e.of).changes : this.values(e.of).changes);
      case "vma":
        return at(this.#meets(e.subject, e.range, "mappings"));
      case "pte changed":
        return at(this.#meets(e.subject, e.range, "entries"));
      case "mapping":
        return constantUnless(this.#meets(e.subject, e.range, "mappings"));
      case "pte":
        // What a frame is may change without any entry that names it.
        if (e.are.some((word) => word === "exclusive" || word === "lazyfree")) return ANY;
        return constantUnless(this.#meets(e.subject, e.range, "entries"));
      case "task":
        return this.#task(e.tid, e.is);
      case "cpu":
        return constantUnless(this.index.block(this.number).cpus.includes(e.cpu));
      case "diverged":
        return at(this.index.block(this.number).diverged && this.#has(e.only));
    }
  }

  #has(only: Pid | undefined): boolean {
    return only === undefined || this.index.block(this.number).processes.includes(only);
  }

  values(sum: Sum): Values {
    if (sum.kind === "number") {
      const n = Number(sum.value);
      return { min: n, max: n, absent: false, changes: false };
    }
    if (sum.kind === "sum") return calculated(sum.operator, this.values(sum.left), this.values(sum.right));
    const { term, subject, name, only } = sum;
    switch (term.of) {
      case "event":
        return this.#has(only) ? this.#eventValues(name) : NO_NUMBER;
      case "machine":
        return fromExtremes(this.index.block(this.number).machine[INDEXED_MACHINE_TERMS.indexOf(term)], true);
      case "process":
        return subject?.kind === "pid"
          ? this.#taskValues(subject.pid, INDEXED_PROCESS_TERMS.indexOf(term))
          : NO_NUMBER;
      case "space":
        return subject
          ? this.#spaceValues(subject, INDEXED_SPACE_TERMS.indexOf(term), COUNTS_OF_USERS.has(term))
          : NO_NUMBER;
    }
  }

  #eventValues(name: string): Values {
    const block = this.index.block(this.number);
    const { first, blockEvents } = this.index.base;
    const from = first + this.number * blockEvents;
    if (name === "seq") return { min: from + 1, max: from + blockEvents, absent: false, changes: true };
    if (name === "line") return fromExtremes(block.line, true);
    if (name === "time") return fromExtremes(block.time, true);
    if (name !== "pid") return ANY_NUMBER;
    const { processes } = block;
    return { min: Math.min(...processes), max: Math.max(...processes), absent: false, changes: true };
  }

  #taskOf(pid: Pid): { readonly summary: TaskSummary; readonly touched: boolean } | undefined {
    return this.index.task(pid, this.number);
  }

  #taskValues(pid: Pid, term: number): Values {
    const task = this.#taskOf(pid);
    return task ? fromExtremes(task.summary.values[term], task.touched, task.summary.absent) : NO_NUMBER;
  }

  #task(tid: Pid, is: string): Truth {
    const task = this.#taskOf(tid);
    if (!task) return { true: is === "gone", false: is !== "gone", changes: false };
    const { states, absent } = task.summary;
    const ended = ["zombie", "dead"];
    const lives = states.some((state) => !ended.includes(state));
    const left = absent || states.some((state) => ended.includes(state));
    if (is === "exists") return { true: lives, false: left, changes: task.touched };
    if (is === "gone") return { true: left, false: lives, changes: task.touched };
    const others = absent || states.some((state) => state !== is);
    return { true: states.includes(is), false: others, changes: task.touched };
  }

  /** The address spaces that are meant in the block, and whether there is a moment without one. */
  #spacesOf(subject: Subject): {
    readonly ids: readonly MmId[];
    readonly none: boolean;
    readonly changes: boolean;
  } {
    if (subject.kind === "mm") {
      const space = this.#spaceOf(subject.mm);
      return { ids: [subject.mm], none: false, changes: space?.touched === true && space.summary.absent };
    }
    const task = this.#taskOf(subject.pid);
    if (!task) return { ids: [], none: true, changes: false };
    const { spaces } = task.summary;
    const here = task.touched ? spaces : spaces.slice(-1);
    const ids = here.filter((id) => id !== 0) as MmId[];
    return { ids, none: here.includes(0), changes: here.length > 1 };
  }

  #spaceOf(id: MmId): { readonly summary: SpaceSummary; readonly touched: boolean } | undefined {
    return this.index.space(id, this.number);
  }

  #spaceValues(subject: Subject, term: number, counts: boolean): Values {
    const { ids, none, changes } = this.#spacesOf(subject);
    const meant = new Set(ids);
    if (counts && none && subject.kind === "pid")
      for (const before of [this.number - 1, this.number]) {
        const last = this.index.lastSpaceIn(subject.pid, before);
        if (last !== undefined) meant.add(last);
      }
    let all: Values = { ...NO_NUMBER, absent: none || meant.size === 0, changes };
    for (const id of meant) {
      const space = this.#spaceOf(id);
      const values = space
        ? fromExtremes(space.summary.values[term], space.touched, space.summary.absent)
        : NO_NUMBER;
      all = joined(all, counts && values.absent ? joined(values, ZERO) : values);
    }
    return all;
  }

  #meets(subject: Subject, range: PageRange | undefined, what: "mappings" | "entries"): boolean {
    const { ids, changes } = this.#spacesOf(subject);
    if (changes) return true;
    return ids.some((id) => {
      const space = this.#spaceOf(id);
      if (!space?.touched) return false;
      return space.summary[what].some(([start, end]) => !range || (start < range.end && range.start < end));
    });
  }

  #names({ name, subject, only }: Named): {
    readonly names: readonly string[] | undefined;
    readonly absent: boolean;
    readonly changes: boolean;
  } {
    const block = this.index.block(this.number);
    if (only !== undefined && !this.#has(only)) return { names: [], absent: true, changes: false };
    if (name === "call") return { names: block.calls, absent: false, changes: true };
    if (name === "outcome" || name === "signal")
      return { names: block.outcomes, absent: true, changes: true };
    if (name !== "state" && name !== "comm") return { names: undefined, absent: true, changes: true };
    const task = subject?.kind === "pid" ? this.#taskOf(subject.pid) : undefined;
    if (!task) return { names: [], absent: true, changes: false };
    const { states, names, absent } = task.summary;
    return { names: name === "state" ? states : names, absent, changes: task.touched };
  }

  #is(of: Named, value: string, differs: boolean): Truth {
    const { names, absent, changes } = this.#names(of);
    if (!names) return ANY;
    const [same, other] = [names.includes(value), names.some((name) => name !== value)];
    return { true: differs ? other : same, false: absent || (differs ? same : other), changes };
  }
}

const ZERO: Values = { min: 0, max: 0, absent: false, changes: false };

/** What holds at single events: false between them. */
const at = (possible: boolean): Truth => ({ true: possible, false: true, changes: possible });

/** What is not known, but the same all along unless something changed. */
const constantUnless = (changes: boolean): Truth => ({ true: true, false: true, changes });

const not = (a: Truth): Truth => ({ true: a.false, false: a.true, changes: a.changes });

const both = (a: Truth, b: Truth): Truth => ({
  true: a.true && b.true,
  false: a.false || b.false,
  changes: (a.changes && b.true) || (b.changes && a.true),
});

const fromExtremes = (extremes: Extremes | undefined, changes: boolean, absent = false): Values =>
  extremes ? { min: extremes[0], max: extremes[1], absent, changes } : { ...NO_NUMBER, changes };

const joined = (a: Values, b: Values): Values => ({
  min: Math.min(a.min, b.min),
  max: Math.max(a.max, b.max),
  absent: a.absent || b.absent,
  changes: a.changes || b.changes,
});

function calculated(operator: "+" | "-" | "*" | "&", a: Values, b: Values): Values {
  const common = { absent: a.absent || b.absent, changes: a.changes || b.changes };
  if (a.min > a.max || b.min > b.max) return { ...NO_NUMBER, changes: common.changes };
  if (operator === "+") return { min: a.min + b.min, max: a.max + b.max, ...common };
  if (operator === "-") return { min: a.min - b.max, max: a.max - b.min, ...common };
  if (operator === "&") return { ...ANY_NUMBER, ...common };
  const products = [a.min * b.min, a.min * b.max, a.max * b.min, a.max * b.max].map((n) =>
    Number.isNaN(n) ? 0 : n,
  );
  const wide = products.some((n) => !Number.isFinite(n));
  return wide
    ? { ...ANY_NUMBER, ...common }
    : { min: Math.min(...products), max: Math.max(...products), ...common };
}

function compared(operator: Comparison, a: Values, b: Values): Truth {
  const changes = a.changes || b.changes;
  const absent = a.absent || b.absent;
  if (a.min > a.max || b.min > b.max) return { true: false, false: true, changes };
  const overlap = a.min <= b.max && b.min <= a.max;
  const single = a.min === a.max && b.min === b.max && a.min === b.min;
  const truth = (possible: boolean, failing: boolean): Truth => ({
    true: possible,
    false: failing || absent,
    changes,
  });
  switch (operator) {
    case "==":
      return truth(overlap, !single);
    case "!=":
      return truth(!single, overlap);
    case "<":
      return truth(a.min < b.max, a.max >= b.min);
    case "<=":
      return truth(a.min <= b.max, a.max > b.min);
    case ">":
      return truth(a.max > b.min, a.min <= b.max);
    case ">=":
      return truth(a.max >= b.min, a.min < b.max);
  }
}
