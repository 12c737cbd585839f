import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ENTRY_WORDS, type Event, initialState, Timeline } from "@pagetrail/core";
import {
  ARGUMENTS,
  buildIndex,
  CPU_WORDS,
  GRAMMAR,
  NAME_TERMS,
  NUMBER_TERMS,
  parseExpression,
  type SearchIndex,
  search,
  TASK_WORDS,
  VMA_EVENTS,
  VMA_STATES,
} from "@pagetrail/core/search";
import { readScenario, runScenario } from "@pagetrail/import";
import { describe, expect, test } from "vitest";
import { root } from "./pages.ts";

const page = readFileSync(join(root, "docs/EXPRESSIONS.md"), "utf8");

/** Blocks of code of one kind. */
const blocks = (kind: string): readonly string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${kind}\\n(.*?)^\`\`\``, "gms"))].map(([, block = ""]) => block);

/** `left -> right` of each line. */
const pairs = (kind: string): readonly (readonly [string, string])[] =>
  blocks(kind)
    .flatMap((block) => block.trimEnd().split("\n"))
    .map((line) => {
      const [left = "", right = ""] = line.split(/ +-> /);
      return [left, right];
    });

/** The log of the scenario that the page shows. */
function log(): Timeline {
  const scenario = readScenario(blocks("scenario")[0] ?? "");
  if (!scenario.ok) throw new Error(scenario.error.what);
  const events: Event[] = [];
  const sink = { start: () => undefined, event: (event: Event) => events.push(event) };
  for (const { failure } of runScenario(scenario.value, sink)) expect(failure).toBeUndefined();
  return new Timeline(initialState(scenario.value.profile), events);
}

describe("the expressions in docs/EXPRESSIONS.md", () => {
  const timeline = log();
  const building = buildIndex(timeline, 3);
  let index: SearchIndex | undefined;
  while (index === undefined) {
    const step = building.next();
    if (step.done) index = step.value;
  }

  test.each(pairs("expressions"))("%s is found at %s", (text, where) => {
    const parsed = parseExpression(text, { pid: 100, calls: ["fork"] });
    if (!parsed.ok) throw new Error(parsed.error.what);
    const asked = { expression: parsed.value, from: timeline.first, to: timeline.last } as const;
    for (const more of [{}, { index }]) {
      const found = [...search(timeline, { ...asked, ...more, direction: "forward" })].flatMap((one) =>
        one.kind === "found" ? [one.seq] : [],
      );
      expect(found.join(", ") || "never").toBe(where);
    }
  });

  test.each(pairs("problems"))("'%s' is refused: %s", (text, problem) => {
    const parsed = parseExpression(text, { pid: 100 });
    if (parsed.ok) throw new Error("it can be read");
    const { line, column, what } = parsed.error;
    expect(`${line}:${column} ${what}`).toContain(problem);
  });

  test("there are many of both", () => {
    expect(pairs("expressions").length).toBeGreaterThan(45);
    expect(pairs("problems").length).toBeGreaterThan(6);
  });
});

describe("docs/EXPRESSIONS.md", () => {
  test("has the grammar as it is", () => expect(blocks("text")).toContain(`${GRAMMAR}\n`));

  const words = [
    ...[...Object.keys(NUMBER_TERMS), ...Object.keys(NAME_TERMS), ...Object.keys(ARGUMENTS)],
    ...[...VMA_EVENTS, ...VMA_STATES, ...ENTRY_WORDS, ...TASK_WORDS, ...CPU_WORDS],
  ];

  test("names every word of the language", () => {
    const named = new Set([...page.matchAll(/`([a-zA-Z_]+)`/g)].map(([, word]) => word));
    expect(words.filter((word) => !named.has(word))).toEqual([]);
  });
});
