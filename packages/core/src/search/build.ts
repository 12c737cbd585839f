import type { Node } from "ohm-js";
import {
  assert,
  type MmId,
  nearest,
  PAGE_SIZE,
  type PageRange,
  type Pid,
  pageRange,
  parseWord,
  type Word,
} from "../base/index.ts";
import { ENTRY_WORDS, type EntryWord } from "../procfs/index.ts";
import type { Comparison, Expression, Named, Subject, Sum } from "./expression.ts";
import { type ExpressionContext, Unreadable } from "./parse.ts";
import {
  CONSTANTS,
  CPU_WORDS,
  KNOWN_NAMES,
  NAME_TERMS,
  NUMBER_TERMS,
  TASK_WORDS,
  type Unit,
  VMA_EVENTS,
  VMA_STATES,
} from "./vocabulary.ts";

/** Makes expressions of what the grammar has matched, and refuses names that there are not. */
export interface Builder {
  expression(node: Node): Expression;
  number(node: Node): Sum;
}

/** A number together with what it counts; a number of the text counts whatever it is compared with. */
interface Counted {
  readonly sum: Sum;
  readonly unit: Unit | "any";
}

/** Names and texts keep their place, until it is known what they are compared with. */
type Operand = Counted | { readonly word: string; readonly quoted: boolean; readonly node: Node };

/** Whose numbers are meant at a place of the text. */
interface Scope {
  readonly subject: Subject | undefined;
  readonly only: Pid | undefined;
}

const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
/** Pages that one condition looks at, at most. */
const MOST_PAGES = 2 ** 20;
const TOP_PAGE = 2 ** 47;

const stop = (node: Node, what: string): never => {
  throw new Unreadable(node.source, what);
};

/** A list of words as a reader is told it. */
const oneOf = (words: readonly string[]): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;

const meant = (word: string, known: readonly string[]): string => {
  const found = nearest(word, known);
  return found === undefined ? "" : `; did you mean ${found}?`;
};

function knownWord<W extends string>(node: Node, words: readonly W[], what: string): W {
  const word = node.sourceString as W;
  if (words.includes(word)) return word;
  return stop(node, `'${word}' is nothing that ${what} can be: ${oneOf(words)}${meant(word, words)}`);
}

/** A choice that the grammar makes, and its parts. */
const ruleOf = (node: Node): string => node.ctorName;

/** The children of a repetition. */
const listOf = (node: Node | undefined): readonly Node[] => node?.children ?? [];

export function buildExpression(context: ExpressionContext): Builder {
  const pid = context.pid as Pid | undefined;
  const own = context.anyEvent === false ? pid : undefined;
  const scope: Scope = { subject: pid === undefined ? undefined : { kind: "pid", pid }, only: own };
  const reader = new Reader(context);
  return {
    expression: (node) => reader.expression(node, scope),
    number: (node) => reader.counted(node, scope).sum,
  };
}

class Reader {
  readonly #names: Readonly<Record<string, readonly string[]>>;

