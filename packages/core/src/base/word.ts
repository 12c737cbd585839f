/**
 * A 64-bit argument as a program passes it. Almost every one is below 2^53 and exact in a number; the
 * rest (lengths such as -1, kernel addresses) keep their value only as far as range checks need it, so
 * they are carried exactly, as a bigint.
 */
export type Word = number | bigint;

export const WORD_SPAN = 1n << 64n;

/** The exact 64-bit value of hex, decimal or negative text; undefined when it is none. */
export function parseWord(text: string): Word | undefined {
  const short = parseShortHex(text);
  if (short !== undefined) return short;
  if (!/^(-?\d+|0x[0-9a-f]+)$/i.test(text)) return undefined;
  let n = BigInt(text);
  if (n < 0n) n += WORD_SPAN;
  if (n < 0n || n >= WORD_SPAN) return undefined;
  return shrink(n);
}

/** As a log spells nearly every word: `0x` and lower-case digits, here at most 13, which are below 2^52. */
function parseShortHex(text: string): number | undefined {
  if (text.length < 3 || text.length > 15 || !text.startsWith("0x")) return undefined;
  let n = 0;
  for (let i = 2; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 48 && code <= 57) n = n * 16 + (code - 48);
    else if (code >= 97 && code <= 102) n = n * 16 + (code - 87);
    else return undefined;
  }
  return n;
}

/** A number when it is exact in one. */
export const shrink = (n: bigint): Word => (n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n);

export const wordHex = (w: Word): string => `0x${w.toString(16)}`;

/** Sum modulo 2^64, as the kernel's unsigned long adds. */
export function wrapAdd(a: Word, b: Word): Word {
  if (typeof a === "number" && typeof b === "number" && a + b <= Number.MAX_SAFE_INTEGER) return a + b;
  return shrink((BigInt(a) + BigInt(b)) % WORD_SPAN);
}

/** Rounds up to a multiple of `to` modulo 2^64: the last partial page wraps to 0. */
export function wrapAlignUp(a: Word, to: number): Word {
  if (typeof a === "number" && a + to <= Number.MAX_SAFE_INTEGER) return Math.ceil(a / to) * to;
  const t = BigInt(to);
  return shrink((((BigInt(a) + t - 1n) / t) * t) % WORD_SPAN);
}

/** Whether `a` is a multiple of the power of two `to`: a quotient that is exact costs less than a remainder. */
export const isAligned = (a: Word, to: number): boolean =>
  typeof a === "number" ? Number.isInteger(a / to) : a % BigInt(to) === 0n;
