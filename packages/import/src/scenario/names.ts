import type { Cursor } from "./cursor.ts";
import type { Scene, Value } from "./scene.ts";
import { NAME, type NameKind, type Scope, unknown } from "./scope.ts";
import { readValue } from "./value.ts";

/** A name as a line has it: `p`, or `P[i+1]` with an index that is known when the line runs. */
export interface Name {
  readonly base: string;
  /** The whole name, its index as a number: `P[3]`. */
  of(scene: Scene): string;
}

/** A name with its index, as far as one look ahead needs it. */
export const INDEXED = /[A-Za-z_]\w*(?:\[[^\]]*\])?/;

const OPEN = /\[/;
const CLOSE = /\]/;

/** A name that this line introduces. */
export function newName(cursor: Cursor, scope: Scope, kind: NameKind, what: string): Name {
  const base = cursor.need(NAME, what);
  const name = withIndex(cursor, scope, base);
  scope.add(kind, base);
  return name;
}

/** A name that a line further up has introduced. */
export function knownName(cursor: Cursor, scope: Scope, kind: NameKind, what: string): Name {
  const { column } = cursor;
  const base = cursor.need(NAME, what);
  if (!scope.has(kind, base)) throw cursor.problem(unknown(base, kind, scope), column);
  return withIndex(cursor, scope, base);
}

function withIndex(cursor: Cursor, scope: Scope, base: string): Name {
  const index = cursor.sees(OPEN) ? readIndex(cursor, scope) : undefined;
  return { base, of: (scene) => (index === undefined ? base : `${base}[${index(scene)}]`) };
}

function readIndex(cursor: Cursor, scope: Scope): Value {
  cursor.need(OPEN, "[");
  const index = readValue(cursor, scope, "an index");
  cursor.need(CLOSE, "]");
  return index;
}
