import { type MmId, type PageRange, type Pid, shrink, type Word } from "../base/index.ts";
import type { KernelState } from "../kernel/index.ts";
import { type MmStruct, VM, VMH, type Vma } from "../mm/index.ts";
import { isLive } from "../process/index.ts";
import { pageEntry } from "../procfs/index.ts";
import type { Comparison, Expression, Named, Subject, Sum } from "./expression.ts";
import type { Moment } from "./moment.ts";
import { vmaBecame } from "./vma-changes.ts";
import { COUNTS_OF_USERS, processOf, type VmaState } from "./vocabulary.ts";

/** The states on either side of an event. */
type Side = "before" | "after";

/** Whether an expression holds at a moment. A number that there is not makes a comparison with it false. */
export function holds(e: Expression, m: Moment): boolean {
  switch (e.kind) {
    case "or":
      return holds(e.left, m) || holds(e.right, m);
    case "and":
      return holds(e.left, m) && holds(e.right, m);
    case "not":
      return !holds(e.of, m);
    case "compare":
      return compare(e.operator, numberAt(e.left, m), numberAt(e.right, m));
    case "is": {
      const found = nameAt(e.of, m);
      if (found === undefined) return false;
      const isIt = found === e.value || (m.event !== undefined && e.of.term.other?.(m.event) === e.value);
      return isIt !== e.differs;
    }
    case "changed":
      return m.event !== undefined && valueAt(e.of, m, "before") !== valueAt(e.of, m, "after");
    case "diverged":
      return m.event?.divergence !== undefined && isOf(e.only, m);
    default:
      return looked(e, m);
  }
}

type Looked = Extract<Expression, { kind: "vma" | "mapping" | "pte" | "pte changed" | "task" | "cpu" }>;

function looked(e: Looked, m: Moment): boolean {
  switch (e.kind) {
    case "vma":
      return vmaBecame(spaceAt(e.subject, m.before), spaceAt(e.subject, m.after), e.range, e.became);
    case "mapping":
      return isMapping(spaceAt(e.subject, m.after), e.range, e.is);
    case "pte":
      return entriesAre(m.after, spaceAt(e.subject, m.after), e.range, e.are);
    case "pte changed":
      return entriesChanged(spaceAt(e.subject, m.before), spaceAt(e.subject, m.after), e.range);
    case "task":
      return isTask(m.after, e.tid, e.is);
    case "cpu":
      return isCpu(m.after, e);
  }
}

const isOf = (only: Pid | undefined, m: Moment): boolean =>
  only === undefined || (m.event !== undefined && processOf(m.event, m) === only);

/** The value of a number or name in the state behind the moment, or before it. */
export const valueAt = (of: Sum | Named, m: Moment, side: Side = "after"): Word | string | undefined =>
  of.kind === "name" ? nameAt(of, m, side) : numberAt(of, m, side);

export function numberAt(of: Sum, m: Moment, side: Side = "after"): Word | undefined {
  if (of.kind === "number") return of.value;
  if (of.kind === "sum") {
    const [left, right] = [numberAt(of.left, m, side), numberAt(of.right, m, side)];
    return left === undefined || right === undefined ? undefined : calculate(of.operator, left, right);
  }
  const { term, subject, only } = of;
  const state = m[side];
  switch (term.of) {
    case "event":
      return m.event && isOf(only, m) ? term.read(m.event, m) : undefined;
    case "machine":
      return term.read(state);
    case "process": {
      const task = taskOf(subject, state);
      return task && term.read(task, state);
    }
    case "space": {
      const mm = subject && spaceAt(subject, state);
      if (mm) return term.read(mm);
      return subject && COUNTS_OF_USERS.has(term) ? countOf(subject, state, m, term.read) : undefined;
    }
  }
}

/** Users and references of an address space that its process has left; none of one that is gone. */
function countOf(
  subject: Subject,
  state: KernelState,
  m: Moment,
  read: (mm: MmStruct) => Word | undefined,
): Word | undefined {
  const id = subject.kind === "mm" ? madeSpace(subject.mm, state) : m.lastSpace(subject.pid);
  if (id === undefined) return undefined;
  const mm = state.mms.get(id);
  return mm ? read(mm) : 0;
}

const madeSpace = (id: MmId, state: KernelState): MmId | undefined => (id < state.nextMm ? id : undefined);

function nameAt(of: Named, m: Moment, side: Side = "after"): string | undefined {
  const { term, subject, only } = of;
  const state = m[side];
  switch (term.of) {
    case "event":
      return m.event && isOf(only, m) ? term.read(m.event, m) : undefined;
    case "process": {
      const task = taskOf(subject, state);
      return task && term.read(task, state);
    }
    case "machine":
      return term.read(state);
    case "space": {
      const mm = subject && spaceAt(subject, state);
      return mm && term.read(mm);
    }
  }
}

