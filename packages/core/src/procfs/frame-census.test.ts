import { type Asking, askings, FILES, FIRST, PAGE_MACHINE, PageMachine, PREPARED } from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pid } from "../base/index.ts";
import { execute, initialState, type KernelState, type Profile, Transaction } from "../kernel/index.ts";
import { MADV, MAP } from "../mm/index.ts";
import { buddyinfo } from "./buddyinfo.ts";
import { frameFacts } from "./frame.ts";
import { type FrameCensus, frameCensus } from "./frame-census.ts";
import { mappersOf, tableIn } from "./rmap.ts";

const HERE = 0x20000;
const PAGE = 4096;
const CHILD = pid(2);

/** Few frames, so that each can be looked at; some swap and huge pages. */
const SMALL: Profile = {
  ...PAGE_MACHINE,
  pages: { ...PAGE_MACHINE.pages, frames: 3 * 2 ** 11 },
  sysctl: { ...PAGE_MACHINE.sysctl, swapPages: 32, hugePages: 1 },
};

function run(asked: readonly Asking[]): KernelState {
  const first = { call: "adopt", comm: "t", tgid: FIRST } as const;
  let state = initialState(SMALL);
  for (const { tid, request } of [
    ...[first, ...PREPARED, ...FILES].map((r) => ({ tid: FIRST, request: r })),
    ...asked,
  ]) {
    const tx = new Transaction(state);
    execute(tx, { tid, request, outcome: { ret: 0 } });
    state = tx.commit(state.seq + 1);
  }
  return state;
}

function counted(state: KernelState): FrameCensus {
  const census = frameCensus(state);
  if (!census) throw new Error("pages are modelled");
  return census;
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0);

describe("whatever processes do", () => {
  test("the uses of frames sum up to all frames, and say what each frame by itself says", () => {
    fc.assert(
      fc.property(askings(30), (asked) => {
        const state = run(asked);
        const { uses, frames, cache, tables, zones } = counted(state);
        expect(sum(Object.values(uses))).toBe(frames);
        expect(sum(Object.values(tables))).toBe(uses["page tables"]);
        expect(sum(cache.map(({ pages }) => pages))).toBe(uses["page cache"] + uses.shmem);
        expect(sum(zones.map(({ free }) => free))).toBe(uses.free);
        for (const { blocks, free } of zones)
          expect(sum(blocks.map((n, order) => n * 2 ** order))).toBe(free);
        const one = new Map<string, number>();
        for (let pfn = 0; pfn < frames; pfn++) {
          const use = state.memory && frameFacts(state.memory, pfn)?.use;
          if (use) one.set(use, (one.get(use) ?? 0) + 1);
        }
        expect(Object.fromEntries(one)).toEqual(
          Object.fromEntries(Object.entries(uses).filter(([, n]) => n > 0)),
        );
      }),
      { numRuns: 40 },
    );
  });

  test("the entries that map a frame are as many as it counts, and a table's frame is found in its tree", () => {
    fc.assert(
      fc.property(askings(30), (asked) => {
        const state = run(asked);
        const { phys } = state.memory ?? {};
        phys?.frames.forEachChunk((first, words) => {
          for (let n = 0; n < words.length / phys.frames.stride; n++) {
            const facts = state.memory && frameFacts(state.memory, first + n);
            if (!facts || facts.use === "reserved" || facts.use === "free") continue;
            expect(mappersOf(state, first + n)).toHaveLength(facts.mapcount);
            expect(tableIn(state, first + n) !== undefined).toBe(facts.use === "page tables");
          }
        });
      }),
      { numRuns: 15 },
    );
  });
});

