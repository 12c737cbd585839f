import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { pagetrail } from "../testing/log-fixture.ts";

const logs = fileURLToPath(new URL("../../../../examples/logs/", import.meta.url));

/** Every command about a log with the words behind its name; OUT is a file that it may write. */
const COMMANDS: readonly (readonly string[])[] = [
  ["info"],
  ["events", "5..20"],
  ["maps", "--at", "50%"],
  ["smaps", "--at", "50%"],
  ["smaps", "--rollup", "--at", "50%"],
  ["status", "--at", "50%"],
  ["statm", "--at", "50%"],
  ["ps", "--at", "50%"],
  ["cpus", "--at", "50%"],
  ["refs", "--at", "50%"],
  ["kmap", "--at", "50%"],
  ["diff", "20", "21"],
  ["blame", "--at", "50%"],
  ["blame", "--group", "--at", "50%"],
  ["why", "20"],
  ["when", "call == mmap"],
  ["series", "vmas"],
  ["bisect", "vmas > 15"],
  ["shrink", "vma split", "-o", "OUT"],
  ["branch", "--at", "20", "-o", "OUT"],
  ["replay"],
  ["verify", "--every", "50"],
  ["pack", "-o", "OUT"],
  ["bookmark", "here", "20"],
  ["tour"],
];

/** Those that need a log that tells of pages. */
const OF_PAGES: readonly (readonly string[])[] = [
  ["pagemap", "--at", "50%"],
  ["vtop", "stack", "--at", "50%"],
  ["frames", "--at", "50%"],
];

async function document(log: string, [name = "", ...words]: readonly string[]): Promise<unknown> {
  const folder = testFolder();
  const copy = join(folder, "copy.ptlog");
  expect((await pagetrail(["pack", join(logs, log), "-o", copy])).code).toBe(0);
  const asked = words.map((word) => (word === "OUT" ? join(folder, "out.ptlog") : word));
  const { code, out, err } = await pagetrail([name, copy, ...asked, "--json"]);
  expect(code, err).toBeLessThan(2);
  return JSON.parse(out);
}

describe.each(["pipeline.ptlog.gz", "dictionary.ptlog.gz", "faults.ptlog.gz"])("on %s", (log) => {
  test.each(COMMANDS)("%s prints one document, with its schema", async (...words) => {
    expect(await document(log, words)).toMatchObject({ schema: 1 });
  });
});

test.each(OF_PAGES)("%s prints one document, with its schema, where pages are known", async (...words) => {
  expect(await document("faults.ptlog.gz", words)).toMatchObject({ schema: 1 });
});

test("no command that has --json is left out above", async () => {
  const { out } = await pagetrail(["--help"]);
  const [, listed = ""] = /^Commands:\n((?: {2}.*\n?)+)/m.exec(out) ?? [];
  const names = [...listed.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = ""]) => name);
  const withJson: string[] = [];
  for (const name of names)
    if ((await pagetrail([name, "--help"])).out.includes("--json")) withJson.push(name);
  const tried = new Set([...COMMANDS, ...OF_PAGES].map(([name]) => name));
  // These ask the machine, or take no log.
  const others = new Set(["record", "check", "run"]);
  expect(new Set(withJson.filter((name) => !tried.has(name)))).toEqual(others);
});
