import { FIRST, type Strip, strip } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { MADV, MREMAP } from "../mm/index.ts";
import { diffMaps } from "./maps-diff.ts";

/** What changed in the row between before and after the operation. */
function kinds(s: Strip, operate: (s: Strip) => Strip): readonly string[] {
  const before = s.machine.mm(FIRST).vmas.clone();
  return diffMaps(before, operate(s).machine.mm(FIRST).vmas).map((change) => change.kind);
}

describe("a difference between two address spaces", () => {
  test("tells a mapping made, removed, grown and shrunk", () => {
    expect(kinds(strip("AA"), (s) => s.mmap("...aa"))).toEqual(["created"]);
    expect(kinds(strip("AA..aa"), (s) => s.munmap("....xx"))).toEqual(["removed"]);
    expect(kinds(strip("AA"), (s) => s.mmap("..AA"))).toEqual(["grown"]);
    expect(kinds(strip("AAAA"), (s) => s.munmap("..xx"))).toEqual(["shrunk"]);
  });

  test("tells another access from other attributes", () => {
    expect(kinds(strip("AA"), (s) => s.mprotect("aa"))).toEqual(["protected"]);
    expect(kinds(strip("AA"), (s) => s.madvise("xx", MADV.DONTFORK))).toEqual(["changed"]);
  });

  test("tells what another object replaced as gone, and the other as new", () => {
    expect(kinds(strip("AA"), (s) => s.mmap("SS"))).toEqual(["removed", "created"]);
    expect(kinds(strip("AAAA"), (s) => s.mmap("S..S"))).toEqual(["shrunk", "created", "created"]);
  });

  test("tells a split and a merge", () => {
    expect(kinds(strip("AAAA"), (s) => s.mprotect(".aa."))).toEqual(["split"]);
    expect(kinds(strip("AA..AA"), (s) => s.mmap("..AA.."))).toEqual(["merged"]);
  });

  test("tells written memory that went elsewhere as moved", () => {
    const s = strip("AA....").write("^^....");
    expect(kinds(s, (t) => t.mremap("xx....", "....xx", MREMAP.MAYMOVE | MREMAP.FIXED))).toEqual(["moved"]);
  });

  test("is nothing where nothing changed", () => {
    expect(kinds(strip("AA..aa"), (s) => s.mprotect("AA..aa"))).toEqual([]);
  });
});
