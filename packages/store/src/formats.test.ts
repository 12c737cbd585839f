import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { readLog } from "./read-log.ts";

const page = readFileSync(new URL("../../../docs/FORMATS.md", import.meta.url), "utf8");
const log = /```ptlog\n(?<log>.*?)```/s.exec(page)?.groups?.log ?? "";
const hashes = [...page.matchAll(/^ {4}([0-9a-f]{64})$/gm)].map(([, hash]) => hash);
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

describe("the example in docs/FORMATS.md", () => {
  test("is a finished log of three events in two segments", () => {
    const path = join(testFolder(), "example.ptlog");
    writeFileSync(path, log);
    const items = [...readLog(path)];
    expect(items.map((item) => item.kind).join(" ")).toBe("header event event seal event seal end");
    expect(items.at(-1)).toMatchObject({ end: { finished: true, seq: 3, segments: 2 } });
  });

  test("has the hashes that the page tells how to compute", () => {
    const [header = "", first = "", second = "", seal = "", third = "", end = ""] = log.split(/(?<=\n)/);
    const bare = (line: string): string => line.replace(/"sha256":"[0-9a-f]{64}",/, "");
    const before = sha256(header);
    const between = sha256(before + first + second + bare(seal));
    expect(hashes).toEqual([before, between, sha256(between + third + bare(end))]);
    expect(page).toContain(`(printf ${before}\n`);
    expect(page).toContain(`echo '${bare(seal).trimEnd()}'`);
  });
});
