import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Happening, readScenario, runScenario } from "@pagetrail/import";
import { describe, expect, test } from "vitest";
import { readPages, root } from "./pages.ts";

const SINK = { start: () => undefined, event: () => undefined };

/** What a scenario that is shown does not do as it expects; what keeps it from being read. */
function failuresOf(text: string): readonly string[] {
  const scenario = readScenario(text);
  if (!scenario.ok) return [`line ${scenario.error.line}: ${scenario.error.what}`];
  const failed = ({ line, failure }: Happening) => (failure ? [`line ${line}: ${failure.what}`] : []);
  return [...runScenario(scenario.value, SINK)].flatMap(failed);
}

/** The words that may stand where a scenario stops making sense. */
function wordsAt(text: string): readonly string[] {
  const scenario = readScenario(`file /x 4K\nprocess A\nA: mmap p 4K r private anon\n${text} ?`);
  if (scenario.ok) throw new Error("a question mark stands nowhere");
  const listed = /expected (.*?)(?:; did you mean .*)?$/.exec(scenario.error.what)?.[1] ?? "";
  return listed.split(/, | or /).filter((word) => /^[\w-]+$/.test(word));
}

describe("scenarios in the pages", () => {
  const shown = readPages().flatMap(({ path, text }) =>
    [...text.matchAll(/^```scenario\n(.*?)^```/gms)].map(([, block = ""]) => ({ path, block })),
  );

  test("are as they expect", () => {
    expect(shown.length).toBeGreaterThanOrEqual(4);
    expect(shown.map(({ path, block }) => ({ path, failures: failuresOf(block) }))).toEqual(
      shown.map(({ path }) => ({ path, failures: [] })),
    );
  });
});

describe("docs/SCENARIOS.md", () => {
  const page = readFileSync(join(root, "docs/SCENARIOS.md"), "utf8");
  const code = [...page.matchAll(/`([^`\n]+)`|^```\w+\n(.*?)^```/gms)].map((m) => m[1] ?? m[2]).join("\n");

  test.each([
    "",
    "A:",
    "A: mmap q 4K r private anon",
    "A: mremap p 4K to 4K",
    "A: read p ->",
    "expect A",
    "expect A pte p",
    "expect A state",
    "expect A rss",
  ])("has every word that may stand behind '%s'", (text) => {
    const words = wordsAt(text).filter((word) => !/^E[A-Z0-9]+$/.test(word));
    expect(words.length).toBeGreaterThan(3);
    expect(words.filter((word) => !new RegExp(`(?<![\\w-])${word}(?![\\w-])`).test(code))).toEqual([]);
  });

  test("has every setting of the machine", () => {
    const scenario = readScenario("machine ?");
    const listed = scenario.ok ? "" : scenario.error.what;
    const words = listed.replace(/^.*expected /, "").split(/, | or /);
    expect(words.length).toBeGreaterThan(10);
    expect(words.filter((word) => !code.includes(`\n${word} `))).toEqual([]);
  });
});
