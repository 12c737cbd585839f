// Scores every recording, or those named: npx -y pnpm@12.21.0 -s scores [-v] [NAME…]
import { basename, join } from "node:path";
import { importCase, replayLines } from "./import-case.ts";
import { add, type Group, groupOf, heading, NOTHING, row, type Sums } from "./score-table.ts";
import { caseDirs, loadCase, recordedDir, score } from "./truth.ts";

const args = process.argv.slice(2);
const verbose = args.includes("-v");
const named = args.filter((a) => a !== "-v");
const names = named.length > 0 ? named : caseDirs().map((dir) => basename(dir));

const groups = new Map<Group, Sums>();
console.log(heading);
for (const name of names) {
  const recorded = loadCase(join(recordedDir, name));
  const imported = importCase(recorded, { laws: false });
  const result = score(recorded, replayLines(imported));
  console.log(row(name, result));
  if (verbose) {
    for (const { note, count } of imported.summary.notes) console.log(`    note (${count}): ${note}`);
    for (const example of result.examples) console.log(`    differs: ${JSON.stringify(example)}`);
  }
  const group = groupOf(name);
  groups.set(group, add(groups.get(group) ?? NOTHING, result));
}
console.log();
for (const [group, sums] of groups) console.log(row(group, sums));