  constructor({ calls = [], outcomes = [] }: ExpressionContext) {
    const more: Readonly<Record<string, Iterable<string>>> = {
      call: calls,
      outcome: outcomes,
      signal: outcomes,
    };
    this.#names = Object.fromEntries(
      Object.entries(KNOWN_NAMES).map(([term, known]) => [
        term,
        [...new Set([...known, ...(more[term] ?? [])])],
      ]),
    );
  }

  expression(node: Node, scope: Scope): Expression {
    const [first, second, third] = node.children;
    switch (ruleOf(node)) {
      case "Either":
        return this.#joined("or", first, third, scope);
      case "Both":
        return this.#joined("and", first, third, scope);
      case "Single_not":
        return { kind: "not", of: this.expression(part(second), scope) };
      case "Single_of":
        return this.expression(part(third), scopeOf(part(first)));
      case "Single_parens":
        return this.expression(part(second), scope);
      case "Single_flag":
        return this.#flag(part(first), scope);
      case "Compared":
        return this.#compared(node, scope);
      default:
        break;
    }
    if (ruleOf(node).startsWith("Looked_")) return this.#looked(node, scope);
    assert(node.children.length === 1, `${ruleOf(node)} stands for one part`);
    return this.expression(part(first), scope);
  }

  #joined(kind: "or" | "and", first: Node | undefined, rest: Node | undefined, scope: Scope): Expression {
    const parts = [part(first), ...listOf(rest)].map((one) => this.expression(one, scope));
    return parts.reduce((left, right) => ({ kind, left, right }));
  }

  #flag(node: Node, { only }: Scope): Expression {
    const word = node.sourceString;
    if (word === "diverged") return { kind: "diverged", only };
    const known = Object.hasOwn(NUMBER_TERMS, word) || Object.hasOwn(NAME_TERMS, word);
    if (known) return stop(node, `'${word}' is no condition by itself: compare it, as in ${word} == …`);
    return this.#unknown(node, "a condition", ["diverged", ...TERM_NAMES]);
  }

  #looked(node: Node, scope: Scope): Expression {
    const [, first, second, third] = node.children;
    switch (ruleOf(node)) {
      case "Looked_vma":
        return this.#vma(part(first), part(second), scope);
      case "Looked_pte":
        return this.#pte(part(first), listOf(second), scope);
      case "Looked_task":
        return {
          kind: "task",
          tid: Number(wordOf(part(first))) as Pid,
          is: knownWord(part(second), TASK_WORDS, "a task"),
        };
      case "Looked_cpu": {
        const is = knownWord(part(second), CPU_WORDS, "a CPU");
        const what = listOf(third)[0];
        const takes = is === "runs" || is === "loads";
        if (takes && !what)
          return stop(
            part(second),
            `'${is}' needs ${is === "runs" ? "a task" : "an address space"}, as in ${is} 12`,
          );
        if (!takes && what) return stop(what, `nothing stands behind '${is}'`);
        return { kind: "cpu", cpu: Number(wordOf(part(first))), is, what: what ? Number(wordOf(what)) : 0 };
      }
      default: {
        const operand = this.#operand(part(first), scope);
        const name = "word" in operand ? this.#name(operand, scope) : undefined;
        const of = name ?? this.#counted(operand, scope).sum;
        const terms = [...(of.kind === "sum" ? sumTerms(of) : [of])];
        if (terms.some((term) => term.kind !== "number" && term.kind !== "sum" && term.term.of === "event"))
          return stop(
            part(first),
            "an event has no value before it: 'changed' is for numbers and names of states",
          );
        return { kind: "changed", of };
      }
    }
  }

  #vma(place: Node, word: Node, scope: Scope): Expression {
    const where = listOf(place)[0];
    const subject = subjectOf(word, scope);
    const is = knownWord(word, [...VMA_EVENTS, ...VMA_STATES], "a mapping");
    const became = VMA_EVENTS.find((event) => event === is);
    const range = where && rangeOf(where);
    if (became) return { kind: "vma", subject, became, ...(range ? { range } : {}) };
    if (!range)
      return stop(word, `'${is}' is of an address: write it before, as in vma 0x7f0000000000 ${is}`);
    const state = VMA_STATES.find((one) => one === is);
    assert(state, `${is} is a word for mappings`);
    return { kind: "mapping", subject, range, is: state };
  }

  #pte(place: Node, words: readonly Node[], scope: Scope): Expression {
    const range = rangeOf(place);
    if (range.end - range.start > MOST_PAGES)
      stop(place, "that are more than 4G, which is the most for pages");
    const subject = subjectOf(place, scope);
    if (words.some((word) => word.sourceString === "changed")) {
      const other = words.find((word) => word.sourceString !== "changed");
      if (other) stop(other, "'changed' stands alone");
      return { kind: "pte changed", subject, range };
    }
    const are = words.map((word): EntryWord | "changed" =>
      knownWord(word, [...ENTRY_WORDS, "changed" as const], "a page-table entry"),
    );
    return { kind: "pte", subject, range, are: are.filter((word) => word !== "changed") };
  }

  #compared(node: Node, scope: Scope): Expression {
    const [leftNode, operatorNode, rightNode] = node.children;
    const operator = part(operatorNode).sourceString as Comparison;
    const left = this.#operand(part(leftNode), scope);
    const right = this.#operand(part(rightNode), scope);
    const [leftName, rightName] = [this.#nameOf(left, scope), this.#nameOf(right, scope)];
    if (leftName) return this.#is(leftName, part(operatorNode), right);
    if (rightName) return this.#is(rightName, part(operatorNode), left);
    const [a, b] = [this.#counted(left, scope), this.#counted(right, scope)];
    const [x, y] = sameUnit(a, b, part(rightNode));
    return { kind: "compare", operator, left: x.sum, right: y.sum };
  }

  #is(of: Named, operator: Node, other: Operand): Expression {
    const sign = operator.sourceString;
    if (sign !== "==" && sign !== "!=")
      return stop(operator, `a name is compared with == or !=, not ${sign}`);
    if (!("word" in other)) return stop(operator, `'${of.name}' is a name, and is compared with one`);
    const known = this.#names[of.name];
    if (known && !other.quoted && !known.includes(other.word))
      return stop(
        other.node,
        `'${other.word}' is no ${of.name} that there is in this log${meant(other.word, known)}`,
      );
    return { kind: "is", of, value: other.word, differs: sign === "!=" };
  }

  #operand(node: Node, scope: Scope): Operand {
    const [first, second, third] = node.children;
    switch (ruleOf(node)) {
      case "Factor_word":
        return { word: node.sourceString, quoted: false, node };
      case "Factor_text":
        return { word: node.sourceString.slice(1, -1), quoted: true, node };
      case "Factor_number":
        return numberOf(part(first));
      case "Factor_parens":
        return this.#operand(part(second), scope);
      case "Sum_plus":
      case "Sum_minus":
      case "Product_times":
      case "Product_and": {
        const operator = part(second).sourceString as "+" | "-" | "*" | "&";
        const left = this.#counted(this.#operand(part(first), scope), scope);
        const right = this.#counted(this.#operand(part(third), scope), scope);
        const [x, y] = operator === "*" ? [left, right] : sameUnit(left, right, part(third));
        const unit = x.unit === "any" ? y.unit : x.unit;
        return { sum: { kind: "sum", operator, left: x.sum, right: y.sum }, unit };
      }
      default:
        assert(node.children.length === 1, `${ruleOf(node)} stands for one part`);
        return this.#operand(part(first), scope);
    }
  }

  /** A number of the text, worked out. */
  counted(node: Node, scope: Scope): Counted {
    return this.#counted(this.#operand(node, scope), scope);
  }

  #counted(operand: Operand, scope: Scope): Counted {
    if (!("word" in operand)) return operand;
    const { word, quoted, node } = operand;
    const value = CONSTANTS.get(word);
    if (value !== undefined && !quoted) return { sum: { kind: "number", value }, unit: "any" };
    const term = Object.hasOwn(NUMBER_TERMS, word) && !quoted ? NUMBER_TERMS[word] : undefined;
    if (!term) {
      if (quoted || Object.hasOwn(NAME_TERMS, word)) return stop(node, `${node.sourceString} is no number`);
      return this.#unknown(node, "a number", [...TERM_NAMES, ...CONSTANTS.keys()]);
    }
    const subject = term.of === "event" || term.of === "machine" ? undefined : subjectOf(node, scope);
    if (term.of === "process" && subject?.kind === "mm")
      return stop(node, `'${word}' is of a process, not of an address space`);
    const only = term.of === "event" ? scope.only : undefined;
    return { sum: { kind: "term", name: word, term, subject, only }, unit: term.unit };
  }

  #nameOf(operand: Operand, scope: Scope): Named | undefined {
    return "word" in operand && !operand.quoted ? this.#name(operand, scope) : undefined;
  }

  #name({ word, node }: { readonly word: string; readonly node: Node }, scope: Scope): Named | undefined {
    const term = Object.hasOwn(NAME_TERMS, word) ? NAME_TERMS[word] : undefined;
    if (!term) return undefined;
    const subject = term.of === "process" ? subjectOf(node, scope) : undefined;
    if (subject?.kind === "mm") return stop(node, `'${word}' is of a process, not of an address space`);
    return { kind: "name", name: word, term, subject, only: term.of === "event" ? scope.only : undefined };
  }

  #unknown(node: Node, what: string, known: readonly string[]): never {
    const word = node.sourceString;
    return stop(node, `'${word}' is no name of ${what}${meant(word, known)}`);
  }
}

