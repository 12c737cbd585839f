import { type Outcome, PROT, type Word } from "@pagetrail/core";
import type { Cursor } from "./cursor.ts";
import { type Name, newName } from "./names.ts";
import type { Scene } from "./scene.ts";
import { type Scope, unknown } from "./scope.ts";
import { needNumber, readValue, wordOf } from "./value.ts";

const PATH = /\/[^\s"#]*/;
const PROTECTION = /none\b|(?=[rwx])r?w?x?(?!\w)/;

export const needPath = (cursor: Cursor): string => cursor.need(PATH, "a path");

/** A path that a `file` line has declared. */
export function knownPath(cursor: Cursor, scope: Scope): string {
  const { column } = cursor;
  const path = needPath(cursor);
  if (!scope.has("file", path)) throw cursor.problem(unknown(path, "file", scope), column);
  return path;
}

/** `rw`, `r`, `rx`, `none`: access rights. */
export function readProt(cursor: Cursor): number {
  const letters = cursor.need(PROTECTION, "access rights such as rw, r, rx or none");
  if (letters === "none") return 0;
  const bit = (letter: string, value: number): number => (letters.includes(letter) ? value : 0);
  return bit("r", PROT.READ) | bit("w", PROT.WRITE) | bit("x", PROT.EXEC);
}

/** What most calls begin with: an address, and a length in bytes. */
export function readPart(
  cursor: Cursor,
  scope: Scope,
): (scene: Scene) => { readonly addr: Word; readonly length: Word } {
  const start = readValue(cursor, scope, "an address");
  const size = readValue(cursor, scope, "a length");
  return (scene) => ({ addr: wordOf(start(scene)), length: wordOf(size(scene)) });
}

/** `pid 4242` behind the name of a new task: the number that it gets. */
export function takePid(cursor: Cursor): number | undefined {
  if (cursor.word("pid") === undefined) return undefined;
  const { column } = cursor;
  const wanted = needNumber(cursor, "a pid");
  if (wanted < 1 || wanted > MOST_PIDS)
    throw cursor.problem(`a pid is a number from 1 to ${MOST_PIDS}`, column);
  return wanted;
}

/** PID_MAX_LIMIT of 64-bit kernels. */
const MOST_PIDS = 2 ** 22;

/** Words in any order and number, each of which sets flags. */
export function readFlags(cursor: Cursor, flags: Readonly<Record<string, number>>): number {
  let set = 0;
  for (;;) {
    const word = cursor.word(...Object.keys(flags));
    if (word === undefined) return set;
    set |= flags[word] ?? 0;
  }
}

/** A name that the line gives to an address. */
export const newAddress = (cursor: Cursor, scope: Scope): Name =>
  newName(cursor, scope, "address", "a name for the address");

/** The address that a request gave; nothing where it was refused. */
export const addressOfOutcome = (outcome: Outcome): bigint | undefined =>
  "ret" in outcome ? BigInt(outcome.ret) : undefined;

const TEXT = /"(?:[^"\\]|\\.)*"/;
const BYTES = /0x(?:[0-9a-fA-F]{2})+\b/;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", "0": "\0" };

/** `"text"`, in UTF-8, or `0x01020304`, bytes from the lowest address up; gives hex digits. */
export function takeBytes(cursor: Cursor): string | undefined {
  const bytes = cursor.take(BYTES, 'bytes such as 0x0102 or "text"');
  if (bytes !== undefined) return bytes.slice(2).toLowerCase();
  if (!cursor.sees(TEXT)) return undefined;
  const quoted = cursor.need(TEXT, "text");
  const text = quoted.slice(1, -1).replaceAll(/\\(.)/g, (_, c: string) => ESCAPES[c] ?? c);
  return utf8Hex(text);
}

/** The UTF-8 bytes of a text as hex digits. */
function utf8Hex(text: string): string {
  const encoded = encodeURIComponent(text);
  return encoded.replaceAll(
    /%([0-9A-F]{2})|([^%])/g,
    (_, hex: string | undefined, plain: string | undefined) =>
      hex === undefined ? (plain ?? "").charCodeAt(0).toString(16).padStart(2, "0") : hex.toLowerCase(),
  );
}
