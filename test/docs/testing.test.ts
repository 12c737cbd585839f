import { readFileSync } from "node:fs";
import { join } from "node:path";
import { STRIP_LETTERS } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { root, sourcesBelow } from "./pages.ts";

const page = readFileSync(join(root, "docs/TESTING.md"), "utf8");
const readme = readFileSync(join(root, "packages/testing/README.md"), "utf8");

/** Lines without what indents them. */
const linesOf = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join("\n");

const sample = sourcesBelow("test/sample-project").map((path) =>
  linesOf(readFileSync(join(root, path), "utf8")),
);

describe("the pages about the test kit", () => {
  test("show only code that stands in the sample project, which CI runs", () => {
    const blocks = [...`${page}\n${readme}`.matchAll(/^```ts\n(.*?)^```/gms)].map(([, block = ""]) =>
      linesOf(block),
    );
    expect(blocks.length).toBeGreaterThan(5);
    expect(blocks.filter((block) => !sample.some((text) => text.includes(block)))).toEqual([]);
  });

  test("say of each letter of a strip what it stands for", () => {
    const rows = [...page.matchAll(/^\| `(.)` +\| (.*?) +\|$/gm)].map(([, letter, text]) => [letter, text]);
    expect(rows).toEqual(Object.entries(STRIP_LETTERS));
  });

  test("name every matcher and its operands", () => {
    const types = readFileSync(join(root, "packages/testing/src/matcher-types.ts"), "utf8");
    const declared = [...types.matchAll(/^ {2}(to\w+)\(/gm)].map(([, name]) => name);
    const told = [...page.matchAll(/^\| `(to\w+)\(/gm)].map(([, name]) => name);
    expect(told).toEqual(declared);
  });
});
