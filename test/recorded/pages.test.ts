import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import {
  compareRecorded,
  type PageRecording,
  pageScenarioText,
  readPageRecording,
} from "@pagetrail/conformance";
import { describe, expect, test } from "vitest";

const recording = (name: string): PageRecording =>
  readPageRecording(gunzipSync(readFileSync(new URL(`pages/${name}.jsonl.gz`, import.meta.url))).toString());

describe.each([
  ["without swap", "runs"],
  ["with swap", "swap"],
])("%s the model says what the kernel told of a family on its pages, and keeps its laws", (_, name) => {
  const { place, runs } = recording(name);

  test.each(runs)("$name", (run) => {
    const difference = compareRecorded(place, run);
    expect(difference && pageScenarioText(difference)).toBeUndefined();
  });
});
