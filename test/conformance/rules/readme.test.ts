import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER } from "./overcommit.ts";
import { SECTIONS } from "./sections.ts";

const page = readFileSync(new URL("README.md", import.meta.url), "utf8");

test("the page's table has every section, the file that it is in, and how many rules it has", () => {
  const rows = [...page.matchAll(/^\| (.+?) +\| \[([\w-]+\.ts)\]\(\2\) +\| (\d+) +\|$/gm)].map(
    ([, title = "", file = "", count = ""]) => ({ title, file, count: Number(count) }),
  );
  const sections = [...SECTIONS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER];
  expect(rows.map(({ title, count }) => `${title}: ${count}`)).toEqual(
    sections.map(({ title, rules }) => `${title}: ${rules.length}`),
  );
  for (const { title, file } of rows)
    expect(readFileSync(new URL(file, import.meta.url), "utf8")).toContain(`section("${title}"`);
});

test("the first page of the repository says how many rules there are", () => {
  const total = [...SECTIONS, OVERCOMMIT_ALWAYS, OVERCOMMIT_NEVER].reduce(
    (n, { rules }) => n + rules.length,
    0,
  );
  const first = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
  expect(first).toContain(`${total.toLocaleString("en")} [rules]`);
});
