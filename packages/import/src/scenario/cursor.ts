import { nearest } from "@pagetrail/core";

/** What keeps a scenario from being read, and where: line and column count from 1. */
export interface ScenarioProblem {
  readonly line: number;
  readonly column: number;
  /** What stands there, what may stand there, and which word may have been meant. */
  readonly what: string;
}

/** Ends the reading of a scenario. Thrown only inside the reader, which gives the problem as a value. */
export class Unreadable extends Error {
  override readonly name = "Unreadable";

  constructor(readonly problem: ScenarioProblem) {
    super(problem.what);
  }
}

const BLANKS = /[ \t]*/y;
/** What is shown of a line where it goes wrong. */
const NEXT = /"[^"]*"?|[\w./]+|->|\.\.|\S/y;

/**
 * A place in one line of a scenario, and what was looked for there. Every look takes blanks first; one that
 * finds nothing leaves the place as it is and is remembered, so that `stop` can say all that would have done.
 */
export class Cursor {
  #at = 0;
  /** Words that were looked for here, and other things, in words. */
  #words: string[] = [];
  #others: string[] = [];

  constructor(
    readonly text: string,
    readonly line: number,
  ) {
    this.#skip();
  }

  /** Where the next thing stands, from 1. */
  get column(): number {
    return this.#at + 1;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.text.length;
  }

  /** Takes what the pattern matches here; `what` names it for a reader. */
  take(pattern: RegExp, what: string): string | undefined {
    const found = this.#match(pattern);
    if (found === undefined) {
      this.#others.push(what);
      return undefined;
    }
    this.#advance(found.length);
    return found;
  }

  /** Takes one of these words. */
  word<const W extends string>(...words: readonly W[]): W | undefined {
    const found = words
      .filter((word) => this.text.startsWith(word, this.#at))
      .filter((word) => !/[\w-]/.test(this.text[this.#at + word.length] ?? "") || /\W$/.test(word))
      .sort((a, b) => b.length - a.length)[0];
    if (found === undefined) {
      this.#words.push(...words);
      return undefined;
    }
    this.#advance(found.length);
    return found;
  }

  /** One of these words has to stand here. */
  oneOf<const W extends string>(...words: readonly W[]): W {
    return this.word(...words) ?? this.stop();
  }

  /** What the pattern matches has to stand here. */
  need(pattern: RegExp, what: string): string {
    return this.take(pattern, what) ?? this.stop();
  }

  /** Whether the pattern would match, without a trace. */
  sees(pattern: RegExp): boolean {
    return this.#match(pattern) !== undefined;
  }

  /** The line has to end here. */
  end(): void {
    if (!this.isAtEnd) this.stop("the end of the line");
  }

  /** Nothing that was looked for stands here. */
  stop(...others: readonly string[]): never {
    const found = this.#match(NEXT);
    const here = found === undefined ? "the line ends here" : `'${found}' cannot stand here`;
    const expected = [...this.#words, ...this.#others, ...others];
    const meant = found === undefined ? undefined : nearest(found, this.#words);
    const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
    throw this.problem(`${here}: expected ${listed([...new Set(expected)])}${hint}`);
  }

  /** A problem of what stands at a column of this line, the present one unless told. */
  problem(what: string, column = this.column): Unreadable {
    return new Unreadable({ line: this.line, column, what });
  }

  #match(pattern: RegExp): string | undefined {
    const sticky = new RegExp(pattern, pattern.flags.includes("y") ? pattern.flags : `${pattern.flags}y`);
    sticky.lastIndex = this.#at;
    return sticky.exec(this.text)?.[0];
  }

  #advance(length: number): void {
    this.#at += length;
    this.#words = [];
    this.#others = [];
    this.#skip();
  }

  #skip(): void {
    this.#at += this.#match(BLANKS)?.length ?? 0;
  }
}

/** `a`, `a or b`, `a, b or c`. */
export function listed(items: readonly string[]): string {
  const last = items.at(-1) ?? "nothing";
  return items.length < 2 ? last : `${items.slice(0, -1).join(", ")} or ${last}`;
}
