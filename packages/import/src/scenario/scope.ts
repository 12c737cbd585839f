import { nearest } from "@pagetrail/core";

/** What a name can stand for. */
export type NameKind = "process" | "address" | "segment" | "file";

/** Names that lines further up have introduced: what a line may speak of. */
export class Scope {
  readonly #known: Readonly<Record<NameKind, Set<string>>> = {
    process: new Set(),
    address: new Set(),
    segment: new Set(),
    file: new Set(),
  };

  has(kind: NameKind, base: string): boolean {
    return this.#known[kind].has(base);
  }

  add(kind: NameKind, base: string): void {
    this.#known[kind].add(base);
  }

  delete(kind: NameKind, base: string): void {
    this.#known[kind].delete(base);
  }

  all(kind: NameKind): Iterable<string> {
    return this.#known[kind];
  }
}

/** A word that is a name. */
export const NAME = /[A-Za-z_]\w*/;
/** A pattern for a word, and for none that only begins with it. */
export const wholeWord = (word: string): RegExp => new RegExp(`${word}(?!\\w)`);

/** Says that nothing of that name is known, and which name may have been meant. */
export function unknown(base: string, kind: NameKind, scope: Scope): string {
  const known = [...scope.all(kind)];
  const meant = nearest(base, known);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  const there = known.length === 0 ? "none yet" : known.join(", ");
  const what = kind === "address" ? "an address or a counter" : `a ${kind}`;
  return `no line above has ${what} '${base}': there is ${there}${hint}`;
}
