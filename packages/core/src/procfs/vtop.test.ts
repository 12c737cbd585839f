import { FIRST, PAGE_MACHINE, PageMachine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import type { PagingMode } from "../arch/index.ts";
import { pid } from "../base/index.ts";
import type { Profile } from "../kernel/index.ts";
import { MADV, MAP } from "../mm/index.ts";
import { kernelAddress, type Vtop, vtop } from "./vtop.ts";

/** 0x20000000: entry 0 of PGD and PUD, 256 of the PMD, 0 of the PTE table. */
const HERE = 0x20000;
const CHILD = pid(2);

const paged = (paging: PagingMode["name"], more: Partial<Profile> = {}): Profile => ({
  ...PAGE_MACHINE,
  ...more,
  pages: { ...PAGE_MACHINE.pages, paging },
});

function translate(m: PageMachine, page: number, tid = FIRST): Vtop {
  const found = vtop(m.state, m.mm(tid), page * 4096 + 0x123);
  if (!found) throw new Error("pages are modelled");
  return found;
}

/** `pgd 1000[0] 1002067`, every number hex but the index. */
const steps = (found: Vtop): readonly string[] =>
  found.steps.map(({ level, table, index, lo, hi }) => {
    const entry = (BigInt(hi) << 32n) | BigInt(lo);
    return `${level} ${table.toString(16)}[${index}] ${entry.toString(16)}`;
  });

/*
 * The small machine's first free frame is 4096: the PGD has it. The first write asks for the tables that are
 * missing and for the page: PUD and PMD first, the page before the lowest table.
 */
describe("a walk", () => {
  test("has the table, the index and the entry of each of four levels", () => {
    const m = new PageMachine();
    m.map(HERE, 4);
    m.touch("write", HERE);
    const found = translate(m, HERE);
    expect(steps(found)).toEqual([
      "pgd 1000000[0] 1001067",
      "pud 1001000[0] 1002067",
      "pmd 1002000[256] 1004067",
      "pte 1004000[0] 8000000001003067",
    ]);
    expect(found.end).toEqual({ kind: "page", pfn: 0x1003, span: 1, special: false });
    expect([found.physical, found.vma?.start]).toEqual([0x1003123, HERE]);
    expect(found.steps.map(({ at }) => at)).toEqual([0x1000000, 0x1001000, 0x1002800, 0x1004000]);
  });

  test("has one level more where addresses have 57 bits", () => {
    const m = new PageMachine(paged("5-level", { layout: "x86-64-5level" }));
    m.map(HERE, 1);
    m.touch("write", HERE);
    expect(translate(m, HERE).steps.map(({ level, index }) => `${level} ${index}`)).toEqual([
      "pgd 0",
      "p4d 0",
      "pud 0",
      "pmd 256",
      "pte 0",
    ]);
  });

  test("reads entries of four bytes in the two levels of the 80386, without NX", () => {
    const m = new PageMachine(paged("2-level", { layout: "i386" }));
    m.map(HERE, 1);
    m.touch("write", HERE);
    const found = translate(m, HERE);
    expect(found.steps.map(({ level, index, at, table }) => [level, index, at - table])).toEqual([
      ["pgd", 128, 512],
      ["pte", 0, 0],
    ]);
    expect(found.steps.at(-1)).toMatchObject({
      lo: (found.end.kind === "page" ? found.end.pfn : 0) * 4096 + 0x67,
      hi: 0,
    });
  });

  test("names what an empty entry leaves out: a page, or a table", () => {
    const m = new PageMachine();
    m.map(HERE, 4);
    m.touch("write", HERE);
    expect(translate(m, HERE + 1).end).toEqual({ kind: "none" });
    expect(translate(m, HERE + 512).end).toEqual({ kind: "no table", missing: "pte" });
    expect(translate(m, HERE + 2 ** 18).end).toEqual({ kind: "no table", missing: "pmd" });
    expect(translate(m, HERE + 2 ** 27).end).toEqual({ kind: "no table", missing: "pud" });
    expect([translate(m, HERE + 1).physical, translate(m, HERE + 512).vma]).toEqual([undefined, undefined]);
  });

  test("ends at a huge page above the lowest level, and counts pages within it", () => {
    const m = new PageMachine();
    m.map(HERE, 512);
    m.ask({ call: "madvise", addr: HERE * 4096, length: 512 * 4096, advice: MADV.HUGEPAGE });
    m.touch("write", HERE + 7);
    const found = translate(m, HERE + 7);
    expect(found.steps.at(-1)).toMatchObject({ level: "pmd", depth: 1, index: 256, hi: 0x80000000 });
    const { end } = found;
    if (end.kind !== "page") throw new Error("a page");
    expect([end.span, end.pfn % 512]).toEqual([512, 7]);
    expect((found.steps.at(-1)?.lo ?? 0) & 0xfff).toBe(0xe7);
    expect(found.physical).toBe(end.pfn * 4096 + 0x123);
  });

  test("finds the page of zeros, which nobody counts", () => {
    const m = new PageMachine();
    m.map(HERE, 1);
    m.touch("read", HERE);
    expect(translate(m, HERE).end).toEqual({ kind: "page", pfn: 1, span: 1, special: true });
    expect(steps(translate(m, HERE)).at(-1)).toBe("pte 1003000[0] 8000000000001225");
  });

  test("undoes the inversion of a frame that is mapped without any access", () => {
    const m = new PageMachine();
    m.map(HERE, 1);
    m.touch("write", HERE);
    m.ask({ call: "mprotect", addr: HERE * 4096, length: 4096, prot: 0 });
    // Frame 0x1003 inverted in bits 12 to 51; dirtiness in bit 58, because the entry cannot be written through.
    expect(steps(translate(m, HERE)).at(-1)).toBe("pte 1004000[0] 40ffffffeffc120");
    expect(translate(m, HERE).physical).toBe(0x1003123);
  });

  test("finds guard regions and pages in swap, with who else names the slot and the frame that has it too", () => {
    const m = new PageMachine({ ...PAGE_MACHINE, sysctl: { ...PAGE_MACHINE.sysctl, swapPages: 8 } });
    m.map(HERE, 4);
    m.touch("write", HERE);
    m.ask({ call: "madvise", addr: HERE * 4096, length: 4096, advice: MADV.PAGEOUT });
    m.ask({ call: "madvise", addr: (HERE + 1) * 4096, length: 4096, advice: MADV.GUARD_INSTALL });
    expect(translate(m, HERE + 1).end).toEqual({ kind: "guard" });
    const swapped = { kind: "swap", area: 0, slot: 1 } as const;
    expect(translate(m, HERE).end).toEqual({ ...swapped, exclusive: true, users: 1, cached: undefined });
    m.fork(CHILD);
    expect(translate(m, HERE, CHILD).end).toMatchObject({ ...swapped, exclusive: false, users: 2 });
    m.touch("read", HERE);
    const page = translate(m, HERE).end;
    expect(translate(m, HERE, CHILD).end).toMatchObject({
      ...swapped,
      users: 1,
      cached: page.kind === "page" ? page.pfn : "a page",
    });
  });

  test("is not taken where pages are not modelled", () => {
    const { pages, ...mm } = new PageMachine().mm();
    expect(vtop(new PageMachine().state, mm, 0)).toBeUndefined();
  });
});

describe("shared memory of a file", () => {
  test("that keeps track of writes is mapped read-only until it is written to", () => {
    const m = new PageMachine();
    const file = {
      id: 1 as never,
      path: "/f",
      kind: "disk",
      readable: true,
      writable: true,
      deleted: false,
      size: 4096,
    } as const;
    m.ask({ call: "file", file });
    m.map(HERE, 1, { flags: MAP.SHARED, file: 1 });
    m.touch("read", HERE);
    expect((translate(m, HERE).steps.at(-1)?.lo ?? 0) & 0xfff).toBe(0x25);
    m.touch("write", HERE);
    expect((translate(m, HERE).steps.at(-1)?.lo ?? 0) & 0xfff).toBe(0x67);
  });
});

describe("a kernel address", () => {
  const find = (address: bigint) => kernelAddress(PAGE_MACHINE, address);

  test("of the direct map is the physical one, as far as there is memory", () => {
    expect(find(0xffff888001234567n)).toMatchObject({ region: "direct map", physical: 0x1234567 });
    expect(find(0xffff88800fffffffn)?.physical).toBe(0xfffffff);
    expect(find(0xffff888010000000n)?.physical).toBeUndefined();
  });

  test("of any other region is known by the region alone", () => {
    expect(find(0xffffc90000001000n)).toMatchObject({ region: "vmalloc", physical: undefined });
    expect(find(0x800000000000n)).toBeUndefined();
  });

  test("of the other layouts lies in their own halves", () => {
    const of = (layout: "i386" | "x86-64-5level", address: bigint) =>
      kernelAddress({ ...PAGE_MACHINE, layout }, address);
    expect(of("i386", 0xc0001000n)).toMatchObject({ physical: 0x1000 });
    expect(of("x86-64-5level", 0xff11000000002000n)).toMatchObject({ physical: 0x2000 });
  });
});
