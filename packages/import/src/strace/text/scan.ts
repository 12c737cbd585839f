const QUOTE = 34;
const OPEN_PAREN = 40;
const CLOSE_PAREN = 41;
const STAR = 42;
const COMMA = 44;
const DASH = 45;
const SLASH = 47;
const LESS = 60;
const GREATER = 62;
const OPEN_SQUARE = 91;
const BACKSLASH = 92;
const CLOSE_SQUARE = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** Where a scan stopped because the text did: inside a string, or merely before what it looked for. */
export const IN_STRING = -2;
export const NOT_FOUND = -1;

/** From the opening quote to just behind the closing one, or IN_STRING. */
export function skipString(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === BACKSLASH) i++;
    else if (c === QUOTE) return i + 1;
  }
  return IN_STRING;
}

/**
 * From the "<" of an annotation (-y, -yy, -Y) to just behind its ">", or NOT_FOUND.
 *
 * strace escapes quotes and angle brackets of paths, so that a bare "<" nests (`</dev/null<char 1:3>>`) and a
 * bare quote opens a socket's path. The ">" of an arrow (`TCP:[1.2.3.4:5->6.7.8.9:10]`) does not close, but the
 * one behind a path that ends in "-" does.
 */
export function skipAnnotation(text: string, at: number): number {
  const first = text.charCodeAt(at + 1);
  let depth = 1;
  let inSocket = false;
  for (let i = at + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === BACKSLASH) i++;
    else if (c === OPEN_SQUARE) inSocket ||= first !== SLASH && first !== OPEN_PAREN;
    else if (c === LESS) depth++;
    else if (c === QUOTE) {
      i = skipString(text, i) - 1;
      if (i < 0) return NOT_FOUND;
    } else if (c === GREATER && !(inSocket && text.charCodeAt(i - 1) === DASH) && --depth === 0) return i + 1;
  }
  return NOT_FOUND;
}

/** From the slash of a comment to just behind its end, or NOT_FOUND. */
function skipComment(text: string, at: number): number {
  const end = text.indexOf("*/", at + 2);
  return end < 0 ? NOT_FOUND : end + 2;
}

/**
 * If a string, an annotation or a comment begins at `at`, the position behind it (or IN_STRING, NOT_FOUND);
 * else `at` itself.
 */
export function skipOpaque(text: string, at: number): number {
  const c = text.charCodeAt(at);
  if (c === QUOTE) return skipString(text, at);
  if (c === SLASH) return text.charCodeAt(at + 1) === STAR ? skipComment(text, at) : at;
  if (c === LESS) return isShift(text, at) ? at : skipAnnotation(text, at);
  return at;
}

/** "21<<MAP_HUGE_SHIFT" holds no annotation. */
function isShift(text: string, at: number): boolean {
  return text.charCodeAt(at + 1) === LESS || text.charCodeAt(at - 1) === LESS;
}

/**
 * The ")" that closes a call: behind it, after blanks, stands "= ". `from` is a position inside the
 * parentheses. Closing brackets without an opening one are tolerated, for calls whose head is missing.
 */
export function findCallEnd(text: string, from: number): number {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE || c === LESS || c === SLASH) {
      const next = skipOpaque(text, i);
      if (next < 0) return next;
      if (next > i) i = next - 1;
    } else if (c === OPEN_PAREN || c === OPEN_SQUARE || c === OPEN_BRACE) depth++;
    else if (c === CLOSE_PAREN && depth === 0) {
      if (resultStart(text, i) >= 0) return i;
    } else if ((c === CLOSE_PAREN || c === CLOSE_SQUARE || c === CLOSE_BRACE) && depth > 0) depth--;
  }
  return NOT_FOUND;
}

/** The last ")" with a result behind it, whatever the brackets say: for text that does not balance. */
export function findLastCallEnd(text: string, from: number): number {
  for (let i = text.lastIndexOf(")"); i >= from; i = text.lastIndexOf(")", i - 1)) {
    if (resultStart(text, i) >= 0) return i;
    if (i === 0) break;
  }
  return NOT_FOUND;
}

/** Where the result text begins behind the closing parenthesis at `close`, or NOT_FOUND. */
export function resultStart(text: string, close: number): number {
  let i = close + 1;
  while (text.charCodeAt(i) === 32) i++;
  return i > close + 1 && text.charCodeAt(i) === 61 && text.charCodeAt(i + 1) === 32 ? i + 2 : NOT_FOUND;
}

/** Positions of `separator` (a char code) outside brackets, strings, annotations and comments. */
export function topLevel(text: string, separator: number = COMMA): readonly number[] {
  const found: number[] = [];
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const next = skipOpaque(text, i);
    if (next < 0) break;
    if (next > i) i = next - 1;
    else if (c === separator && depth === 0) found.push(i);
    else if (c === OPEN_PAREN || c === OPEN_SQUARE || c === OPEN_BRACE) depth++;
    else if (c === CLOSE_PAREN || c === CLOSE_SQUARE || c === CLOSE_BRACE) depth--;
  }
  return found;
}
