import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { drawRuns, LivePages, recordPages, whyNoLivePages, writePageRecording } from "@pagetrail/conformance";
import { FACTS } from "../../conformance/page-facts.ts";

const SEEDS = 120;
const OPERATIONS = 40;

const reason = whyNoLivePages();
if (reason !== undefined) throw new Error(reason);
const live = new LivePages();
try {
  const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1);
  const facts = Object.entries(FACTS).flatMap(([heading, group]) =>
    group.map(({ says, first, act }) => ({ name: `${heading}: ${says}`, operations: [...first, ...act] })),
  );
  const recording = recordPages(live, [...facts, ...drawRuns(live, seeds, OPERATIONS)]);
  const text = writePageRecording(recording);
  writeFileSync(new URL("../pages/runs.jsonl.gz", import.meta.url), gzipSync(text, { level: 9 }));
} finally {
  live.close();
}
