import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FRAME, PG } from "./page-flags.ts";
import { PhysMemory, ZERO_PFN } from "./phys-memory.ts";
import { MAX_ORDER_PAGES, minFreePages, ORDERS, zonesOf } from "./zone.ts";

const FRAMES = 2 ** 15;
const boot = (): PhysMemory => PhysMemory.boot(FRAMES, 64);

/** Free blocks of every order, and what the zones' own counts say; untouched blocks are one by one. */
function freeBlocks(memory: PhysMemory): Map<number, number> {
  const free = new Map<number, number>();
  for (const zone of memory.zones) {
    for (let order = 0; order < ORDERS; order++)
      for (const pfn of memory.listed(zone, order)) free.set(pfn, order);
    for (let pfn = zone.untouched; pfn < zone.end; pfn += MAX_ORDER_PAGES) free.set(pfn, ORDERS - 1);
  }
  return free;
}

describe("zones", () => {
  test("of a 64-bit machine end at 16 MiB and 4 GiB", () => {
    expect(zonesOf(2 ** 21, 64)).toEqual([
      { name: "DMA", start: 0, end: 4096 },
      { name: "DMA32", start: 4096, end: 2 ** 20 },
      { name: "Normal", start: 2 ** 20, end: 2 ** 21 },
    ]);
  });

  test("of a 32-bit machine end at 16 and 896 MiB", () => {
    expect(zonesOf(2 ** 20, 32).map((z) => [z.name, z.end])).toEqual([
      ["DMA", 4096],
      ["Normal", 229_376],
      ["HighMem", 2 ** 20],
    ]);
  });

  test("keep the square root of sixteen times the memory back, within bounds", () => {
    expect([minFreePages(2 ** 20), minFreePages(1), minFreePages(2 ** 40)]).toEqual([2048, 32, 65_536]);
  });
});

describe("the buddy allocator", () => {
  test("hands out blocks that are aligned, disjoint and free no more, and takes them back whole", () => {
    const orders = fc.array(fc.nat(10), { maxLength: 40 });
    fc.assert(
      fc.property(orders, fc.infiniteStream(fc.nat(100)), (wanted, choice) => {
        const memory = boot();
        const before = freeBlocks(memory);
        const held = new Map<number, number>();
        for (const order of wanted) {
          const pfn = memory.alloc(order, "user");
          if (pfn === undefined) continue;
          expect(pfn % 2 ** order).toBe(0);
          for (const [other, size] of held)
            expect(pfn + 2 ** order <= other || other + 2 ** size <= pfn).toBe(true);
          held.set(pfn, order);
          const pages = [...held.values()].reduce((n, o) => n + 2 ** o, 0);
          const total = [...before.values()].reduce((n, o) => n + 2 ** o, 0);
          expect(memory.freePages + pages).toBe(total);
          expect([...freeBlocks(memory).values()].reduce((n, o) => n + 2 ** o, 0)).toBe(memory.freePages);
        }
        while (held.size > 0) {
          const n = (choice.next().value ?? 0) % held.size;
          const [pfn, order] = [...held][n] ?? [0, 0];
          held.delete(pfn);
          memory.free(pfn, order);
        }
        // Everything that was split has been joined again.
        expect(freeBlocks(memory)).toEqual(before);
        for (const zone of memory.zones)
          expect(zone.blocks.slice(0, -1)).toEqual(new Array<number>(ORDERS - 1).fill(0));
      }),
      { numRuns: 60 },
    );
  });

  test("splits the smallest block that is large enough, and gives its lower half", () => {
    const memory = boot();
    const first = memory.alloc(0, "user") ?? 0;
    expect(first % MAX_ORDER_PAGES).toBe(0);
    expect(memory.alloc(0, "user")).toBe(first + 1);
    expect(memory.alloc(1, "user")).toBe(first + 2);
    expect(memory.alloc(3, "user")).toBe(first + 8);
    expect(memory.alloc(0, "user")).toBe(first + 4);
  });

  test("takes from the highest zone, and goes lower when that is short", () => {
    const memory = PhysMemory.boot(8192, 64);
    const found = new Set<string>();
    for (let pfn = memory.alloc(10, "user"); pfn !== undefined; pfn = memory.alloc(10, "user"))
      found.add(pfn < 4096 ? "DMA" : "DMA32");
    expect([...found]).toEqual(["DMA32", "DMA"]);
  });

  test("keeps high memory from the kernel itself", () => {
    const memory = PhysMemory.boot(2 ** 20, 32);
    expect(memory.alloc(0, "user")).toBeGreaterThanOrEqual(229_376);
    expect(memory.alloc(0, "kernel")).toBeLessThan(229_376);
  });

  test("leaves the reserve below the watermark to the kernel", () => {
    const memory = PhysMemory.boot(8192, 64);
    while (memory.alloc(0, "user") !== undefined);
    const left = memory.freePages;
    expect(left).toBeGreaterThan(0);
    expect(memory.alloc(0, "user")).toBeUndefined();
    expect(memory.alloc(0, "kernel")).toBeDefined();
    expect(memory.freePages).toBe(left - 1);
  });

  test("is not changed through a clone", () => {
    const memory = boot();
    const pfn = memory.alloc(4, "user") ?? 0;
    const copy = memory.clone();
    const was = freeBlocks(memory);
    copy.free(pfn, 4);
    copy.alloc(10, "user");
    expect(freeBlocks(memory)).toEqual(was);
    expect(memory.get(pfn, FRAME.REFCOUNT)).toBe(1);
  });
});

