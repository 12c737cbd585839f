import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { LivePages, recordPages, whyNoLivePages, writePageRecording } from "@pagetrail/conformance";

const SEEDS = 120;
const OPERATIONS = 40;

const reason = whyNoLivePages();
if (reason !== undefined) throw new Error(reason);
const live = new LivePages();
try {
  const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1);
  const text = writePageRecording(recordPages(live, seeds, OPERATIONS));
  writeFileSync(new URL("../pages/runs.jsonl.gz", import.meta.url), gzipSync(text, { level: 9 }));
} finally {
  live.close();
}
