import type { ImportSummary, PageFit } from "@pagetrail/import";
import { describe, expect, test } from "vitest";
import { PLAIN } from "./style.ts";
import { summaryLines } from "./summary-text.ts";

const SUMMARY: ImportSummary = {
  lines: 10,
  unreadable: { count: 0, first: [] },
  disordered: { count: 0 },
  events: 9,
  processes: 1,
  decided: 2,
  predicted: 2,
  divergences: { count: 0, first: [] },
  faults: 7,
  notes: [],
};

const told = (pages: PageFit): readonly string[] =>
  [...summaryLines("p.ptlog", { ...SUMMARY, pages }, PLAIN)].slice(3);

describe("what an import says of pages", () => {
  test("is how many of the recorded faults the model has, where that is all of them", () => {
    expect(told({ faults: 7, predicted: 7, late: 0, unrecorded: 0, unforeseen: [] })).toEqual([
      "pages modelled: 7 of 7 faults predicted (100%)",
    ]);
  });

  test("and else which it does not have, those of rival threads, and its own", () => {
    const unforeseen = [{ line: 5, tid: 42, addr: 0x20000008, access: "read" } as const];
    expect(told({ faults: 7, predicted: 3, late: 2, unrecorded: 1, unforeseen })).toEqual([
      "pages modelled: 3 of 5 faults predicted (60%)",
      "  2 faults besides, at pages that another thread was just getting",
      "  1 fault of the model that the recording does not show",
      "  line 5: process 42: read at 0x20000008: not predicted",
      "  and 1 more",
    ]);
  });
});
