import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { testFolder } from "@pagetrail/testing/folder";
import { describe, expect, test } from "vitest";
import { pagetrail } from "../testing/log-fixture.ts";

/** A writes a page on CPU 0; its thread reads it on CPU 1, goes lazy, and misses a flush. */
const SCENARIO = `machine ram 64M cpus 2 tlb 16
process A
kthread K
switch cpu0 A
A: mmap p 8K rw private anon at 0x10000000
A: write p..p+8K
A: thread T
switch cpu1 T
T: read p..p+8K
switch cpu1 K
A: madvise p 4K DONTNEED
`;

async function log(): Promise<string> {
  const folder = testFolder();
  const scenario = join(folder, "tlb.scenario");
  writeFileSync(scenario, SCENARIO);
  const path = join(folder, "tlb.ptlog");
  expect(await pagetrail(["run", scenario, "-o", path])).toMatchObject({ code: 0 });
  return path;
}

describe("where TLBs are modelled", () => {
  test("cpus shows what each has loaded, how far behind it is, and what happened to it", async () => {
    const path = await log();
    const { code, out } = await pagetrail(["cpus", path]);
    expect(code).toBe(0);
    const rows = out.split("\n").map((line) => line.trim().split(/ +/));
    expect(rows).toContainEqual(
      "CPU LOADED ASID GEN OF ENTRIES HITS MISSES EVICTED PAGES ALL LOADS IPIS".split(" "),
    );
    expect(rows).toContainEqual("0 2 1 1 1 1 0 4 0 1 1 1 0".split(" "));
    expect(rows).toContainEqual("1 2 1 0 1 2 0 2 0 0 1 1 0".split(" "));
    const json = JSON.parse((await pagetrail(["cpus", path, "--json"])).out);
    expect(json.cpus[1]).toMatchObject({
      lazy: true,
      tlb: { asid: 1, pcid: 2, tlbGen: 0, mmTlbGen: 1, cpumask: [0, 1], entries: 2, misses: 2 },
    });
  });

  test("vtop says which CPUs hold the page, and who of them may still use it", async () => {
    const path = await log();
    const vtop = (address: string) => pagetrail(["vtop", path, "--pid", "100", address]);
    expect((await vtop("0x10000000")).out).toMatch(
      /TLB: CPU 1 holds [0-9a-f]+, to be flushed before its next use\n$/,
    );
    const both = (await vtop("0x10001000")).out;
    expect(both).toMatch(/TLB: CPU 0 holds [0-9a-f]+\n +TLB: CPU 1 holds [0-9a-f]+, to be flushed/);
    expect((await vtop("0x10003000")).out).toContain("TLB: no CPU holds the page");
    const json = JSON.parse((await pagetrail(["vtop", path, "--pid", "100", "0x10001000", "--json"])).out);
    expect(json.tlb).toMatchObject([
      { cpu: 0, pages: 1, usable: true },
      { cpu: 1, pages: 1, usable: false },
    ]);
  });

  test("the log replays and keeps its laws", async () => {
    expect(await pagetrail(["verify", await log()])).toMatchObject({ code: 0 });
  });
});
