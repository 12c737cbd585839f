import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import {
  drawRuns,
  LivePages,
  type NamedRun,
  recordPages,
  whyNoLivePages,
  writePageRecording,
} from "@pagetrail/conformance";
import { FACTS, type Fact, SWAP_FACTS } from "../../conformance/page-facts.ts";

/** The swap device to switch on for the runs with swap; it has to answer at once, as zram does. */
const [device] = process.argv.slice(2);
const OPERATIONS = 40;

const reason = whyNoLivePages();
if (reason !== undefined) throw new Error(reason);
if (device === undefined) throw new Error("name a zram device that is made up as swap and not in use");
record("runs", Object.entries(FACTS), 120);
execFileSync("swapon", [device]);
try {
  record("swap", [["swap", SWAP_FACTS]], 60);
} finally {
  execFileSync("swapoff", [device]);
}

function record(name: string, facts: readonly (readonly [string, readonly Fact[]])[], seeds: number): void {
  const live = new LivePages();
  try {
    const known = facts.flatMap(([heading, group]) => group.map((fact) => runOf(heading, fact)));
    const drawn = drawRuns(
      live,
      Array.from({ length: seeds }, (_, i) => i + 1),
      OPERATIONS,
    );
    const text = writePageRecording(recordPages(live, [...known, ...drawn]));
    writeFileSync(new URL(`../pages/${name}.jsonl.gz`, import.meta.url), gzipSync(text, { level: 9 }));
  } finally {
    live.close();
  }
}

function runOf(heading: string, { says, first, act }: Fact): NamedRun {
  return { name: `${heading}: ${says}`, operations: [...first, ...act] };
}
