/** A JSON object whose meaning belongs to another room. */
export type LogObject = { readonly [member: string]: unknown };

/** The longest line that is read, in UTF-16 units: what a reader has to hold at once. */
export const LINE_LIMIT = 64 * 1024 * 1024;

const REPLACEMENT = "\ufffd";

/**
 * One value as one line, newline included.
 *
 * U+FFFD is written as an escape, so that the character appears in a decoded log only where bytes were
 * not UTF-8: different bytes are then always different text, and a hash of the text protects the bytes.
 */
export function toLine(value: object): string {
  const text = JSON.stringify(value);
  return text.includes(REPLACEMENT) ? `${text.replaceAll(REPLACEMENT, "\\ufffd")}\n` : `${text}\n`;
}

/** The JSON object that the text is, or undefined when it is anything else. */
export function parseObject(text: string): LogObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is LogObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** The length in bytes of the text in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
