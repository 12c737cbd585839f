import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { compareRecorded, pageScenarioText, readPageRecording } from "@pagetrail/conformance";
import { describe, expect, test } from "vitest";

const { place, runs } = readPageRecording(
  gunzipSync(readFileSync(new URL("pages/runs.jsonl.gz", import.meta.url))).toString(),
);

describe("the model says what the kernel told after every operation of a family on its pages, and keeps its laws", () => {
  test.each(runs)("$name", (run) => {
    const difference = compareRecorded(place, run);
    expect(difference && pageScenarioText(difference)).toBeUndefined();
  });
});
