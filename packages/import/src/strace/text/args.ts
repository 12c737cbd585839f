import { toBigInt, wordToHex } from "./result.ts";
import { skipAnnotation, skipOpaque, topLevel } from "./scan.ts";
import { decodeUtf8, unescapeBytes } from "./strings.ts";

const BAR = 124;
const LITERAL = /^-?(?:0x[0-9a-f]{1,32}|\d{1,32})$/i;
/** "8192*1024" has two; the product of very many would take very long. */
const MAX_FACTORS = 4;
const DELETED = " (deleted)";
const AT_FDCWD = -100;

/** The arguments between a call's parentheses, trimmed; the last may be unfinished. */
export function splitArgs(text: string): readonly string[] {
  const pieces = splitAt(text, topLevel(text));
  if (pieces.at(-1) === "") pieces.pop();
  return pieces;
}

function splitAt(text: string, separators: readonly number[]): string[] {
  const pieces: string[] = [];
  let start = 0;
  for (const at of separators) {
    pieces.push(text.slice(start, at).trim());
    start = at + 1;
  }
  pieces.push(text.slice(start).trim());
  return pieces;
}

/** The text without comments and annotations: `3</path>` is 3, `0x3 /* A|B *\/` is 0x3. */
function bare(text: string): string {
  if (!text.includes("/") && !text.includes("<")) return text.trim();
  let kept = "";
  for (let i = 0; i < text.length; ) {
    const next = text[i] === '"' ? i : skipOpaque(text, i);
    if (next < 0) break;
    if (next === i) kept += text[i];
    i = Math.max(next, i + 1);
  }
  return kept.replace(/\(deleted\)\s*$/, "").trim();
}

/** The factors of "8192*1024"; NULL is 0. Undefined when one is no literal. */
function literal(text: string): bigint | undefined {
  const plain = bare(text);
  if (plain === "NULL") return 0n;
  const factors = plain.split("*", MAX_FACTORS + 1);
  if (factors.length > MAX_FACTORS) return undefined;
  let product = 1n;
  for (const factor of factors) {
    if (!LITERAL.test(factor)) return undefined;
    product *= toBigInt(factor);
  }
  return product;
}

/**
 * The number that an argument prints: decimal, 0x, octal, negative, a product, NULL (0). Undefined when it is
 * none, and from 2^53 on (then see `parseHex`).
 */
