import type { MmId, PageRange, Pid, Word } from "../base/index.ts";
import type { EntryWord } from "../procfs/index.ts";
import {
  COUNTS_OF_USERS,
  type CpuWord,
  type NameTerm,
  type NumberTerm,
  type VmaEvent,
  type VmaState,
} from "./vocabulary.ts";

/** Whose numbers and mappings an expression speaks of. */
export type Subject =
  | { readonly kind: "pid"; readonly pid: Pid }
  | { readonly kind: "mm"; readonly mm: MmId };

export type Comparison = "==" | "!=" | "<=" | ">=" | "<" | ">";

/** A number, worked out of terms. Terms of an event are of that process's events alone, where `only` names one. */
export type Sum =
  | { readonly kind: "number"; readonly value: Word }
  | {
      readonly kind: "term";
      readonly name: string;
      readonly term: NumberTerm;
      readonly subject: Subject | undefined;
      readonly only: Pid | undefined;
    }
  | {
      readonly kind: "sum";
      readonly operator: "+" | "-" | "*" | "&";
      readonly left: Sum;
      readonly right: Sum;
    };

/** A name that something has. */
export interface Named {
  readonly kind: "name";
  readonly name: string;
  readonly term: NameTerm;
  readonly subject: Subject | undefined;
  readonly only: Pid | undefined;
}

/** What is so or not so at a moment of a log: docs/EXPRESSIONS.md has the language. */
export type Expression =
  | { readonly kind: "or" | "and"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "not"; readonly of: Expression }
  | { readonly kind: "compare"; readonly operator: Comparison; readonly left: Sum; readonly right: Sum }
  | { readonly kind: "is"; readonly of: Named; readonly value: string; readonly differs: boolean }
  | { readonly kind: "changed"; readonly of: Sum | Named }
  | { readonly kind: "vma"; readonly subject: Subject; readonly range?: PageRange; readonly became: VmaEvent }
  | { readonly kind: "mapping"; readonly subject: Subject; readonly range: PageRange; readonly is: VmaState }
  | {
      readonly kind: "pte";
      readonly subject: Subject;
      readonly range: PageRange;
      readonly are: readonly EntryWord[];
    }
  | { readonly kind: "pte changed"; readonly subject: Subject; readonly range: PageRange }
  | { readonly kind: "task"; readonly tid: Pid; readonly is: string }
  | { readonly kind: "cpu"; readonly cpu: number; readonly is: CpuWord; readonly what: number }
  | { readonly kind: "diverged"; readonly only: Pid | undefined };

const ofEvent = (of: Sum | Named): boolean => {
  if (of.kind === "number") return false;
  if (of.kind === "sum") return ofEvent(of.left) || ofEvent(of.right);
  return of.term.of === "event";
};

/** Whether the expression speaks of events, so that it holds at single ones; otherwise it holds in states. */
export function isMomentary(e: Expression): boolean {
  switch (e.kind) {
    case "or":
    case "and":
      return isMomentary(e.left) || isMomentary(e.right);
    case "not":
      return isMomentary(e.of);
    case "compare":
      return ofEvent(e.left) || ofEvent(e.right);
    case "is":
      return ofEvent(e.of);
    case "changed":
    case "vma":
    case "pte changed":
    case "diverged":
      return true;
    case "mapping":
    case "pte":
    case "task":
    case "cpu":
      return false;
  }
}

/** Every number and name that an expression speaks of. */
export function* termsOf(e: Expression): Iterable<Exclude<Sum, { kind: "number" | "sum" }> | Named> {
  if (e.kind === "or" || e.kind === "and") {
    yield* termsOf(e.left);
    yield* termsOf(e.right);
  } else if (e.kind === "not") yield* termsOf(e.of);
  else if (e.kind === "compare") {
    yield* termsIn(e.left);
    yield* termsIn(e.right);
  } else if (e.kind === "is" || e.kind === "changed") yield* termsIn(e.of);
}

export function* termsIn(of: Sum | Named): Iterable<Exclude<Sum, { kind: "number" | "sum" }> | Named> {
  if (of.kind === "sum") {
    yield* termsIn(of.left);
    yield* termsIn(of.right);
  } else if (of.kind !== "number") yield of;
}

/** Every process or address space that an expression speaks of, one as often as it does. */
export function* subjectsOf(e: Expression): Iterable<Subject> {
  if (e.kind === "or" || e.kind === "and") {
    yield* subjectsOf(e.left);
    yield* subjectsOf(e.right);
  } else if (e.kind === "not") yield* subjectsOf(e.of);
  else if ("subject" in e) yield e.subject;
  else for (const { subject } of termsOf(e)) if (subject) yield subject;
}

/** Processes whose users and references are asked for: those outlive the process's own use of its address space. */
export function countedProcesses(e: Expression): readonly Pid[] {
  const pids = new Set<Pid>();
  for (const { term, subject } of termsOf(e))
    if (term.of === "space" && COUNTS_OF_USERS.has(term as NumberTerm) && subject?.kind === "pid")
      pids.add(subject.pid);
  return [...pids];
}

/** Whether an expression can be judged by the events alone, without the states between them. */
export function needsStates(e: Expression): boolean {
  switch (e.kind) {
    case "or":
    case "and":
      return needsStates(e.left) || needsStates(e.right);
    case "not":
      return needsStates(e.of);
    case "compare":
    case "is":
      for (const { name, term, only } of termsOf(e))
        if (term.of !== "event" || name === "pid" || only !== undefined) return true;
      return false;
    case "diverged":
      return e.only !== undefined;
    default:
      return true;
  }
}