const TERM_NAMES: readonly string[] = [...Object.keys(NUMBER_TERMS), ...Object.keys(NAME_TERMS)];

function part(node: Node | undefined): Node {
  assert(node, "the grammar has this part");
  return node;
}

function* sumTerms(sum: Sum): Iterable<Sum> {
  if (sum.kind === "sum") {
    yield* sumTerms(sum.left);
    yield* sumTerms(sum.right);
  } else yield sum;
}

function scopeOf(node: Node): Scope {
  const named = part(node.children[0]);
  const number = Number(wordOf(part(named.children[1])));
  if (ruleOf(named) === "Subject_mm") return { subject: { kind: "mm", mm: number as MmId }, only: undefined };
  return { subject: { kind: "pid", pid: number as Pid }, only: number as Pid };
}

function subjectOf(node: Node, { subject }: Scope): Subject {
  return subject ?? stop(node, `whose? Name a process before it, as in pid 12: ${node.sourceString}`);
}

/** A whole number, exact up to 64 bits. */
function wordOf(node: Node): Word {
  const { sum } = numberOf(node);
  return sum.kind === "number" ? sum.value : 0;
}

/** A number as the text has it; one with K, M, G or T is in bytes. */
function numberOf(node: Node): Counted {
  const text = node.sourceString;
  const unit = UNITS[text.at(-1) ?? ""];
  const value =
    unit !== undefined && !text.startsWith("0x")
      ? Number(text.slice(0, -1)) * unit
      : (parseWord(text) ?? Number(text));
  return {
    sum: { kind: "number", value },
    unit: unit === undefined || text.startsWith("0x") ? "any" : "bytes",
  };
}