describe("a frame", () => {
  test("comes with one reference and the flags that were asked for, and forgets them when it goes", () => {
    const memory = boot();
    const pfn = memory.alloc(0, "user", PG.ANON | PG.UPTODATE) ?? 0;
    expect([memory.get(pfn, FRAME.REFCOUNT), memory.has(pfn, PG.ANON), memory.has(pfn, PG.DIRTY)]).toEqual([
      1,
      true,
      false,
    ]);
    memory.assign(pfn, 7, 2 ** 40 + 3);
    expect([memory.get(pfn, FRAME.MAPPING), memory.index(pfn)]).toEqual([7, 2 ** 40 + 3]);
    memory.hold(pfn);
    memory.put(pfn);
    expect(memory.get(pfn, FRAME.REFCOUNT)).toBe(1);
    memory.setContent(pfn, new Uint8Array(4096));
    memory.put(pfn);
    const again = memory.alloc(0, "user") ?? 0;
    expect(again).toBe(pfn);
    expect([memory.has(again, PG.ANON), memory.index(again), memory.content(again)]).toEqual([
      false,
      0,
      undefined,
    ]);
  });

  test("that holds nothing may not lose a reference", () => {
    const memory = boot();
    expect(() => memory.add(5000, FRAME.REFCOUNT, -1)).toThrow("frame 5000 counts below zero");
  });

  test("of zeros is never given out", () => {
    const memory = boot();
    expect(memory.has(ZERO_PFN, PG.RESERVED)).toBe(true);
    for (let pfn = memory.alloc(0, "kernel"); pfn !== undefined; pfn = memory.alloc(0, "kernel"))
      expect(pfn).toBeGreaterThanOrEqual(MAX_ORDER_PAGES);
  });
});

describe("a huge page", () => {
  test("is held and freed as one, and counts what maps any page of it", () => {
    const memory = boot();
    const head = memory.alloc(9, "user", PG.ANON) ?? 0;
    memory.makeCompound(head, 9);
    expect([memory.head(head), memory.head(head + 511), memory.has(head + 3, PG.ANON)]).toEqual([
      head,
      head,
      true,
    ]);
    memory.add(head, FRAME.ENTIRE, 1);
    memory.add(head + 3, FRAME.MAPCOUNT, 2);
    expect([memory.mapcount(head), memory.mapcount(head + 3), memory.mapcount(head + 4)]).toEqual([1, 3, 1]);
    memory.hold(head + 9);
    expect(memory.get(head, FRAME.REFCOUNT)).toBe(2);
    const free = memory.freePages;
    memory.put(head + 1);
    memory.put(head + 2);
    expect(memory.freePages).toBe(free + 512);
  });
});
