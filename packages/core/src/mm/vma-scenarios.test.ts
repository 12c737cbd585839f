import { FIRST, flagged, Machine, strip } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { NO_FILE, PAGE_SIZE, type Vpn } from "../base/index.ts";
import { Transaction } from "../kernel/index.ts";
import { MREMAP, PROT } from "./mman.ts";
import { VM } from "./vm-flags.ts";
import { VM_OPS, Vma } from "./vma.ts";
import { mergeNew } from "./vma-merge.ts";

/*
 * The subjects of the kernel's own tests of its VMA code in user space, tools/testing/vma, drawn as strips. One
 * of them is missing: what happens when the maple tree has no memory for a node, which is not modelled.
 */

const HERE = 0x20000000;
const P = PAGE_SIZE;

/** Pages of each mapping of a machine's process. */
const sizes = (m: Machine): readonly number[] =>
  m
    .mm()
    .vmas.toArray()
    .map((v) => v.pages);

/** Two neighbours with the given flags, put in by the rules for new mappings. */
function neighbours(flags: number): readonly number[] {
  const m = new Machine();
  const tx = new Transaction(m.state);
  const task = tx.task(FIRST);
  const edit = tx.edit(tx.mm(task.mm), task);
  for (const start of [100, 102] as Vpn[])
    mergeNew(edit, new Vma(start, (start + 2) as Vpn, flags, 0, start, NO_FILE, VM_OPS.anon, 0, 0));
  m.state = tx.commit(m.state.seq + 1);
  return sizes(m);
}

/** A segment of six pages, whose mappings have a close hook. */
function segment(): Machine {
  const m = new Machine();
  m.ask({ call: "shmget", key: 0, size: 6 * P, shm: 7 });
  m.ask({ call: "shmat", shm: 7, addr: HERE, flags: 0 });
  return m;
}

describe("the simplest of each", () => {
  test("merge: a mapping between two makes one of three", () => {
    expect(`${strip("A.A").mmap(".A.")}`).toBe("AAA");
  });

  test("modify: other flags in the middle make three of one", () => {
    expect(`${strip("AAA").mprotect(".a.")}`).toBe("AaA");
  });

  test("expand: a mapping grows over what is mapped behind it", () => {
    expect(`${strip("A..").mmap(".AA")}`).toBe("AAA");
  });

  test("shrink: unmapping an end leaves the rest", () => {
    expect(`${strip("AAA").munmap(".xx")}`).toBe("A..");
  });
});

describe("a new mapping", () => {
  test.each([
    ["alone stays alone", "AA....AA", "...A....", "AA.A..AA"],
    ["joins the one below", "AA....AA", "..A.....", "AAA...AA"],
    ["joins the one above", "AA....AA", ".....A..", "AA...AAA"],
    ["joins both", "AA....AA", "..AAAA..", "AAAAAAAA"],
    ["joins neither if its flags differ", "AA....AA", "..NNNN..", "AANNNNAA"],
  ])("%s", (_, before, mapped, after) => {
    expect(`${strip(before).mmap(mapped)}`).toBe(after);
  });

  test("placed by the kernel joins the one that it is put below", () => {
    const m = new Machine();
    m.ask(flagged(2 * P, 0));
    m.ask(flagged(3 * P, 0));
    expect(sizes(m)).toEqual([5]);
  });

  test.each([
    ["VM_IO", VM.IO],
    ["VM_PFNMAP", VM.PFNMAP],
    ["VM_DONTEXPAND", VM.DONTEXPAND],
    ["VM_MIXEDMAP", VM.MIXEDMAP],
  ])("with %s never joins another", (_, special) => {
    expect(neighbours(VM.READ)).toEqual([4]);
    expect(neighbours(VM.READ | special)).toEqual([2, 2]);
  });

  test("cannot swallow a mapping with a close hook: only the one below grows", () => {
    const m = segment();
    const remap = (pgoff: number): unknown =>
      m.ask({ call: "remap_file_pages", addr: HERE + 2 * P, size: 2 * P, prot: 0, pgoff, flags: 0 });
    remap(0);
    expect(sizes(m)).toEqual([2, 2, 2]);
    remap(2);
    expect(sizes(m)).toEqual([4, 2]);
  });
});

describe("changed memory", () => {
  test.each([
    ["the first part joins the one below", "AAaaa", "..A..", "AAAaa"],
    ["the last part joins the one above", "aaaAA", "..A..", "aaAAA"],
    ["all of it joins the one below", "AAaaN", "..AA.", "AAAAN"],
    ["all of it joins the one above", "NaaAA", ".AA..", "NAAAA"],
    ["all of it joins both", "AAaAA", "..A..", "AAAAA"],
    ["the middle joins nobody", "aaaaa", "..A..", "aaAaa"],
  ])("%s", (_, before, changed, after) => {
    expect(`${strip(before).mprotect(changed)}`).toBe(after);
  });

  test("with a close hook is never removed by a merge", () => {
    const m = segment();
    const protect = (prot: number): unknown =>
      m.ask({ call: "mprotect", addr: HERE + 2 * P, length: 2 * P, prot });
    protect(PROT.READ);
    protect(PROT.READ | PROT.WRITE);
    expect(sizes(m)).toEqual([2, 2, 2]);
  });
});

describe("anon_vma", () => {
  test("of two neighbours, each their own, keeps a mapping between them from joining both", () => {
    expect(`${strip("AA..AA").write("^...^.").mmap("..AA..")}`).toBe("AAAA|AA");
  });

  test("passes to a merged mapping from the part that has one", () => {
    for (const written of ["^.....", "....^."]) {
      const merged = strip("AA..AA").write(written).mmap("..AA..");
      expect(`${merged}`).toBe("AAAAAA");
      expect(merged.vma(0).anonVma).not.toBe(0);
    }
  });
});

describe("mremap", () => {
  test("that grows up to a neighbour joins it", () => {
    expect(`${strip("AA..AA").mremap("xx....", "xxxx..", 0)}`).toBe("AAAAAA");
  });

  test("that moves untouched memory beside a neighbour joins it", () => {
    const fixed = MREMAP.MAYMOVE | MREMAP.FIXED;
    expect(`${strip("AA...A").mremap(".....x", "..x...", fixed)}`).toBe("AAA...");
  });

  test("that moves written memory leaves it apart, for its offset is of the old place", () => {
    const fixed = MREMAP.MAYMOVE | MREMAP.FIXED;
    expect(`${strip("AA...A").write(".....^").mremap(".....x", "..x...", fixed)}`).toBe("AA|A...");
  });
});

describe("brk", () => {
  test("only ever joins the mapping below, and never reaches the one above", () => {
    const m = new Machine();
    m.ask({ call: "layout", mmapBase: 0x70000 as Vpn, brk: HERE });
    m.ask(flagged(2 * P, 0x10, HERE + 4 * P));
    m.ask({ call: "brk", addr: HERE + P });
    m.ask({ call: "brk", addr: HERE + 3 * P });
    expect(sizes(m)).toEqual([3, 2]);
    m.ask({ call: "brk", addr: HERE + 4 * P });
    expect(sizes(m)).toEqual([3, 2]);
  });
});
