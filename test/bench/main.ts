import { DIFF } from "./diff.ts";
import { FAULTS } from "./faults.ts";
import { GAP_SEARCH } from "./gap-search.ts";
import { IMPORT } from "./import.ts";
import { KERNEL } from "./kernel.ts";
import { LOG } from "./log.ts";
import { MILLION_EVENTS } from "./million-rows.ts";
import { RECORD } from "./record.ts";
import { REPLAY } from "./replay.ts";
import { ROOT_BYTES } from "./root-bytes.ts";
import { type Measure, rowJson, rowText, TABLE_HEAD } from "./row.ts";
import { SCHED } from "./sched.ts";
import { SEARCH } from "./search.ts";
import { TIMELINE } from "./timeline.ts";

const MEASURES: readonly Measure[] = [
  ...REPLAY,
  KERNEL,
  FAULTS,
  ...IMPORT,
  RECORD,
  ...LOG,
  ...SCHED,
  ...MILLION_EVENTS,
  SEARCH,
  ...DIFF,
  ...TIMELINE,
  ROOT_BYTES,
  GAP_SEARCH,
];

const usage = (): string =>
  [
    "usage: bench [NAME…] [--json]",
    ...MEASURES.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`),
  ].join("\n");

/** Prints one row for everything measured; it judges nothing, so that a slow machine fails nothing. */
function main(words: readonly string[]): number {
  const names = words.filter((word) => word !== "--json");
  const unknown = names.find((name) => !MEASURES.some((measure) => measure.name === name));
  if (unknown !== undefined) {
    console.error(`bench: there is no measure ${JSON.stringify(unknown)}\n${usage()}`);
    return 2;
  }
  const chosen = names.length === 0 ? MEASURES : MEASURES.filter(({ name }) => names.includes(name));
  if (words.includes("--json")) {
    const rows = chosen.flatMap((measure) => [...measure.run()].map(rowJson));
    console.log(JSON.stringify(rows, undefined, 2));
    return 0;
  }
  console.log(TABLE_HEAD);
  for (const measure of chosen) for (const row of measure.run()) console.log(rowText(row));
  return 0;
}

process.exitCode = main(process.argv.slice(2));