const taskOf = (subject: Subject | undefined, state: KernelState) =>
  subject?.kind === "pid" ? state.tasks.get(subject.pid) : undefined;

/** The address space that is meant; none for a process that has left it. */
export function spaceAt(subject: Subject, state: KernelState): MmStruct | undefined {
  const id = subject.kind === "mm" ? subject.mm : state.tasks.get(subject.pid)?.mm;
  return id === undefined || id === 0 ? undefined : state.mms.get(id);
}

function calculate(operator: "+" | "-" | "*" | "&", left: Word, right: Word): Word {
  const exact = typeof left === "bigint" || typeof right === "bigint";
  if (operator === "&") return shrink(wholeOf(left) & wholeOf(right));
  if (exact) {
    const [a, b] = [BigInt(left), BigInt(right)];
    return operator === "+" ? a + b : operator === "-" ? a - b : a * b;
  }
  return operator === "+" ? left + right : operator === "-" ? left - right : left * right;
}

const wholeOf = (word: Word): bigint => BigInt(typeof word === "bigint" ? word : Math.trunc(word));

function compare(operator: Comparison, left: Word | undefined, right: Word | undefined): boolean {
  if (left === undefined || right === undefined) return false;
  switch (operator) {
    case "==":
      return !(left < right) && !(left > right);
    case "!=":
      return left < right || left > right;
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
  }
}

const isAnonymous = (vma: Vma): boolean => vma.file === 0 && vma.ops.name === "anon";

const MAPPING: Readonly<Record<Exclude<VmaState, "mapped" | "unmapped">, (vma: Vma) => boolean>> = {
  readable: ({ flags }) => (flags & VM.READ) !== 0,
  writable: ({ flags }) => (flags & VM.WRITE) !== 0,
  executable: ({ flags }) => (flags & VM.EXEC) !== 0,
  private: ({ flags }) => (flags & VM.SHARED) === 0,
  shared: ({ flags }) => (flags & VM.SHARED) !== 0,
  anonymous: isAnonymous,
  file: (vma) => !isAnonymous(vma),
  locked: ({ flags }) => (flags & VM.LOCKED) !== 0,
  sealed: ({ high }) => (high & VMH.SEALED) !== 0,
  growsdown: ({ flags }) => (flags & VM.GROWSDOWN) !== 0,
};

/** Whether all pages of a range are mapped so. */
function isMapping(mm: MmStruct | undefined, range: PageRange, is: VmaState): boolean {
  if (!mm) return false;
  if (is === "unmapped") {
    const next = mm.vmas.findFrom(range.start);
    return next === undefined || next.start >= range.end;
  }
  for (let at: number = range.start; at < range.end; ) {
    const vma = mm.vmas.find(at);
    if (!vma || (is !== "mapped" && !MAPPING[is](vma))) return false;
    at = vma.end;
  }
  return true;
}

function entriesAre(
  state: KernelState,
  mm: MmStruct | undefined,
  { start, end }: PageRange,
  are: readonly string[],
): boolean {
  if (!mm?.pages) return false;
  for (let page: number = start; page < end; page++) {
    const words: readonly string[] = pageEntry(state, mm, page)?.words ?? [];
    if (!are.every((word) => words.includes(word))) return false;
  }
  return true;
}

function entriesChanged(
  before: MmStruct | undefined,
  after: MmStruct | undefined,
  { start, end }: PageRange,
): boolean {
  if (before?.pages === after?.pages) return false;
  for (let page: number = start; page < end; page++)
    if (entryAt(before, page) !== entryAt(after, page)) return true;
  return false;
}

/** The entry as text, so that two can be compared; empty where none maps the page. */
function entryAt(mm: MmStruct | undefined, page: number): string {
  const last = mm?.pages?.table.walk(page).at(-1);
  if (!last || last.table.isEmpty(last.index)) return "";
  const { words } = last.table;
  return `${words[2 * last.index]} ${words[2 * last.index + 1]}`;
}

function isTask(state: KernelState, tid: Pid, is: string): boolean {
  const task = state.tasks.get(tid);
  if (is === "exists") return task !== undefined && isLive(task);
  if (is === "gone") return task === undefined || !isLive(task);
  return task?.state === is;
}

function isCpu(state: KernelState, { cpu, is, what }: Extract<Expression, { kind: "cpu" }>): boolean {
  const found = state.cpus.get(cpu);
  if (!found) return false;
  switch (is) {
    case "online":
      return found.online;
    case "offline":
      return !found.online;
    case "idle":
      return found.current < 0;
    case "lazy":
      return found.lazy;
    case "runs":
      return found.current === what;
    case "loads":
      return found.loadedMm === what;
  }
}