/** Both sides in bytes where one of them is, or is an address. */
function sameUnit(left: Counted, right: Counted, node: Node): readonly [Counted, Counted] {
  const units = [left.unit, right.unit];
  const inText = left.sum.kind === "number" || right.sum.kind === "number";
  if (inText && units.includes("number") && units.includes("bytes"))
    return stop(node, "K, M, G and T are for bytes, and this counts something else");
  if (!units.includes("bytes") && !units.includes("address")) return [left, right];
  return [inBytes(left), inBytes(right)];
}

const inBytes = (of: Counted): Counted =>
  of.unit === "pages"
    ? {
        sum: { kind: "sum", operator: "*", left: of.sum, right: { kind: "number", value: PAGE_SIZE } },
        unit: "bytes",
      }
    : of;

/** The pages that an address, or a range of addresses, lies in. */
function rangeOf(node: Node): PageRange {
  const [first, , rest] = node.children;
  const last = listOf(rest)[0];
  const start = Math.floor(Number(wordOf(part(first))) / PAGE_SIZE);
  const end = last ? Math.ceil(Number(wordOf(last)) / PAGE_SIZE) : start + 1;
  if (end <= start) stop(part(last), "the range ends before it starts");
  if (end > TOP_PAGE) stop(node, "that is no address of user space");
  return pageRange(start, end);
}
