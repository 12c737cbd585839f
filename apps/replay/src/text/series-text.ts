import { hex, type Word, wordHex } from "@pagetrail/core";
import type { Sum, Unit } from "@pagetrail/core/search";
import { count } from "./numbers.ts";
import { table } from "./table.ts";

/** One value of a series, and where the log has it. */
export interface SeriesPoint {
  readonly seq: number;
  readonly line: number | undefined;
  readonly time: number | undefined;
  readonly value: Word | undefined;
}

/** What a number counts, where the whole of it is one name. */
export const unitOf = (sum: Sum): Unit => (sum.kind === "term" ? sum.term.unit : "number");

export const valueText = (value: Word | undefined, unit: Unit): string => {
  if (value === undefined) return "–";
  if (unit === "address") return wordHex(value);
  return typeof value === "number" ? count(value) : String(value);
};

/** As JSON and CSV have it: an address is hex text, nothing is null. */
export function valueJson(value: Word | undefined, unit: Unit): number | string | null {
  if (value === undefined) return null;
  if (unit === "address") return typeof value === "number" ? hex(value) : wordHex(value);
  return typeof value === "number" ? value : String(value);
}

/** A row for each point: event, line, time, value, and by how much it changed. */
export function seriesTable(name: string, points: readonly SeriesPoint[], unit: Unit): readonly string[] {
  const isTimed = points.some(({ time }) => time !== undefined);
  const columns = [
    "event",
    "line",
    ...(isTimed ? ["time"] : []),
    unit === "pages" ? `${name} (pages)` : name,
    "change",
  ];
  const rows = points.map(({ seq, line, time, value }, i) => [
    count(seq),
    line === undefined ? "·" : count(line),
    ...(isTimed ? [time?.toFixed(6) ?? "·"] : []),
    valueText(value, unit),
    changeText(points[i - 1]?.value, value),
  ]);
  return table(
    columns.map((title) => ({ title, right: true })),
    rows,
  );
}

function changeText(before: Word | undefined, after: Word | undefined): string {
  if (before === undefined || after === undefined) return "";
  const change = Number(after) - Number(before);
  return change === 0 ? "" : `${change > 0 ? "+" : "−"}${count(Math.abs(change))}`;
}

export function* seriesCsv(points: readonly SeriesPoint[], unit: Unit): Iterable<string> {
  yield "event,line,time,value";
  for (const { seq, line, time, value } of points)
    yield [seq, line ?? "", time ?? "", valueJson(value, unit) ?? ""].join(",");
}

const WIDTH = 72;
const HEIGHT = 12;
const EIGHTHS = " ▁▂▃▄▅▆▇█";

/** The greatest value of each of 72 stretches of the log, drawn upward from the least of all. */
export function seriesPlot(
  points: readonly SeriesPoint[],
  { first, last }: { readonly first: number; readonly last: number },
  unit: Unit,
): readonly string[] {
  const columns = stretches(points, first, last);
  const known = columns.filter((value) => value !== undefined);
  if (known.length === 0) return ["nothing to draw: there is no value anywhere"];
  const [least, greatest] = [Math.min(...known), Math.max(...known)];
  const labels = [valueText(greatest, unit), valueText(least, unit)];
  const margin = Math.max(...labels.map((label) => label.length));
  const lines: string[] = [];
  for (let row = HEIGHT - 1; row >= 0; row--) {
    const label = row === HEIGHT - 1 ? labels[0] : row === 0 ? labels[1] : "";
    const cells = columns.map((value) => cellOf(value, row, least, greatest)).join("");
    lines.push(`${(label ?? "").padStart(margin)} ┤${cells}`.trimEnd());
  }
  const [from, to] = [`event ${count(first)}`, count(last)];
  lines.push(`${" ".repeat(margin)} └${"─".repeat(WIDTH)}`);
  lines.push(`${" ".repeat(margin + 2)}${from}${to.padStart(WIDTH - from.length)}`);
  return lines;
}

/** The greatest value in each stretch; one without a point of its own goes on with the value before. */
function stretches(
  points: readonly SeriesPoint[],
  first: number,
  last: number,
): readonly (number | undefined)[] {
  const columns: (number | undefined)[] = [];
  let [next, current] = [0, undefined as number | undefined];
  for (let column = 0; column < WIDTH; column++) {
    const end = first + ((last - first) * (column + 1)) / WIDTH;
    let greatest = current;
    for (let point = points[next]; point && point.seq <= end; point = points[next]) {
      current = point.value === undefined ? undefined : Number(point.value);
      if (current !== undefined) greatest = Math.max(greatest ?? current, current);
      next += 1;
    }
    columns.push(greatest);
  }
  return columns;
}

function cellOf(value: number | undefined, row: number, least: number, greatest: number): string {
  if (value === undefined) return " ";
  const share = greatest === least ? 1 : (value - least) / (greatest - least);
  // The least value still shows as a line.
  const eighths = Math.max(1, Math.round(share * HEIGHT * 8)) - row * 8;
  return EIGHTHS[Math.max(0, Math.min(8, eighths))] ?? " ";
}