describe("a frame", () => {
  test("is found in every address space that maps it, wherever that is", () => {
    const m = new PageMachine();
    m.map(HERE, 4);
    m.touch("write", HERE + 1);
    m.fork(CHILD);
    m.ask(
      {
        call: "mremap",
        addr: HERE * PAGE,
        oldLength: 4 * PAGE,
        newLength: 4 * PAGE,
        flags: 3,
        newAddr: 0x30000 * PAGE,
      },
      CHILD,
    );
    const found = mappersOf(m.state, 0x1003);
    expect(found.map(({ pids, page, span }) => [pids, page, span])).toEqual([
      [[FIRST], HERE + 1, 1],
      [[CHILD], 0x30001, 1],
    ]);
    expect(m.state.memory && frameFacts(m.state.memory, 0x1003)).toEqual({
      pfn: 0x1003,
      zone: "DMA32",
      use: "anonymous",
      refcount: 2,
      mapcount: 2,
      flags: ["uptodate", "swapbacked"],
      mapping: { kind: "anon", anonVma: 1 },
      index: HERE + 1,
      block: undefined,
      slot: undefined,
    });
  });

  test("of a huge page is mapped by the entry of its head, and has the head's flags", () => {
    const m = new PageMachine();
    m.map(HERE, 512);
    m.ask({ call: "madvise", addr: HERE * PAGE, length: 512 * PAGE, advice: MADV.HUGEPAGE });
    m.touch("write", HERE);
    const head = 4096 + 512;
    expect(mappersOf(m.state, head + 5)).toEqual([
      { mm: m.mm().id, pids: [FIRST], page: HERE + 5, span: 512 },
    ]);
    expect(counted(m.state).uses).toMatchObject({ anonymous: 0, "anonymous huge": 512 });
    expect(m.state.memory && frameFacts(m.state.memory, head + 5)).toMatchObject({
      use: "anonymous huge",
      flags: ["uptodate", "head", "swapbacked", "anon_exclusive"],
      index: HERE + 5,
      block: { first: head, order: 9 },
    });
  });

  test("of a table is known by its level and range, and a deposited one as waiting", () => {
    const m = new PageMachine();
    m.map(HERE, 512);
    m.ask({ call: "madvise", addr: HERE * PAGE, length: 512 * PAGE, advice: MADV.HUGEPAGE });
    m.touch("write", HERE);
    const places = Array.from({ length: 8 }, (_, i) => tableIn(m.state, 4096 + i)).filter((place) => place);
    expect(places.map((place) => [place?.level, place?.start, place?.deposited])).toEqual([
      ["pgd", 0, false],
      ["pud", 0, false],
      ["pmd", 0, false],
      ["pte", HERE, true],
    ]);
  });

  test("beyond the machine's memory is none", () => {
    const { memory } = new PageMachine().state;
    expect(memory && frameFacts(memory, 2 ** 16)).toBeUndefined();
  });
});

describe("the page cache", () => {
  test("is told file by file: pages, dirty ones, mapped ones", () => {
    const m = new PageMachine();
    const file = {
      id: 1 as never,
      path: "/f",
      kind: "disk",
      readable: true,
      writable: true,
      deleted: false,
    } as const;
    m.ask({ call: "file", file });
    m.ask({ call: "cached", file: 1, start: 0, end: 3, dirty: 1 });
    m.map(HERE, 1, { flags: MAP.SHARED, file: 1 });
    m.touch("read", HERE);
    expect(counted(m.state).cache).toEqual([{ file: 1, name: "/f", pages: 3, dirty: 3, mapped: 1 }]);
  });
});

describe("/proc/buddyinfo", () => {
  test("has a line for each zone, and in it the free blocks of each order", () => {
    // The first frame of the block of 1,024 at 4096 is the PGD; its halves stand in the lists, one of each order.
    expect(buddyinfo(new PageMachine().state).split("\n")).toEqual([
      "Node 0, zone      DMA      0      0      0      0      0      0      0      0      0      0      3 ",
      "Node 0, zone    DMA32      1      1      1      1      1      1      1      1      1      1     59 ",
      "",
    ]);
  });
});
