import { type Mapping, type Maps, sizeText, VSYSCALL_NAME } from "./maps.ts";

/** What two mappings are compared by. */
export type MapsColumn = "range" | "permissions" | "offset" | "device" | "inode" | "name";

/** Device and inode are left aside: another machine has others. */
export const COMPARED: readonly MapsColumn[] = ["range", "permissions", "offset", "name"];

/** A line that both have, one that only one of them has, or two that begin at one place and differ. */
export type MapsLine =
  | { readonly kind: "same"; readonly received: Mapping }
  | { readonly kind: "missing"; readonly expected: Mapping }
  | { readonly kind: "surplus"; readonly received: Mapping }
  | {
      readonly kind: "changed";
      readonly expected: Mapping;
      readonly received: Mapping;
      readonly what: readonly string[];
    };

/**
 * Compares mappings in order of address, those that begin at one place with one another. What an expected line leaves
 * out is not compared, nor is `[vsyscall]`, which every process has, where nobody expects it.
 */
export function compareMaps(
  received: Maps,
  expected: Maps,
  columns: readonly MapsColumn[] = COMPARED,
): readonly MapsLine[] {
  const wantsVsyscall = expected.mappings.some(({ name }) => name === VSYSCALL_NAME);
  const left = received.mappings.filter(({ name }) => wantsVsyscall || name !== VSYSCALL_NAME);
  const right = [...expected.mappings].sort((a, b) => a.start - b.start);
  const lines: MapsLine[] = [];
  let [i, j] = [0, 0];
  for (;;) {
    const [a, b] = [left[i], right[j]];
    if (!a && !b) return lines;
    if (a && b && a.start === b.start) {
      const what = differences(a, b, columns);
      lines.push(
        what.length === 0
          ? { kind: "same", received: a }
          : { kind: "changed", expected: b, received: a, what },
      );
      i += 1;
      j += 1;
    } else if (b && (!a || b.start < a.start)) {
      lines.push({ kind: "missing", expected: b });
      j += 1;
    } else if (a) {
      lines.push({ kind: "surplus", received: a });
      i += 1;
    }
  }
}

function differences(a: Mapping, b: Mapping, columns: readonly MapsColumn[]): readonly string[] {
  return columns.flatMap((column) => {
    if (column === "range") return a.end === b.end ? [] : [lengthText(a.end - b.end)];
    const [has, wanted] = [a[column], b[column]];
    return wanted === undefined || has === undefined || has === wanted ? [] : [column];
  });
}

const lengthText = (bytes: number): string =>
  bytes > 0 ? `${sizeText(bytes)} longer` : `${sizeText(-bytes)} shorter`;

/** Equal lines around a difference that are shown; those farther away are counted. */
const CONTEXT = 2;

/** The comparison as text: `-` expected, `+` received, with what is different about a mapping behind it. */
export function comparisonText(lines: readonly MapsLine[]): string {
  const isNear = (at: number): boolean =>
    lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ kind }) => kind !== "same");
  const text: string[] = [];
  let left = 0;
  const flush = (): void => {
    if (left > 0) text.push(`  … ${left} equal ${left === 1 ? "line" : "lines"}`);
    left = 0;
  };
  lines.forEach((line, at) => {
    if (!isNear(at)) {
      left += 1;
      return;
    }
    flush();
    text.push(...lineTexts(line));
  });
  flush();
  return text.join("\n");
}

function lineTexts(line: MapsLine): readonly string[] {
  if (line.kind === "same") return [`  ${line.received.line}`];
  if (line.kind === "missing") return [`- ${line.expected.line}`];
  if (line.kind === "surplus") return [`+ ${line.received.line}`];
  return [`- ${line.expected.line}`, `+ ${line.received.line}   (${line.what.join(", ")})`];
}
