import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { whyNoLiveKernel } from "@pagetrail/conformance";
import { PAGE_MACHINE, PageMachine } from "@pagetrail/testing";
import { testFolder } from "@pagetrail/testing/folder";
import { expect, test } from "vitest";

const reason = whyNoLiveKernel();

const PLACE = 0x200000000000 / 4096;
const PAGES = 2 ** 24;
const APART = 2 ** 14;

/** Kilobytes of memory and of page tables for one page in each 64 MB of 64 GB. */
function inTheModel(): { readonly anon: number; readonly tables: number } {
  const machine = new PageMachine({
    ...PAGE_MACHINE,
    sysctl: { ...PAGE_MACHINE.sysctl, overcommitMemory: 1 },
  });
  machine.map(PLACE, PAGES);
  const before = machine.counts();
  for (let page = 0; page < PAGES; page += APART) machine.touch("write", PLACE + page);
  const after = machine.counts();
  return { anon: (after.anon - before.anon) * 4, tables: (after.tables - before.tables) * 4 };
}

const model = inTheModel();

test("64 GB of which a thousand pages are touched cost those pages and the tables that lead to them", () => {
  // A PTE table for each page, a PMD table for each GB, and the PUD table.
  expect(model).toEqual({ anon: 1024 * 4, tables: (1024 + 64 + 1) * 4 });
});

test.skipIf(reason !== undefined)(`as on the running kernel${reason ? ` (skipped: ${reason})` : ""}`, () => {
  const program = join(testFolder(), "sparse");
  execFileSync("gcc", ["-O1", "-o", program, new URL("sparse.c", import.meta.url).pathname]);
  const { anon, tables } = model;
  expect(execFileSync(program, { encoding: "utf8" })).toBe(`${anon} ${tables}\n`);
});
