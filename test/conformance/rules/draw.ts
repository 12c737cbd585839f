import type { LiveMoment, LiveVma } from "@pagetrail/conformance";
import { PAGE_SIZE } from "@pagetrail/core";

/** The address that the first character of a row stands for. */
export const WINDOW = 0x20000000;

/** Address of a page of the window, and so many bytes into it. */
export const at = (page: number, bytes = 0): number => WINDOW + page * PAGE_SIZE + bytes;

/** So many pages in bytes. */
export const pages = (count: number): number => count * PAGE_SIZE;

/** Pages [from, to) of a row that are not holes. */
export interface Run {
  readonly from: number;
  readonly to: number;
  readonly letter: string;
}

/** The runs of equal letters in a row; a bar ends a run and stands for no page. */
export function runsOf(row: string): readonly Run[] {
  let bars = 0;
  return [...row.matchAll(/\||([^.|])\1*/g)].flatMap(([text], i, all): Run[] => {
    const from = (all[i]?.index ?? 0) - bars;
    if (text === "|") {
      bars++;
      return [];
    }
    return [{ from, to: from + text.length, letter: text.charAt(0) }];
  });
}

/** Letters of files by their names, for private and for shared mappings. */
const FILE_LETTERS: readonly (readonly [RegExp, string, string])[] = [
  [/^\/memfd:live /, "T", "U"],
  [/^\/memfd:sealed /, "Q", "R"],
  [/^\/dev\/zero \(deleted\)$/, "S", "S"],
  [/^\/dev\/zero$/, "Z", "Z"],
  [/^\/SYSV/, "Y", "Y"],
  [/^\/anon_hugepage/, "P", "O"],
  [/^\/secretmem/, "I", "I"],
  [/^\/\[aio\]/, "J", "J"],
  [/^\[(vvar|vvar_vclock|vdso)\]$/, "V", "V"],
  [/^\//, "F", "M"],
];

/** Letters of other memory, by the first code that it has. */
const CODE_LETTERS: readonly (readonly [string, string])[] = [
  ["sl", "E"],
  ["dp", "D"],
  ["lo", "L"],
  ["gd", "G"],
  ["nh", "K"],
  ["nr", "N"],
  ["dc", "C"],
  ["wf", "W"],
];

/** A capital is writable, a small letter is not, `_` cannot be accessed at all. */
function letterOf(v: LiveVma): string {
  if (v.permissions.startsWith("---")) return "_";
  const shared = v.permissions[3] === "s";
  const file = FILE_LETTERS.find(([name]) => name.test(v.name));
  const codes = v.codes.split(" ");
  const letter = file
    ? file[shared ? 2 : 1]
    : (CODE_LETTERS.find(([code]) => codes.includes(code))?.[1] ?? "A");
  return v.permissions[1] === "w" ? letter : letter.toLowerCase();
}

/**
 * The mappings from page `from` on as a row: a letter a page, a dot a hole, a bar where two mappings of the
 * same letter meet.
 *
 * @param width pages
 */
export function draw(moment: LiveMoment, width: number, from: number = WINDOW): string {
  const end = from + width * PAGE_SIZE;
  let text = "";
  let next = from;
  for (const v of moment.vmas) {
    if (v.end <= from || v.start >= end) continue;
    const start = Math.max(v.start, from);
    const letter = letterOf(v);
    text += ".".repeat((start - next) / PAGE_SIZE);
    if (start === next && text.endsWith(letter)) text += "|";
    next = Math.min(v.end, end);
    text += letter.repeat((next - start) / PAGE_SIZE);
  }
  return text + ".".repeat((end - next) / PAGE_SIZE);
}
