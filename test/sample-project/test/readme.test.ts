import { readRun, stateBefore, strip } from "@pagetrail/testing";
import { expect, test } from "vitest";
import "@pagetrail/testing/setup";

test("the program breaks no law, and maps nothing that can be written and executed", () => {
  const run = readRun("recordings/notes.ptlog");
  expect(run).toSatisfyLaws();
  const state = stateBefore(run, ({ request }) => request.call === "munmap");
  expect({ state, process: 18198 }).not.toHaveMapping({ permissions: "?wx?" });
});

test("two mappings that touch become one", () => {
  expect(`${strip("AA..AA").mmap("..AA..")}`).toBe("AAAAAA");
});
