import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { compareRecorded, pageScenarioText, readPageRecording } from "@pagetrail/conformance";
import { describe, expect, test } from "vitest";

const { place, runs } = readPageRecording(
  gunzipSync(readFileSync(new URL("pages/runs.jsonl.gz", import.meta.url))).toString(),
);

describe("families of processes on their pages, as the kernel told of them", () => {
  test.each(runs)("seed $seed: the model says the same after every operation, and keeps its laws", (run) => {
    const difference = compareRecorded(place, run);
    expect(difference && pageScenarioText(difference)).toBeUndefined();
  });
});
