import { join } from "node:path";
import { importCase, replayLines } from "./import-case.ts";
import { caseDirs, loadCase, recordedDir, type Score, score } from "./truth.ts";

/** Recordings that the current model is not asked about: 32-bit programs. */
const FOREIGN = /^i386-/;

interface Row {
  readonly name: string;
  readonly score: Score;
  readonly seconds: number;
}

function run(name: string, verbose: boolean): Row {
  const start = performance.now();
  const recorded = loadCase(join(recordedDir, name));
  const imported = importCase(recorded, { laws: false });
  const result = score(recorded, replayLines(imported));
  if (verbose) {
    for (const note of imported.summary.notes) console.log(`    note ×${note.count}: ${note.note}`);
    for (const d of imported.summary.divergences.first) console.log("    diverged", JSON.stringify(d, (_, v) => (typeof v === "bigint" ? `0x${v.toString(16)}` : v)));
    for (const e of result.examples) console.log("    example", JSON.stringify(e));
  }
  return { name, score: result, seconds: (performance.now() - start) / 1000 };
}

const percent = (part: number, whole: number): string => (whole === 0 ? "-" : `${((100 * part) / whole).toFixed(2)} %`);

function print(name: string, { calls, predicted, mapsCalls, maps, mapsStackAside }: Omit<Score, "examples">, seconds: number): void {
  console.log(
    name.padEnd(32),
    String(calls).padStart(6),
    percent(predicted, calls).padStart(9),
    percent(maps, mapsCalls).padStart(9),
    percent(mapsStackAside, mapsCalls).padStart(9),
    `${seconds.toFixed(1)} s`.padStart(8),
  );
}

const args = process.argv.slice(2);
const verbose = args.includes("-v");
const wanted = args.filter((a) => !a.startsWith("-"));
const names = wanted.length > 0 ? wanted : caseDirs().map((d) => d.split("/").at(-1) ?? d);
console.log("recording".padEnd(32), " calls predicted      maps  no stack");
const groups = new Map<string, { calls: number; predicted: number; mapsCalls: number; maps: number; mapsStackAside: number; seconds: number }>();
for (const name of names) {
  try {
  const row = run(name, verbose);
  print(name, row.score, row.seconds);
  const group = FOREIGN.test(name) ? "32-bit" : name.endsWith("-aslr") ? "randomised" : "not randomised";
  const sum = groups.get(group) ?? { calls: 0, predicted: 0, mapsCalls: 0, maps: 0, mapsStackAside: 0, seconds: 0 };
  sum.calls += row.score.calls;
  sum.predicted += row.score.predicted;
  sum.mapsCalls += row.score.mapsCalls;
  sum.maps += row.score.maps;
  sum.mapsStackAside += row.score.mapsStackAside;
  sum.seconds += row.seconds;
  groups.set(group, sum);
  } catch (e) { console.log(name, String((e as Error).stack).slice(0, 600)); }
}
for (const [name, sum] of groups) print(name, sum, sum.seconds);
