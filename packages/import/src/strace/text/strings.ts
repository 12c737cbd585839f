const BACKSLASH = 92;
const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, v: 11, f: 12 };
/** How many char codes `String.fromCharCode` takes at once without straining the stack. */
const BLOCK = 4096;

/**
 * The bytes of a printed string, one char (0-255) each, and whether strace cut it (-s). `@"name"` is an
 * abstract socket name: it begins with a NUL byte. Undefined when the text is no string, such as NULL.
 */
export function parseString(text: string): { readonly bytes: string; readonly cut: boolean } | undefined {
  const quote = text.startsWith('@"') ? 1 : 0;
  const cut = text.endsWith('"...');
  const end = text.length - (cut ? 4 : 1);
  if (text[quote] !== '"' || text[end] !== '"' || end <= quote) return undefined;
  const bytes = unescapeBytes(text.slice(quote + 1, end));
  return { bytes: quote === 1 ? `\0${bytes}` : bytes, cut };
}

/** Undoes strace's escapes: \n \t \r \v \f \" \\, octal \7 \17 \377, and \x0a (-x, -xx). */
export function unescapeBytes(text: string): string {
  const codes: number[] = [];
  for (let i = 0; i < text.length; ) {
    const c = text.charCodeAt(i);
    if (c !== BACKSLASH || i + 1 === text.length) {
      codes.push(c);
      i++;
      continue;
    }
    const [, octal, hex] = /^(?:([0-7]{1,3})|x([0-9a-f]{2}))/.exec(text.slice(i + 1, i + 4)) ?? [];
    if (octal !== undefined) codes.push(Number.parseInt(octal, 8) % 256);
    else if (hex !== undefined) codes.push(Number.parseInt(hex, 16));
    else codes.push(ESCAPES[text.charAt(i + 1)] ?? text.charCodeAt(i + 1));
    i += 1 + (octal?.length ?? (hex === undefined ? 1 : 3));
  }
  return fromCodes(codes);
}

/** A string of its own, which keeps no part of the text that was read alive. */
function fromCodes(codes: readonly number[]): string {
  let text = "";
  for (let i = 0; i < codes.length; i += BLOCK) text += String.fromCharCode(...codes.slice(i, i + BLOCK));
  return text;
}

/** The text that bytes (one char each) spell in UTF-8; every byte that is not UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: string): string {
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes, i);
    text += length === 0 ? "\ufffd" : String.fromCodePoint(codePoint(bytes, i, length));
    i += Math.max(length, 1);
  }
  return text;
}

/** How many bytes the character at `at` takes; 0 when it is not valid UTF-8. */
function sequenceLength(bytes: string, at: number): number {
  const lead = bytes.charCodeAt(at);
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  for (let i = at + 1; i < at + length; i++) if (Math.floor(bytes.charCodeAt(i) / 64) !== 2) return 0;
  const point = codePoint(bytes, at, length);
  const overlong = point < (length === 3 ? 0x800 : length === 4 ? 0x10000 : 0);
  const surrogate = point >= 0xd800 && point < 0xe000;
  return overlong || surrogate || point > 0x10ffff ? 0 : length;
}

function codePoint(bytes: string, at: number, length: number): number {
  const lead = bytes.charCodeAt(at);
  if (length === 1) return lead;
  let point = lead % 2 ** (7 - length);
  for (let i = at + 1; i < at + length; i++) point = point * 64 + (bytes.charCodeAt(i) % 64);
  return point;
}