export function parseNumber(text: string): number | undefined {
  if (/^(?:0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  const value = literal(text);
  if (value === undefined) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** The same number as a 64-bit word, "0x…" in lower case. */
export function parseHex(text: string): string | undefined {
  const value = literal(text);
  return value === undefined ? undefined : wordToHex(value);
}

/** "name=value" in two; undefined when the text names nothing. */
export function parseNamed(text: string): { readonly name: string; readonly value: string } | undefined {
  const [, name, value] = /^\s*(\w+)=(.*)$/s.exec(text) ?? [];
  return name === undefined || value === undefined ? undefined : { name, value: value.trim() };
}

/**
 * The members of "{a=1, b={…}, ...}" with their texts. What has no name is its own key, with an empty text; the
 * dots of an abbreviated struct are left out, and so is what the kernel wrote back (" => {…}").
 */
export function parseStruct(text: string): ReadonlyMap<string, string> | undefined {
  const inside = between(text, "{", "}");
  if (inside === undefined) return undefined;
  const members = new Map<string, string>();
  for (const member of splitArgs(inside)) {
    if (member === "..." || member === "") continue;
    const named = parseNamed(member);
    members.set(named?.name ?? member, named?.value ?? "");
  }
  return members;
}

/** The elements of "[a, b, ...]"; the dots of an abbreviated list stay as its last element. */
export function parseList(text: string): readonly string[] | undefined {
  const inside = between(text, "[", "]");
  return inside === undefined ? undefined : splitArgs(inside);
}

/** What stands between an opening bracket at the head of the text and the one that closes it. */
function between(text: string, open: string, close: string): string | undefined {
  const trimmed = text.trim();
  if (!trimmed.startsWith(open)) return undefined;
  const inside = trimmed.slice(1);
  const end = topLevelClose(inside, close);
  return end < 0 ? undefined : inside.slice(0, end);
}

function topLevelClose(text: string, close: string): number {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const next = skipOpaque(text, i);
    if (next < 0) return -1;
    if (next > i) {
      i = next - 1;
      continue;
    }
    const c = text.charAt(i);
    if (depth === 0 && c === close) return i;
    if ("([{".includes(c)) depth++;
    else if (")]}".includes(c)) depth--;
  }
  return -1;
}

/** A descriptor and what -y or -yy say of it. */
export interface FdText {
  readonly fd: number | "AT_FDCWD";
  /** As text, decoded from UTF-8. */
  readonly path?: string;
  /** Its last name is gone. */
  readonly deleted?: true;
  /** "char 1:3" or "block 8:0" (-yy). */
  readonly device?: string;
  /** What is not a file by name, as printed: "socket:[123]", "pipe:[4]", "TCP:[…]", "anon_inode:[eventfd]". */
  readonly object?: string;
}

/** `3`, `-1`, `3</path>`, `3</dev/null<char 1:3>>`, `3</srv/x>(deleted)`, `3<pipe:[7]>`, `AT_FDCWD</cwd>`. */
export function parseFd(text: string): FdText | undefined {
  const [, number] = /^\s*(AT_FDCWD|-?\d+)(?:\s|<|$)/.exec(text) ?? [];
  if (number === undefined) return undefined;
  const fd = number === "AT_FDCWD" || Number(number) === AT_FDCWD ? "AT_FDCWD" : Number(number);
  const start = text.indexOf("<");
  const end = start < 0 ? -1 : skipAnnotation(text, start);
  if (end < 0) return { fd };
  return {
    fd,
    ...parseAnnotation(text.slice(start + 1, end - 1) + (text.startsWith("(deleted)", end) ? DELETED : "")),
  };
}

/** What stands between the angle brackets, as in a result's `annotation`. */
export function parseAnnotation(annotation: string): Omit<FdText, "fd"> {
  if (!/^[/(]/.test(annotation)) return { object: annotation };
  const deleted = annotation.endsWith(DELETED);
  const whole = deleted ? annotation.slice(0, -DELETED.length) : annotation;
  const [, device] = /<((?:char|block) \d+:\d+)>$/.exec(whole) ?? [];
  const escaped = device === undefined ? whole : whole.slice(0, -device.length - 2);
  return {
    path: decodeUtf8(unescapeBytes(escaped)),
    ...(deleted ? { deleted } : {}),
    ...(device === undefined ? {} : { device }),
  };
}

/** Binary logarithms of the units in which the size of a huge page is printed, as in "21<<MAP_HUGE_SHIFT". */
const SHIFTS: Readonly<Record<string, number>> = {
  MAP_HUGE_SHIFT: 26,
  MFD_HUGE_SHIFT: 26,
  SHM_HUGE_SHIFT: 26,
};
const WORD = 2 ** 32;

/**
 * The union of flags printed as names, numbers, or both: `A|B|0x10`, `0x3 /* A|B *\/`, `21<<MAP_HUGE_SHIFT`.
 * Undefined when a name is not in the table or a number is no flag word below 2^53.
 */
export function parseFlags(text: string, table: Readonly<Record<string, number>>): number | undefined {
  const plain = bare(text);
  let union = 0;
  for (const part of splitAt(plain, topLevel(plain, BAR))) {
    const flag = parseFlag(part, table);
    if (flag === undefined || flag < 0) return undefined;
    union = unite(union, flag);
  }
  return union;
}

function parseFlag(text: string, table: Readonly<Record<string, number>>): number | undefined {
  if (Object.hasOwn(table, text)) return table[text];
  const [, factor, unit] = /^(\w+)<<(\w+)$/.exec(text) ?? [];
  if (factor === undefined || unit === undefined) return parseNumber(text);
  const count = parseNumber(factor);
  const shift = SHIFTS[unit];
  return count === undefined || shift === undefined ? undefined : count * 2 ** shift;
}

/** Bitwise or of words of up to 53 bits, whose upper half the operators of the language would cut. */
function unite(a: number, b: number): number {
  const high = (Math.floor(a / WORD) | Math.floor(b / WORD)) >>> 0;
  const low = ((a % WORD) | (b % WORD)) >>> 0;
  return high * WORD + low;
}
