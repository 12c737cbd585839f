import { appendFileSync, copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Pid } from "@pagetrail/core";
import { anonymous, Recorder } from "@pagetrail/testing";
import { testFolder } from "@pagetrail/testing/folder";
import { expect, test } from "vitest";
import { demoLog, pagetrail } from "../testing/log-fixture.ts";

/** A log with more events than a segment has. */
function longLog(folder: string): string {
  const recorder = new Recorder();
  recorder.call(100, { call: "adopt", comm: "long", tgid: 100 as Pid });
  for (let i = 0; i < 1500; i++) recorder.call(100, anonymous(4096, { prot: i % 2 }), { line: i + 1 });
  return recorder.write(join(folder, "long.ptlog"));
}

const maps = async (...words: readonly string[]): Promise<string> =>
  (await pagetrail(["maps", ...words])).out;

test("a branch with nothing changed ends as its parent", async () => {
  const log = demoLog();
  const branch = log.replace("demo", "branch");
  const { code, out } = await pagetrail(["branch", log, "--at", "6", "-o", branch]);
  expect(code).toBe(0);
  expect(out).toBe(
    `${branch}: a branch of ${log} behind event 6 of 12 (line 5)\n6 events asked for again: 6 as before\n`,
  );
  expect(await maps(branch)).toBe(await maps(log));
  expect((await pagetrail(["replay", branch])).code).toBe(0);
  expect((await pagetrail(["diff", log, branch])).code).toBe(0);
});

test("what is dropped does not happen, and what comes after it comes out as the model says", async () => {
  const log = demoLog();
  const branch = log.replace("demo", "branch");
  // Without the mprotect the library stays one mapping; without the fork its child does nothing.
  const { out } = await pagetrail(["branch", log, "--at", "4", "--drop", "5", "--drop", "8", "-o", branch]);
  expect(out).toContain("2 events dropped\n");
  expect(out).toContain("2 events left out, whose task is not there or has ended\n");
  expect(await maps(branch)).not.toContain("r--p");
  expect(await maps(log)).toContain("r--p");
  expect((await pagetrail(["diff", log, branch])).code).toBe(1);
});

test("a limit decides from there on, and what it refuses is shown", async () => {
  const log = demoLog();
  const branch = log.replace("demo", "branch");
  const { out } = await pagetrail(["branch", log, "--at", "4", "--limit", "as=28K", "-o", branch, "--json"]);
  expect(JSON.parse(out)).toMatchObject({
    log: branch,
    parent: { log, seq: 0 },
    at: 4,
    otherwise: 1,
    leftOut: 0,
  });
  const less = await pagetrail(["branch", log, "--at", "3", "--limit", "as=20K", "-o", branch]);
  expect(less.out).toMatch(/ 2 +100 mmap\(NULL, 12288, r-x, .*\) = -ENOMEM, was 0x7ffff7ff8000\n/);
});

test("another machine is one from the start", async () => {
  const log = demoLog();
  const branch = log.replace("demo", "branch");
  const few = await pagetrail([
    "branch",
    log,
    "--at",
    "start",
    "--set",
    "sysctl.maxMapCount=2",
    "-o",
    branch,
  ]);
  expect(few.out).toContain("-ENOMEM, was");
  expect((await pagetrail(["info", branch])).out).toContain(`set ["sysctl.maxMapCount=2"]`);
  const late = await pagetrail(["branch", log, "--at", "4", "--set", "sysctl.maxMapCount=2", "-o", branch]);
  expect(late).toMatchObject({ code: 2, err: expect.stringContaining("use --set with --at start") });
  const none = await pagetrail(["branch", log, "--at", "start", "--set", "sysctl.maxMap=2", "-o", branch]);
  expect(none).toMatchObject({ code: 2, err: expect.stringContaining("the profile has no such member") });
});

test("events are put in, or take the place of others", async () => {
  const log = demoLog();
  const [branch, edits] = [log.replace("demo", "branch"), log.replace("demo.ptlog", "edits.jsonl")];
  const fixed = {
    tid: 100,
    call: "mmap",
    addr: "0x10000",
    length: "0x1000",
    prot: 1,
    flags: 0x32,
    offset: "0x0",
    file: 0,
  };
  writeFileSync(
    edits,
    `${JSON.stringify(fixed)}\n${JSON.stringify({ ...fixed, seq: 6, addr: "0x20000" })}\n`,
  );
  expect((await pagetrail(["branch", log, "--at", "5", "--edit", edits, "-o", branch])).code).toBe(0);
  const shown = await maps(branch);
  expect(shown).toContain("00010000-00011000 r--p");
  expect(shown).toContain("00020000-00021000 r--p");
  expect(shown).toContain("7ffff7ffb000-7ffff7fff000 rw-p");
  writeFileSync(edits, `{"seq":3,"tid":100,"call":"brk","addr":"0x0"}\n`);
  const past = await pagetrail(["branch", log, "--at", "5", "--edit", edits, "-o", branch]);
  expect(past.err).toContain("event 3 is not behind the moment at which the branch begins");
  writeFileSync(edits, `{"tid":100,"call":"what"}\n`);
  expect((await pagetrail(["branch", log, "--at", "5", "--edit", edits, "-o", branch])).err).toContain(
    'unknown call "what"',
  );
});

test("a branch shares its parent's events up to the last seal, and names that by hash", async () => {
  const folder = testFolder();
  const log = longLog(folder);
  const branch = join(folder, "branch.ptlog");
  await pagetrail(["branch", log, "--at", "1200", "--drop", "1201..1300", "-o", branch]);
  const [header = "", first = ""] = readFileSync(branch, "utf8").split("\n");
  expect(JSON.parse(header).parent).toMatchObject({ log: "long.ptlog", seq: 1024 });
  expect(JSON.parse(first).seq).toBe(1025);
  for (const at of ["start", "500", "1024", "1100", "1200"])
    expect(await maps(branch, "--at", at)).toBe(await maps(log, "--at", at));
  expect((await pagetrail(["verify", branch, "--every", "100"])).code).toBe(0);
  // A branch of the branch.
  const second = join(folder, "second.ptlog");
  expect((await pagetrail(["branch", branch, "--at", "1300", "-o", second])).code).toBe(0);
  expect(await maps(second)).toBe(await maps(branch));
});

test("a parent that is gone, or is another now, is said", async () => {
  const folder = testFolder();
  const log = longLog(folder);
  const [branch, other] = [join(folder, "branch.ptlog"), join(folder, "other.ptlog")];
  await pagetrail(["branch", log, "--at", "1200", "-o", branch]);
  renameSync(log, other);
  const gone = await pagetrail(["maps", branch]);
  expect(gone).toMatchObject({ code: 2, err: expect.stringContaining("there is no such file") });
  expect(gone.err).toContain("the parent of");
  copyFileSync(demoLog(), log);
  const changed = await pagetrail(["maps", branch]);
  expect(changed).toMatchObject({
    code: 2,
    err: expect.stringContaining("its parent is not what it was: at event 1024"),
  });
  rmSync(log);
  renameSync(other, log);
  // A parent that has grown is still the parent.
  appendFileSync(log, "");
  expect((await pagetrail(["maps", branch])).code).toBe(0);
});

test("a branch does not take the place of its parent", async () => {
  const log = demoLog();
  const { code, err } = await pagetrail(["branch", log, "--at", "4", "-o", log]);
  expect(code).toBe(2);
  expect(err).toContain("a branch does not replace its parent");
});
