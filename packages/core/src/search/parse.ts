import type { Interval, Node, Semantics } from "ohm-js";
import { fail, nearest, ok, type Result } from "../base/index.ts";
import { type Builder, buildExpression } from "./build.ts";
import type { Expression, Sum } from "./expression.ts";
import { expressionGrammar } from "./grammar.ts";
import { CONSTANTS, NAME_TERMS, NUMBER_TERMS } from "./vocabulary.ts";

/** What keeps an expression from being read, and where: line and column count from 1. */
export interface ExpressionProblem {
  readonly line: number;
  readonly column: number;
  /** What stands there, what may stand there, and which name may have been meant. */
  readonly what: string;
}

/** What an expression is read with. */
export interface ExpressionContext {
  /** The process that is meant where none is named. */
  readonly pid?: number | undefined;
  /** Whether events of other processes count as well where none is named. */
  readonly anyEvent?: boolean;
  /** Names of calls and outcomes that the log has beside the known ones. */
  readonly calls?: Iterable<string>;
  readonly outcomes?: Iterable<string>;
}

/** Ends the reading. Thrown only inside the reader, which gives the problem as a value. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";

  constructor(
    readonly at: Interval,
    what: string,
  ) {
    super(what);
  }
}

/**
 * Reads an expression: docs/EXPRESSIONS.md has the language.
 *
 * Refuses, with line and column, the first thing that cannot stand where it stands.
 */
export function parseExpression(
  text: string,
  context: ExpressionContext = {},
): Result<Expression, ExpressionProblem> {
  return read(text, "Whole", (builder, node) => builder.expression(node), context);
}

/** Reads a number alone, as a series shows it: `rss`, `vmas`, `rss_anon + swap`. */
export function parseSum(text: string, context: ExpressionContext = {}): Result<Sum, ExpressionProblem> {
  return read(text, "Sum", (builder, node) => builder.number(node), context);
}

function read<T>(
  text: string,
  start: "Whole" | "Sum",
  build: (builder: Builder, node: Node) => T,
  context: ExpressionContext,
): Result<T, ExpressionProblem> {
  const match = expressionGrammar().match(text, start);
  if (match.failed()) {
    const interval = match.getInterval();
    return fail({ ...placeOf(interval), what: wordsOf(text, interval, match.getExpectedText()) });
  }
  try {
    return ok(build(buildExpression(context), semantics()(match) as unknown as Node));
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return fail({ ...placeOf(error.at), what: error.message });
  }
}

let unwrapped: Semantics | undefined;

/** A parse as nodes: what they mean, the builder says. */
function semantics(): Semantics {
  unwrapped ??= expressionGrammar().createSemantics();
  return unwrapped;
}

function placeOf(interval: Interval): { readonly line: number; readonly column: number } {
  const { lineNum, colNum } = interval.getLineAndColumn();
  return { line: lineNum, column: colNum };
}

/** `'=' cannot stand here: expected …`, and what a word that stands here may have been meant for. */
function wordsOf(text: string, { startIdx }: Interval, expected: string): string {
  const found = /^\s*("[^"]*"?|[\w.]+|[=!<>&|]+|\S)/.exec(text.slice(startIdx))?.[1];
  const known = [...Object.keys(NUMBER_TERMS), ...Object.keys(NAME_TERMS), ...CONSTANTS.keys()];
  const meant = found === "=" ? "==" : found === undefined ? undefined : nearest(found, known);
  const what = found === undefined ? "the expression ends here" : `'${found}' cannot stand here`;
  const hint = meant === undefined || meant === found ? "" : `; did you mean ${meant}?`;
  return `${what}: expected ${expected.replaceAll('"', "'")}${hint}`;
}
