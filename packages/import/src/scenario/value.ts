import { shrink, WORD_SPAN, type Word } from "@pagetrail/core";
import type { Cursor } from "./cursor.ts";
import type { Scene, Value } from "./scene.ts";
import { NAME, type Scope, unknown, wholeWord } from "./scope.ts";

const NUMBER = /0x[0-9a-fA-F]+\b|\d+[KMGT]?(?![\w])/;
/** What joins terms; operators go without saying where a reader is told what may stand. */
const SIGN = /\+|-(?!>)/;
const TIMES = /\*/;
const UNITS: Readonly<Record<string, bigint>> = { K: 2n ** 10n, M: 2n ** 20n, G: 2n ** 30n, T: 2n ** 40n };

/** Places of the process that a line is about, beside the names that lines have given. */
const PLACES = ["stack", "heap", "brk"] as const;
export type PlaceWord = (typeof PLACES)[number];

const numberOf = (text: string): bigint => {
  const unit = UNITS[text.at(-1) ?? ""];
  return unit === undefined ? BigInt(text) : BigInt(text.slice(0, -1)) * unit;
};

/** A number or a size: `20`, `0x2000`, `64K`. */
export const takeNumber = (cursor: Cursor, what: string): bigint | undefined => {
  const text = cursor.take(NUMBER, what);
  return text === undefined ? undefined : numberOf(text);
};

export const needNumber = (cursor: Cursor, what: string): number =>
  Number(takeNumber(cursor, what) ?? cursor.stop());

/** Sums and products of numbers and names: `p+i*4K`. What it comes to is known when the line runs. */
export function readValue(cursor: Cursor, scope: Scope, what: string): Value {
  let value = readProduct(cursor, scope, what);
  for (;;) {
    if (!cursor.sees(SIGN)) return value;
    const [left, sign] = [value, cursor.need(SIGN, "+ or -")];
    const right = readProduct(cursor, scope, "a number or a name");
    value = sign === "+" ? (s) => left(s) + right(s) : (s) => left(s) - right(s);
  }
}

function readProduct(cursor: Cursor, scope: Scope, what: string): Value {
  let value = readFactor(cursor, scope, what);
  while (cursor.sees(TIMES)) {
    cursor.need(TIMES, "*");
    const [left, right] = [value, readFactor(cursor, scope, "a number or a name")];
    value = (s) => left(s) * right(s);
  }
  return value;
}

function readFactor(cursor: Cursor, scope: Scope, what: string): Value {
  const number = takeNumber(cursor, what);
  if (number !== undefined) return () => number;
  if (cursor.take(/\(/, "(") !== undefined) {
    const inner = readValue(cursor, scope, "a number or a name");
    cursor.need(/\)/, ")");
    return inner;
  }
  const { column } = cursor;
  const base = cursor.take(NAME, "a name") ?? cursor.stop();
  if (!scope.has("address", base)) {
    const place = PLACES.find((word) => word === base);
    if (place) return (scene) => scene.place(place);
    throw cursor.problem(unknown(base, "address", scope), column);
  }
  if (!cursor.sees(/\[/)) return (scene) => scene.value(base);
  cursor.need(/\[/, "[");
  const index = readValue(cursor, scope, "an index");
  cursor.need(/\]/, "]");
  return (scene) => scene.value(`${base}[${index(scene)}]`);
}

/** Whether a value may begin here: no word does that is neither a name nor a place. */
export function seesValue(cursor: Cursor, scope: Scope): boolean {
  if (!cursor.sees(NAME)) return true;
  return [...scope.all("address"), ...PLACES].some((name) => cursor.sees(wholeWord(name)));
}

/** A 64-bit argument: what lies outside wraps, as it does in a register. */
export const wordOf = (value: bigint): Word => shrink(((value % WORD_SPAN) + WORD_SPAN) % WORD_SPAN);

/** Bytes [start, end) as a line has them. */
export interface ValueRange {
  readonly start: Value;
  /** Absent for a single place. */
  readonly end: Value | undefined;
}

/** `p`, or `p..p+64K`. */
export function readRange(cursor: Cursor, scope: Scope): ValueRange {
  const start = readValue(cursor, scope, "an address");
  const end = cursor.take(/\.\./, "..") === undefined ? undefined : readValue(cursor, scope, "an address");
  return { start, end };
}

/** Bytes [start, end) when the line runs; refuses one that ends before it starts. */
export function bytesOf({ start, end }: ValueRange, scene: Scene): { start: bigint; length: number } {
  const from = start(scene);
  const to = end === undefined ? from + 1n : end(scene);
  if (to <= from) throw scene.impasse(`the range ends at ${to}, not behind its start at ${from}`);
  return { start: from, length: Number(to - from) };
}
