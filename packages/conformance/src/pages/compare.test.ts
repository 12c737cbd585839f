import { expect, test } from "vitest";
import { type FamilyMoment, SIZE_FIELDS, SMAPS_FIELDS, type SmapsField } from "./account.ts";
import { firstDifference } from "./compare.ts";
import type { PageOperation } from "./operation.ts";

/** A family of one that maps a page of the file. */
function moment(name: string, numbers: Partial<Record<SmapsField, number>>): FamilyMoment {
  const mapping = {
    ...{ start: 0x1000, end: 0x2000, permissions: "rw-s", offset: 0, name, codes: "rd wr sh" },
    smaps: SMAPS_FIELDS.map((field) => numbers[field] ?? 0),
    ...{ bits: [0], frames: [0] },
  };
  const sizes = SIZE_FIELDS.map(() => 0);
  return {
    result: "0x0",
    members: new Map([[0, { mappings: [mapping], sizes, minorFaults: 0, majorFaults: 0 }]]),
  };
}

const place = { addr: 0x1000, length: 4096 };
const LOCK: PageOperation = { member: 0, request: { call: "mlock", ...place, flags: 0 } };
const UNMAP: PageOperation = { member: 0, request: { call: "munmap", ...place } };
const MEMFD = "/memfd:pages (deleted)";

/** Whether a difference is found where both sides agree at first and then have these numbers. */
function differs(
  operation: PageOperation,
  name: string,
  model: Partial<Record<SmapsField, number>>,
  kernel: Partial<Record<SmapsField, number>>,
): boolean {
  const start = moment(name, {});
  return (
    firstDifference([operation], [start, moment(name, model)], [start, moment(name, kernel)]) !== undefined
  );
}

test("Referenced of a memory-backed file is left aside once the run locked memory", () => {
  expect(differs(LOCK, MEMFD, { Referenced: 4 }, {})).toBe(false);
  expect(differs(LOCK, MEMFD, {}, { Referenced: 4 })).toBe(false);
});

test("Referenced is compared before anything was locked, and of other memory always", () => {
  expect(differs(UNMAP, MEMFD, { Referenced: 4 }, {})).toBe(true);
  expect(differs(LOCK, "", { Referenced: 4 }, {})).toBe(true);
  expect(differs(LOCK, "/a/file", {}, { Referenced: 4 })).toBe(true);
});

test("all else of a memory-backed file is compared after a lock too", () => {
  expect(differs(LOCK, MEMFD, { Rss: 4 }, {})).toBe(true);
});
