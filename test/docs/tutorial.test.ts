import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "./pages.ts";

const main = join(root, "apps/replay/src/main.ts");
const source = ["--conditions=pagetrail-source", "--import", import.meta.resolve("tsx"), main];
const has = (tool: string): boolean => spawnSync(tool, ["--version"]).status === 0;

describe.skipIf(!has("gcc") || !has("strace"))("the tutorial, recorded on this machine", () => {
  let folder = "";

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "pagetrail-tutorial-"));
    for (const name of ["thumbnails", "longest-line", "dictionary"])
      execFileSync("gcc", ["-g", "-Wall", "-Werror", "-o", name, join(root, `examples/faults/${name}.c`)], {
        cwd: folder,
      });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const pagetrail = (...words: readonly string[]): string =>
    spawnSync(process.execPath, [...source, ...words], { cwd: folder, encoding: "utf8" }).stdout;

  test("thumbnails runs into max_map_count, by pictures that make_thumbnail leaves mapped", () => {
    pagetrail("record", "-o", "t.ptlog", "--", "./thumbnails");
    expect(pagetrail("why", "t.ptlog", "end-1")).toMatch(/=> {2}more mappings than max_map_count \(\d+\)/);
    const [, most = ""] = pagetrail("blame", "t.ptlog", "--at", "end-1", "--group").split("\n");
    expect(most).toMatch(/^\d\d,\d{3} .* r--p {2}mmap .* \/tmp\/picture\.\w+ \(deleted\)$/);
    pagetrail("record", "--stacks", "-o", "few.ptlog", "--", "./thumbnails", "50");
    const [, few, ...stack] = pagetrail("blame", "few.ptlog", "--at", "end-1", "--group").split("\n");
    expect(few).toMatch(/^ +45 .* mmap /);
    expect(stack.slice(0, 4).join()).toMatch(/open_picture.*make_thumbnail.*main/);
  }, 120_000);

  test("longest-line runs into RLIMIT_AS", () => {
    const line = "yes | head -c 60M | prlimit --as=64000000 ./longest-line";
    pagetrail("record", "-o", "l.ptlog", "--", "sh", "-c", line);
    const [first = ""] = pagetrail("when", "l.ptlog", "outcome == ENOMEM").split("\n");
    expect(first).toMatch(/mremap\(.*maymove\) = -ENOMEM$/);
    const event = first.trim().split(" ")[0] ?? "";
    expect(pagetrail("why", "l.ptlog", event)).toMatch(/=> {2}RLIMIT_AS: \d+ \+ 8192 pages > 15625/);
  }, 60_000);

  test("symbols are addresses, and the debugger completes them", () => {
    pagetrail("record", "-o", "s.ptlog", "--", "./dictionary");
    const [range = "", ...more] = pagetrail("blame", "s.ptlog", "look_up", "--at", "end-1").split("\n");
    expect(range).toMatch(/^[0-9a-f]+-[0-9a-f]+ r-xp .*\/dictionary$/);
    expect(more.length).toBeGreaterThan(0);
    const [inside = ""] = pagetrail("blame", "s.ptlog", "look_up+0x10", "--at", "end-1").split("\n");
    expect(inside).toBe(range);
    const unknown = spawnSync(process.execPath, [...source, "blame", "s.ptlog", "look", "--at", "end-1"], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(unknown.stderr).toMatch(
      /'look' is no address, and nothing of that name is mapped \(there is look_up/,
    );
    expect(unknown.status).toBe(2);
  }, 60_000);

  test("dictionary dies of memory that load has unmapped", () => {
    pagetrail("record", "--stacks", "-o", "d.ptlog", "--", "./dictionary");
    const told = pagetrail("why", "d.ptlog", "end");
    expect(told).toMatch(/^kill\(SIGSEGV, SEGV_MAPERR, 0x[0-9a-f]+\) = \? \(SIGSEGV\)$/m);
    expect(told).toMatch(/^what was mapped there went with\n.* munmap\(.*\n.*\n {4}at load\+/m);
  }, 60_000);
});
