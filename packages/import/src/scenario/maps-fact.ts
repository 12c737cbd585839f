import { addressOf, permissions, type Vma, vmaName } from "@pagetrail/core";
import type { Cursor } from "./cursor.ts";
import type { Fact } from "./fact.ts";
import type { Name } from "./names.ts";
import { needPath } from "./operands.ts";
import type { Scene, Value } from "./scene.ts";
import type { Scope } from "./scope.ts";
import { bytesOf, readRange, readValue, type ValueRange } from "./value.ts";

/** One line of a list of mappings. */
export interface MapsLine {
  readonly range: ValueRange;
  /** `rw-p`. */
  readonly access: string;
  /** What maps prints in its last column: empty for `anon`, undefined where the line does not say. */
  readonly name: string | undefined;
  readonly offset: Value | undefined;
}

const ACCESS = /[r-][w-][x-][ps](?!\w)/;
const LABEL = /\[[a-z_]+\]/;

/** `p..p+8K rw-p anon`, `q..q+4K r--p /data/x offset 4K`. */
export function readMapsLine(cursor: Cursor, scope: Scope): MapsLine {
  const range = readRange(cursor, scope);
  if (range.end === undefined) cursor.stop("..");
  const access = cursor.need(ACCESS, "access such as rw-p");
  const name = readMapsName(cursor);
  const offset = cursor.word("offset") === undefined ? undefined : readValue(cursor, scope, "an offset");
  cursor.end();
  return { range, access, name, offset };
}

function readMapsName(cursor: Cursor): string | undefined {
  if (cursor.isAtEnd || cursor.sees(/offset\b/)) return undefined;
  if (cursor.word("anon") !== undefined) return "";
  return cursor.take(LABEL, "a label such as [heap]") ?? needPath(cursor);
}

/** The mappings of a process are these, all of them or those that meet a range. */
export const mapsFact =
  (subject: Name, window: ValueRange | undefined, lines: readonly MapsLine[]): Fact =>
  (scene) => {
    const name = subject.of(scene);
    scene.subject = scene.pid(name);
    const vmas = vmasIn(scene, window);
    const matches = lines.length === vmas.length && lines.every((line, i) => isLine(scene, line, vmas[i]));
    if (matches) return undefined;
    const found = vmas.map((vma) => `\n    ${vmaText(scene, vma)}`).join("");
    return `expected other mappings; ${name} has ${found === "" ? "none there" : `these:${found}`}`;
  };

function vmasIn(scene: Scene, window: ValueRange | undefined): readonly Vma[] {
  const { vmas } = scene.mm(scene.subject);
  if (window === undefined) return vmas.toArray();
  const { start, length } = bytesOf(window, scene);
  return vmas
    .toArray()
    .filter((v) => addressOf(v.end) > start && addressOf(v.start) < start + BigInt(length));
}

function isLine(scene: Scene, line: MapsLine, vma: Vma | undefined): boolean {
  if (!vma) return false;
  const { start, length } = bytesOf(line.range, scene);
  const name = vmaName(scene.state, scene.mm(scene.subject), vma);
  return (
    start === BigInt(addressOf(vma.start)) &&
    length === addressOf(vma.end) - addressOf(vma.start) &&
    line.access === permissions(vma) &&
    (line.name === undefined || line.name === name) &&
    (line.offset === undefined || line.offset(scene) === BigInt(addressOf(vma.pgoff)))
  );
}

/** A mapping as a scenario would have it. */
function vmaText(scene: Scene, vma: Vma): string {
  const name = vmaName(scene.state, scene.mm(scene.subject), vma) || "anon";
  const offset = vma.file !== 0 && vma.pgoff > 0 ? ` offset 0x${addressOf(vma.pgoff).toString(16)}` : "";
  const range = `${scene.describe(addressOf(vma.start))}..${scene.describe(addressOf(vma.end))}`;
  return `${range} ${permissions(vma)} ${name}${offset}`;
}
