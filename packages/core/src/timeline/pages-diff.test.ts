import { PAGE_MACHINE, PageMachine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { pid } from "../base/index.ts";
import { MADV, type MmPages, PROT } from "../mm/index.ts";
import { diffPages } from "./pages-diff.ts";

const HERE = 0x20000;
const bytes = (page: number): number => page * 4096;

/** Changes as `kind from-to`, counted in pages from HERE. */
const told = (before: MmPages | undefined, after: MmPages | undefined): readonly string[] =>
  diffPages(before, after).map(({ kind, start, end }) => `${kind} ${start - HERE}-${end - HERE}`);

/** A machine with eight pages, and what an action changes about its pages. */
class Observed extends PageMachine {
  constructor() {
    super({ ...PAGE_MACHINE, sysctl: { ...PAGE_MACHINE.sysctl, swapPages: 8 } });
    this.map(HERE, 8);
  }

  changes(act: () => unknown): readonly string[] {
    const before = this.mm().pages;
    act();
    return told(before, this.mm().pages);
  }

  advise(page: number, count: number, advice: number): void {
    this.ask({ call: "madvise", addr: bytes(HERE + page), length: bytes(count), advice });
  }

  store(page: number): void {
    this.touch("write", HERE + page);
  }
}

describe("what became of pages", () => {
  test("nothing, between a moment and itself", () => {
    const m = new Observed();
    m.store(1);
    expect(m.changes(() => undefined)).toEqual([]);
  });

  test("neighbours of which the same became are told together", () => {
    const m = new Observed();
    const touch = (): void => {
      for (const page of [1, 2, 4]) m.store(page);
    };
    expect(m.changes(touch)).toEqual(["populated 1-3", "populated 4-5"]);
    expect(m.changes(() => m.advise(0, 3, MADV.DONTNEED))).toEqual(["dropped 1-3"]);
  });

  test("a first write replaces the page of zeros", () => {
    const m = new Observed();
    m.touch("read", HERE);
    expect(m.changes(() => m.store(0))).toEqual(["replaced 0-1"]);
  });

  test("fork protects what a copy will replace, or the last user make writable again", () => {
    const m = new Observed();
    m.store(0);
    m.store(1);
    expect(m.changes(() => m.fork(pid(2)))).toEqual(["write-protected 0-2"]);
    expect(m.changes(() => m.store(0))).toEqual(["replaced 0-1"]);
    m.ask({ call: "exit_group", code: 0 }, pid(2));
    expect(m.changes(() => m.store(1))).toEqual(["writable 1-2"]);
  });

  test("swap and guard regions", () => {
    const m = new Observed();
    m.store(0);
    m.store(1);
    expect(m.changes(() => m.advise(0, 1, MADV.PAGEOUT))).toEqual(["swapped out 0-1"]);
    expect(m.changes(() => m.touch("read", HERE))).toEqual(["swapped in 0-1"]);
    expect(m.changes(() => m.advise(1, 2, MADV.GUARD_INSTALL))).toEqual(["guarded 1-3"]);
    expect(m.changes(() => m.advise(1, 2, MADV.GUARD_REMOVE))).toEqual(["unguarded 1-3"]);
  });

  test("a page that is written to again after MADV_FREE", () => {
    const m = new Observed();
    m.store(0);
    expect(m.changes(() => m.advise(0, 1, MADV.FREE))).toEqual(["changed 0-1"]);
    expect(m.changes(() => m.store(0))).toEqual(["dirtied 0-1"]);
  });

  test("a mapping of no access keeps its pages", () => {
    const m = new Observed();
    m.store(0);
    const protect = (prot: number): unknown =>
      m.ask({ call: "mprotect", addr: bytes(HERE), length: bytes(8), prot });
    expect(m.changes(() => protect(0))).toEqual(["write-protected 0-1"]);
    expect(m.changes(() => protect(PROT.READ | PROT.WRITE))).toEqual(["writable 0-1"]);
  });

  test("huge pages, whole and in parts", () => {
    const m = new Observed();
    m.map(HERE, 1024);
    m.advise(0, 1024, MADV.HUGEPAGE);
    expect(m.changes(() => m.store(3))).toEqual(["populated 0-512"]);
    expect(m.changes(() => m.advise(5, 1, MADV.DONTNEED))).toEqual([
      "split 0-5",
      "dropped 5-6",
      "split 6-512",
    ]);
    expect(m.changes(() => m.ask({ call: "munmap", addr: bytes(HERE), length: bytes(1024) }))).toEqual([
      "dropped 0-5",
      "dropped 6-512",
    ]);
  });

  test("an address space that is new, or gone", () => {
    const m = new Observed();
    m.store(0);
    expect(told(undefined, m.mm().pages)).toEqual(["populated 0-1"]);
    expect(told(m.mm().pages, undefined)).toEqual(["dropped 0-1"]);
  });
});
