import { Recorder } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { demoLog, pagetrail } from "../testing/log-fixture.ts";

describe("the tour", () => {
  test("of the bundled recording shows every part, within 100 columns", async () => {
    const { code, out, err } = await pagetrail(["tour"]);
    expect([code, err]).toEqual([0, ""]);
    const headings = [
      "What was recorded",
      "How much of it",
      "Maps 1:",
      "Maps 2:",
      "Maps 3:",
      "What changed",
      "One step, and back",
      "Try next",
    ];
    const found = headings.map((heading) => out.split("\n").findIndex((line) => line.startsWith(heading)));
    expect(found).toEqual([...found].sort((a, b) => a - b));
    expect(found[0]).toBe(0);
    const long = out.split("\n").filter((line) => [...line].length > 100);
    expect(long.filter((line) => !line.includes("recordings"))).toEqual([]);
    expect(out).toContain("of 8 processes: bash, cat, sort, uniq, head, bash, ls, wc");
  });

  test("goes back to the very state that was before", async () => {
    const { stepBack, moments } = JSON.parse((await pagetrail(["tour", "--json"])).out);
    expect(stepBack.digests.back).toBe(stepBack.digests.before);
    expect(stepBack.digests.after).not.toBe(stepBack.digests.before);
    expect(moments).toHaveLength(3);
  });

  test("of a log shows that log", async () => {
    const { out } = await pagetrail(["tour", demoLog()]);
    expect(out).toContain("Maps 1: process 100 (demo) at its first mapping, behind event 3");
    expect(out).toContain("  7 of the 8 calls that its rules decide ended as it says: 87.5%");
    expect(out).toContain("the same as before it");
  });

  test("of a log without mappings says so", async () => {
    const { code, out } = await pagetrail(["tour", demoLog(new Recorder())]);
    expect(code).toBe(0);
    expect(out).toContain("No process in it ever had a mapping");
  });
});
