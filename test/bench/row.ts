/** What a ratio has to be. */
export type Bar = { readonly atMost: number } | { readonly atLeast: number };

/** What was found of one thing: a row of the table. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it is held against, measured in the same run. */
  readonly baseline?: { readonly name: string; readonly value: number };
  /** How many times the baseline the value is, or with `atLeast` how many times the value the baseline is. */
  readonly ratio?: number;
  readonly bar?: Bar;
  /** What one has to know to read the row. */
  readonly note?: string;
}

/** One name on the command line: it measures, and gives its rows as it goes. */
export interface Measure {
  readonly name: string;
  readonly about: string;
  run(): Iterable<Row>;
}

/** Whether a row's ratio is within its bar; undefined when it has none. */
export function isOk({ ratio, bar }: Row): boolean | undefined {
  if (!bar || ratio === undefined) return undefined;
  return "atMost" in bar ? ratio <= bar.atMost : ratio >= bar.atLeast;
}

const barText = (bar: Bar): string => ("atMost" in bar ? `<= ${bar.atMost}` : `>= ${bar.atLeast}`);

/** The row as `--json` gives it; what it does not have is null. */
export function rowJson(row: Row): Readonly<Record<string, unknown>> {
  const { name, value, unit, baseline, ratio, bar, note } = row;
  return {
    name,
    value,
    unit,
    baseline: baseline ?? null,
    ratio: ratio ?? null,
    bar: bar ? barText(bar) : null,
    ok: isOk(row) ?? null,
    ...(note === undefined ? {} : { note }),
  };
}

function shown(n: number): string {
  if (n >= 1000) return Math.round(n).toLocaleString("en");
  return n.toPrecision(3);
}

const COLUMNS = [26, 12, 18, 34, 8, 7, 6] as const;

const line = (cells: readonly string[]): string =>
  cells
    .map((cell, i) => (i === 1 || i === 4 ? cell.padStart(COLUMNS[i] ?? 0) : cell.padEnd(COLUMNS[i] ?? 0)))
    .join(" ");

export const TABLE_HEAD = line(["name", "value", "unit", "baseline", "ratio", "bar", "ok"]).trimEnd();

/** The row as a line of the table, and its note as another. */
export function rowText(row: Row): string {
  const { baseline, ratio, bar, note } = row;
  const ok = isOk(row);
  const cells = [
    row.name,
    shown(row.value),
    row.unit,
    baseline ? `${baseline.name} ${shown(baseline.value)}` : "",
    ratio === undefined ? "" : ratio.toFixed(2),
    bar ? barText(bar) : "",
    ok === undefined ? "" : ok ? "ok" : "not ok",
  ];
  const text = line(cells).trimEnd();
  return note === undefined ? text : `${text}\n    ${note}`;
}
