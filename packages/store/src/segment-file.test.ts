import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LogEvent } from "@pagetrail/core";
import { testFolder } from "@pagetrail/testing/folder";
import { expect, test } from "vitest";
import { FileLogWriter } from "./file-log-writer.ts";
import { packLog } from "./pack-log.ts";
import { SegmentFile } from "./segment-file.ts";

/** A log of three segments, the second with texts that look like seals, the last without events. */
function log(): string {
  const path = join(testFolder(), "some.ptlog");
  const created = FileLogWriter.create(path, { producer: "test", profile: {}, source: {} });
  if (!created.ok) throw new Error(created.error.what);
  const writer = created.value;
  for (let seq = 1; seq <= 3; seq++) writer.event({ seq, call: "a" } as LogEvent);
  writer.seal("one");
  writer.event({ seq: 4, call: '\n{"seal":{' } as LogEvent);
  writer.event({ seq: 5, call: "b".repeat(5 * 2 ** 20) } as LogEvent);
  writer.seal("two");
  writer.finish("three");
  return path;
}

const textsOf = (path: string): readonly string[] => {
  const file = SegmentFile.open(path);
  if (!file) throw new Error("it cannot be opened");
  const texts = (file.places() ?? []).map((place) => Buffer.from(file.read(place) ?? []).toString());
  file.close();
  return texts;
};

test("a log's parts are its header and its segments, packed or not", () => {
  const path = log();
  const texts = textsOf(path);
  expect(texts.map((text) => text.split("\n").length - 1)).toEqual([1, 4, 3, 1]);
  expect(texts[0]).toMatch(/^{"pagetrail":/);
  expect(texts.slice(1).every((text) => /\n?{"seal":[^\n]*\n$/.test(text))).toBe(true);
  const packed = packLog(path, `${path}.gz`);
  expect(packed.ok).toBe(true);
  expect(textsOf(`${path}.gz`)).toEqual(texts);
});

test("what is not there, or not whole, is not read", () => {
  expect(SegmentFile.open(join(testFolder(), "none"))).toBeUndefined();
  expect(SegmentFile.open(testFolder())).toBeUndefined();
  const path = log();
  const file = SegmentFile.open(path) as SegmentFile;
  expect(file.read({ from: file.size - 1, bytes: 2 })).toBeUndefined();
  file.close();
  const empty = join(testFolder(), "empty");
  writeFileSync(empty, "");
  expect(textsOf(empty)).toEqual([]);
});
