import { strip } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { MREMAP } from "./mman.ts";
import { VM } from "./vm-flags.ts";

describe("a new mapping", () => {
  test("that fills the hole between two alike makes one of all three", () => {
    expect(`${strip("AA..AA").mmap("..AA..")}`).toBe("AAAAAA");
  });

  test("joins only the lower one when both were written to separately", () => {
    expect(`${strip("AA..AA").write("^^..^^").mmap("..AA..")}`).toBe("AAAA|AA");
  });

  test("joins both when only one of them was written to", () => {
    expect(`${strip("AA..AA").write("^^....").mmap("..AA..")}`).toBe("AAAAAA");
    expect(`${strip("AA..AA").write("....^^").mmap("..AA..")}`).toBe("AAAAAA");
  });

  test("heals a hole that was cut into written memory, for both halves share the anon_vma", () => {
    expect(`${strip("AAAAAA").write("^^^^^^").munmap("..xx..").mmap("..AA..")}`).toBe("AAAAAA");
  });

  test("with MAP_FIXED over the middle of written memory leaves one mapping", () => {
    expect(`${strip("AAAAAA").write("^^^^^^").mmap("..AA..")}`).toBe("AAAAAA");
  });

  test("stays apart from neighbours with other flags", () => {
    expect(`${strip("AA....").mmap("..NN..").mmap("....KK")}`).toBe("AANNKK");
    expect(`${strip("AA").mmap("..LL")}`).toBe("AALL");
    expect(`${strip("AA").mmap("..aa")}`).toBe("AAaa");
  });

  test("joins a neighbour that grows down, is locked or droppable as it is itself", () => {
    expect(`${strip("GG").mmap("..GG")}`).toBe("GGGG");
    expect(`${strip("LL").mmap("..LL")}`).toBe("LLLL");
    expect(`${strip("DD").mmap("..DD")}`).toBe("DDDD");
  });

  test("of shared anonymous memory never joins another, for each has its own file", () => {
    expect(`${strip("SS").mmap("..SS")}`).toBe("SS|SS");
  });

  test("of a file joins the one below when the offset goes on", () => {
    expect(`${strip("FF").mmap("..FF")}`).toBe("FFFF");
    expect(`${strip("MM").mmap("..MM")}`).toBe("MMMM");
    expect(`${strip("TT").mmap("..TT")}`).toBe("TTTT");
  });

  test("of a file stays apart at another offset, and from a second open() of the same path", () => {
    expect(`${strip("FF").mmap("..FF", { pgoff: 1 })}`).toBe("FF|FF");
    expect(`${strip("FF").mmap("..HH")}`).toBe("FFHH");
  });

  test("of /dev/zero joins at a contiguous offset only, and never anonymous memory", () => {
    expect(`${strip("ZZ").mmap("..ZZ")}`).toBe("ZZZZ");
    expect(`${strip("ZZ").mmap("..ZZ", { pgoff: -2 })}`).toBe("ZZ|ZZ");
    expect(`${strip("ZZ").mmap("..AA")}`).toBe("ZZAA");
  });
});

describe("changed memory", () => {
  test("joins a written neighbour, but two written apart stay two", () => {
    const two = strip("AAAAAA").mprotect("..aa..").write("^...^.");
    expect(`${two.mprotect("..AA..")}`).toBe("AAAA|AA");
  });

  test("that was one before it was written to is one again when its access is given back", () => {
    expect(`${strip("AAAAAA").write("^^^^^^").mprotect("..aa..")}`).toBe("AAaaAA");
    expect(`${strip("AAAAAA").write("^^^^^^").mprotect("..aa..").mprotect("..AA..")}`).toBe("AAAAAA");
  });

  test("committed in islands is one in the end if nothing was written", () => {
    const islands = strip("_".repeat(16)).mprotect("AA..AA..AA..AA..");
    expect(`${islands}`).toBe("AA__AA__AA__AA__");
    expect(`${islands.mprotect("..AA..AA..AA..AA")}`).toBe("A".repeat(16));
  });

  test("committed in islands that were written to first stays one mapping an island", () => {
    const islands = strip("_".repeat(16)).mprotect("AA..AA..AA..AA..").write("^...^...^...^...");
    expect(`${islands.mprotect("..AA..AA..AA..AA")}`).toBe("AAAA|AAAA|AAAA|AAAA");
  });

  test("takes on its neighbour's access and joins it", () => {
    expect(`${strip("AAaa").mprotect("..AA")}`).toBe("AAAA");
  });

  test("gives up its charge when it becomes read-only and was never written to", () => {
    const s = strip("aaAA").mprotect("..aa");
    expect(`${s}`).toBe("aaaa");
    expect(s.vma(2).flags & VM.ACCOUNT).toBe(0);
  });

  test("keeps its charge once written to, and so stays apart", () => {
    const s = strip("aaAA").write("..^^").mprotect("..aa");
    expect(`${s}`).toBe("aa|aa");
    expect(s.vma(2).flags & VM.ACCOUNT).toBe(VM.ACCOUNT);
  });

  test("that was written to joins an unwritten neighbour when their flags become equal", () => {
    expect(`${strip("NNnn").write("^^..").mprotect("..NN")}`).toBe("NNNN");
  });

  test("is left alone when nothing changes, even beside a neighbour that it could join", () => {
    // A refused munmap leaves the boundary split that it began with.
    const split = strip("AAAA").mseal("...x").munmap(".xxx");
    expect(`${split}`).toBe("A|AAE");
    expect(`${split.mprotect("AAA.")}`).toBe("A|AAE");
    expect(`${split.mprotect("aaa.")}`).toBe("aaaE");
  });
});

describe("after fork", () => {
  test("a child's new mapping stays apart from inherited memory that was written to", () => {
    expect(`${strip("AA").write("^^").fork().mmap("..AA")}`).toBe("AA|AA");
  });

  test("a child's new mapping joins inherited memory that was never written to", () => {
    expect(`${strip("AA").fork().mmap("..AA")}`).toBe("AAAA");
  });

  test("a child's inherited memory can be split and joined again", () => {
    const s = strip("AAAA").write("^^^^").fork().mprotect(".aa.");
    expect(`${s}`).toBe("AaaA");
    expect(`${s.mprotect(".AA.")}`).toBe("AAAA");
  });

  test("a child's inherited memory grows in place as one mapping", () => {
    expect(`${strip("AA..").write("^^..").fork().mremap("xx..", "xxxx", MREMAP.MAYMOVE)}`).toBe("AAAA");
  });

  test("a parent's written memory still joins a new mapping", () => {
    expect(`${strip("AA").write("^^").fork("in the parent").mmap("..AA")}`).toBe("AAAA");
  });

  test("a grandchild's new mapping stays apart from memory inherited twice", () => {
    expect(`${strip("AA").write("^^").fork().fork().mmap("..AA")}`).toBe("AA|AA");
  });
});
