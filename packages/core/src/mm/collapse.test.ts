import { PageMachine, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { pid } from "../base/index.ts";
import { MADV, PROT } from "./mman.ts";

const HERE = 0x20000;
const bytes = (pages: number): number => pages * 4096;

const collapse = (m: PageMachine, page: number, count: number): string =>
  told(m.ask({ call: "madvise", addr: bytes(page), length: bytes(count), advice: MADV.COLLAPSE }));

const advise = (m: PageMachine, page: number, count: number, advice: number): string =>
  told(m.ask({ call: "madvise", addr: bytes(page), length: bytes(count), advice }));

const block = (blocks = 1): PageMachine => {
  const m = new PageMachine();
  m.map(HERE, 512 * blocks);
  return m;
};

describe("MADV_COLLAPSE, each case as the running kernel was seen to answer", () => {
  test("makes a huge page of one small page, the rest zeros", () => {
    const m = block();
    m.touch("write", HERE + 5);
    expect([collapse(m, HERE, 512), m.counts().anon, m.counts().tables]).toEqual(["0", 512, 3]);
  });

  test.each([
    ["of which nothing was touched", (_: PageMachine) => undefined],
    ["of which only zeros were read", (m: PageMachine) => m.touch("read", HERE + 1)],
    [
      "with a guard region inside",
      (m: PageMachine) => [m.touch("write", HERE), advise(m, HERE + 2, 1, MADV.GUARD_INSTALL)],
    ],
    [
      "that asked for small pages",
      (m: PageMachine) => [m.touch("write", HERE), advise(m, HERE, 512, MADV.NOHUGEPAGE)],
    ],
  ])("refuses a block %s", (_, prepare) => {
    const m = block();
    prepare(m);
    const before = m.counts().anon;
    expect([collapse(m, HERE, 512), m.counts().anon]).toEqual(["EINVAL", before]);
  });

  test("does what it can, and refuses for the rest", () => {
    const m = block(2);
    m.touch("write", HERE);
    expect([collapse(m, HERE, 1024), m.counts().anon]).toEqual(["EINVAL", 512]);
    m.touch("write", HERE + 512);
    expect([collapse(m, HERE, 1024), m.counts().anon]).toEqual(["0", 1024]);
  });

  test("works on memory that can only be read now, and leaves it so", () => {
    const m = block();
    m.touch("write", HERE);
    m.ask({ call: "mprotect", addr: bytes(HERE), length: bytes(512), prot: PROT.READ });
    expect(collapse(m, HERE, 512)).toBe("0");
    expect(m.touch("write", HERE)).toBe("SIGSEGV SEGV_ACCERR");
    expect(m.touch("read", HERE + 1)).toBe("ok");
  });

  test("takes pages that a child shares too: the child keeps the small ones", () => {
    const m = block();
    m.touch("write", HERE);
    m.fork(pid(2));
    expect([collapse(m, HERE, 512), m.counts().anon, m.counts(pid(2)).anon]).toEqual(["0", 512, 1]);
  });

  test("has nothing to do in a range without a whole block, if the mapping has one", () => {
    const m = block();
    m.touch("write", HERE);
    expect([collapse(m, HERE, 511), m.counts().anon]).toEqual(["0", 1]);
    m.map(HERE + 2048, 511);
    expect(collapse(m, HERE + 2048, 511)).toBe("EINVAL");
  });

  test("finds a block done that is huge already", () => {
    const m = block();
    advise(m, HERE, 512, MADV.HUGEPAGE);
    m.touch("write", HERE);
    expect([collapse(m, HERE, 512), m.counts().anon]).toEqual(["0", 512]);
  });
});
