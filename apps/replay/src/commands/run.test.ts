import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { pagetrail, type Ran } from "../testing/log-fixture.ts";

const EXAMPLES = fileURLToPath(new URL("../../../../examples/scenarios", import.meta.url));
const NAMES = readdirSync(EXAMPLES).filter((name) => name.endsWith(".scenario"));

/** Runs a text as a scenario of a folder of its own. */
async function runText(text: string, ...options: string[]): Promise<Ran & { path: string; log: string }> {
  const folder = testFolder();
  const [path, log] = [join(folder, "t.scenario"), join(folder, "t.ptlog")];
  writeFileSync(path, text);
  return { path, log, ...(await pagetrail(["run", path, "-o", log, ...options])) };
}

const SHARED = `machine ram 64M
process A
A: mmap p 16K rw private anon
A: write p "hello"            -> 1 fault
A: fork B
expect A B share p
B: munmap p+4K 4K
`;

describe("each scenario of examples/scenarios", () => {
  test("is one of a score", () => {
    expect(NAMES.length).toBeGreaterThanOrEqual(20);
  });

  test.each(NAMES)("%s is as it expects, and its log replays and verifies", async (name) => {
    const log = join(testFolder(), "example.ptlog");
    const ran = await pagetrail(["run", join(EXAMPLES, name), "-o", log]);
    expect(ran.out).toContain("all as expected");
    expect(ran.code).toBe(0);
    expect((await pagetrail(["replay", log])).code).toBe(0);
    // The laws look at every page: a chain of processes with 100 MB has half a million of them.
    const every = name === "fork-chain.scenario" ? "31" : "1";
    expect((await pagetrail(["verify", log, "--every", every])).code).toBe(0);
  });
});

describe("run", () => {
  test("prints each line with what came of it", async () => {
    const { out, log } = await runText(SHARED);
    expect(out.split("\n")).toEqual([
      "   2  process A                                 ok",
      "   3  A: mmap p 16K rw private anon             0x7ffff7ffb000",
      '   4  A: write p "hello"            -> 1 fault  ok, 1 fault',
      "   5  A: fork B                                 101",
      "   6  expect A B share p                        ok",
      "   7  B: munmap p+4K 4K                         ok",
      "5 requests, 1 expectation: all as expected",
      `${log}: 5 events`,
      "",
    ]);
  });

  test("says at which place of the file what is not as expected, and ends with 1", async () => {
    const { code, out, path } = await runText(`${SHARED}expect A vmas 7\nA: read p -> ENOMEM\n`);
    expect(code).toBe(1);
    expect(out).toContain(`${path}:8:8: expected vmas 7, found 1\n`);
    expect(out).toContain(`${path}:9:14: expected ENOMEM, got 0\n`);
    expect(out).toContain("2 lines not as expected");
  });

  test("refuses what it cannot read with its place and the word that was meant, and writes no log", async () => {
    const { code, out, err, path, log } = await runText("process A\nA: mmap p 16K rw prvate anon\n");
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(`did you mean private? (${path}:2:18)`);
    expect(existsSync(log)).toBe(false);
    expect((await pagetrail(["run", "/nowhere.scenario"])).err).toContain("there is no such file");
  });

  test("shows of a loop only what ends otherwise than in the round before", async () => {
    const { out } = await runText(
      "process A\nA: mmap p 64K rw private anon\nfor i in 0..20\n  A: write p+i*4K -> any\nend\n",
    );
    expect(out.match(/A: write/g)).toHaveLength(2);
    expect(out).toContain("15 lines of further rounds, ending alike");
    expect(out).toContain("SIGSEGV MAPERR");
  });

  test("prints one document with --json", async () => {
    const { code, out } = await runText(`${SHARED}expect A users 2\n`, "--json");
    expect(code).toBe(1);
    const document = JSON.parse(out);
    expect(document).toMatchObject({ schema: 1, events: 5, requests: 5, expectations: 2, failed: 1 });
    expect(document.lines[2]).toEqual({
      kind: "request",
      line: 4,
      text: 'A: write p "hello"            -> 1 fault',
      seq: 3,
      outcome: "0x0",
      faults: 1,
      major: 0,
      failure: null,
    });
    expect(document.lines.at(-1).failure).toEqual({ column: 8, what: "expected users 2, found 1" });
  });
});

describe("a scenario's log", () => {
  test("is read by every other command, with the scenario's lines for positions", async () => {
    const { log, path } = await runText(SHARED);
    const outOf = async (...argv: string[]): Promise<string> => (await pagetrail(argv)).out;
    expect(await outOf("maps", log, "--at", "line:3")).toContain("7ffff7ffb000-7ffff7fff000 rw-p");
    expect(await outOf("maps", log, "--pid", "101")).toContain("7ffff7ffd000-7ffff7fff000 rw-p");
    expect(await outOf("smaps", log)).toContain("7ffff7ffb000-7ffff7fff000 rw-p");
    expect(await outOf("events", log)).toContain("fork(");
    const info = await outOf("info", log);
    expect(info).toContain(`source     kind scenario, files ["${path}"]`);
    expect(info).toContain("101     100");
    expect(await outOf("diff", log, "line:5", "line:7", "--pid", "101")).toContain("7ffff7ffc000");
    expect(await outOf("ps", log)).toContain("100");
    expect(await outOf("replay", log, "--emit", "maps", "--jsonl")).toContain('"line":7');
    expect((await pagetrail(["replay", log])).code).toBe(0);
    expect((await pagetrail(["verify", log])).code).toBe(0);
  });
});
