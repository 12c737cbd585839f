import type { CallResult, CallValue } from "./record.ts";
import { NOT_FOUND, skipAnnotation } from "./scan.ts";

/** What stands behind "= ", and how long the call took (-T, seconds). */
export interface Returned {
  readonly result: CallResult;
  readonly duration: number | undefined;
}

const NONE: CallResult = { kind: "none" };
const DURATION = / <(\d+(?:\.\d+)?)>$/;
/** An error whose name strace does not know: "-1 (errno 524)". */
const NAMELESS = /^-1 \((errno \d+)\)/;
const ERRNO = /^-1 (E[A-Z0-9_]+)(?= |$)/;
const RESTART = /^\? (E[A-Z0-9_]+)/;
/** No number of strace has more digits; converting very long ones takes very long. */
const NUMBER = /^-?(?:0x[0-9a-f]{1,32}|\d{1,32})/;

/** The text behind "= " of a call's line; undefined when it is no result. */
export function parseReturn(text: string): Returned | undefined {
  const end = text.trimEnd();
  const timed = end.endsWith(">") ? DURATION.exec(end) : null;
  const result = parseResult(timed ? end.slice(0, timed.index) : end);
  return result && { result, duration: timed ? Number(timed[1]) : undefined };
}

function parseResult(text: string): CallResult | undefined {
  if (text.startsWith("?")) return parseUnknown(text);
  if (text.startsWith("-1 E")) return parseError(text);
  const nameless = text.startsWith("-1 (errno") ? NAMELESS.exec(text)?.[1] : undefined;
  return nameless === undefined ? parseValue(text) : { kind: "error", errno: nameless, message: "" };
}

function parseUnknown(text: string): CallResult | undefined {
  if (text === "?" || text === "? <unavailable>") return NONE;
  const errno = RESTART.exec(text)?.[1];
  return errno === undefined ? undefined : { kind: "restart", errno };
}

function parseError(text: string): CallResult | undefined {
  const [head, errno] = ERRNO.exec(text) ?? [];
  if (head === undefined || errno === undefined) return undefined;
  const end = text.startsWith(" (", head.length) ? closing(text, head.length + 1) : head.length;
  const note = joinNotes(text.slice(end));
  const message = text.slice(head.length + 2, Math.max(end - 1, head.length + 2));
  return { kind: "error", errno, message, ...(note === undefined ? {} : { note }) };
}

/** Just behind the parenthesis that closes the one at `open`; the end of the text when none does. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "(") depth++;
    else if (text[i] === ")" && --depth === 0) return i + 1;
  }
  return text.length;
}

function parseValue(text: string): CallResult | undefined {
  const number = NUMBER.exec(text)?.[0];
  if (number === undefined) return undefined;
  if (number.length === text.length) return new Value(text, number, undefined, undefined);
  let at = number.length;
  let annotation: string | undefined;
  if (text.charCodeAt(at) === 60) {
    const end = skipAnnotation(text, at);
    if (end === NOT_FOUND) return undefined;
    annotation = text.slice(at + 1, end - 1);
    at = end;
    if (text.startsWith("(deleted)", at)) {
      annotation += " (deleted)";
      at += "(deleted)".length;
    }
  }
  if (at < text.length && text.charCodeAt(at) !== 32) return undefined;
  return new Value(text, number, annotation, joinNotes(text.slice(at)));
}

/** "(Timeout) (INJECTED)" becomes "Timeout; INJECTED"; a comment loses its marks. */
function joinNotes(text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  const comment = trimmed.startsWith("/*") && trimmed.endsWith("*/");
  const bare = comment ? trimmed.slice(2, -2).trim() : trimmed;
  return bare.replace(/^\(|\)$/g, "").replaceAll(/\) \((?=(?:INJECTED|DELAYED)\b)/g, "; ");
}

class Value implements CallValue {
  readonly kind = "value";
  readonly text: string;
  readonly value: number | undefined;
  readonly annotation?: string;
  readonly note?: string;
  readonly #number: string;

  constructor(text: string, number: string, annotation: string | undefined, note: string | undefined) {
    this.text = text;
    this.#number = number;
    const value = toNumber(number);
    this.value = Number.isSafeInteger(value) ? value : undefined;
    if (annotation !== undefined) this.annotation = annotation;
    if (note !== undefined) this.note = note;
  }

  get hex(): string {
    if (this.value !== undefined && this.value >= 0) return `0x${this.value.toString(16)}`;
    return wordToHex(toBigInt(this.#number));
  }
}

/** A leading zero means octal, as in C. */
function toNumber(text: string): number {
  const octal = /^-?0\d/.test(text);
  return octal ? Number.parseInt(text, 8) : Number(text);
}

/** The digits of a C literal (decimal, octal, 0x), of any size, with or without a minus sign. */
export function toBigInt(text: string): bigint {
  const digits = text.startsWith("-") ? text.slice(1) : text;
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return digits === text ? magnitude : -magnitude;
}

/** The low 64 bits, "0x…" in lower case; negative numbers as two's complement. */
export const wordToHex = (word: bigint): string => `0x${BigInt.asUintN(64, word).toString(16)}`;
