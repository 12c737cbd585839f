import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { small } from "../testing/tlb-machine.ts";
import { Tlb, type TlbShape } from "./tlb.ts";

const G = 0x107;
const fullyAssociative = (entries: number, replacement: TlbShape["replacement"] = "lru"): Tlb =>
  Tlb.empty({ entries, ways: entries, replacement });

/** The pages that a cache holds, in the order in which they would go. */
const pages = (tlb: Tlb): readonly number[] => [...tlb.entries()].map(({ vpn }) => vpn);

describe("a translation cache", () => {
  test("answers what was filled, in the address space in which it was filled", () => {
    const tlb = fullyAssociative(4);
    tlb.fill(1, small(7, 70));
    expect(tlb.lookup(1, 7)).toMatchObject({ vpn: 7, asid: 1 });
    expect(tlb.lookup(2, 7)).toBeUndefined();
    expect(tlb.lookup(1, 8)).toBeUndefined();
  });

  test("answers a global translation in every address space", () => {
    const tlb = fullyAssociative(4);
    tlb.fill(1, small(7, 70, G));
    expect(tlb.lookup(2, 7)).toMatchObject({ vpn: 7, global: true });
    tlb.flushAsid(1);
    tlb.flushNonGlobal();
    expect(tlb.size).toBe(1);
  });

  test("answers a large entry for each of its pages", () => {
    const tlb = fullyAssociative(4);
    tlb.fill(0, { vpn: 1024, pages: 512, lo: 0x87, hi: 0 });
    expect(tlb.lookup(0, 1024)).toBe(tlb.lookup(0, 1535));
    expect(tlb.lookup(0, 1536)).toBeUndefined();
    expect(tlb.flushPage(0, 1300)).toBe(1);
    expect(tlb.size).toBe(0);
  });

  test("a second fill of a page replaces the first, and nothing else", () => {
    const tlb = fullyAssociative(2);
    tlb.fill(0, small(1, 10));
    tlb.fill(0, small(2, 20));
    expect(tlb.fill(0, small(1, 11))).toBeUndefined();
    expect(tlb.peek(0, 1)?.lo).toBe(small(1, 11).lo);
    expect(tlb.size).toBe(2);
  });

  test.each([
    ["lru" as const, "the one unused for longest", 2],
    ["fifo" as const, "the oldest, used or not", 1],
  ])("under %s gives up %s", (replacement, _, gone) => {
    const tlb = fullyAssociative(2, replacement);
    tlb.fill(0, small(1, 10));
    tlb.fill(0, small(2, 20));
    tlb.lookup(0, 1);
    expect(tlb.fill(0, small(3, 30))?.vpn).toBe(gone);
  });

  test("a look that is no use does not save an entry", () => {
    const tlb = fullyAssociative(2);
    tlb.fill(0, small(1, 10));
    tlb.fill(0, small(2, 20));
    tlb.peek(0, 1);
    expect(tlb.fill(0, small(3, 30))?.vpn).toBe(1);
  });

  test("draws the same victims from the same seed, and others from another", () => {
    const victims = (seed: number): string => {
      const tlb = fullyAssociative(8, { seed });
      return Array.from({ length: 60 }, (_, vpn) => tlb.fill(0, small(vpn, vpn))?.vpn ?? "-").join(" ");
    };
    expect(victims(1)).toBe(victims(1));
    expect(victims(1)).not.toBe(victims(2));
  });

  test("pages of one set push one another out while other sets are empty", () => {
    const tlb = Tlb.empty({ entries: 8, ways: 2, replacement: "lru" });
    for (const vpn of [0, 4, 8]) tlb.fill(0, small(vpn, vpn));
    expect(pages(tlb)).toEqual([4, 8]);
  });

  test.each([
    ["one page of one address space", (t: Tlb) => t.flushPage(1, 2), "1:1 2:2 2:3"],
    ["a range", (t: Tlb) => t.flushRange(1, 0, 3), "2:2 2:3"],
    ["a range longer than the cache", (t: Tlb) => t.flushRange(2, 0, 1000), "1:1 1:2"],
    ["an address space", (t: Tlb) => t.flushAsid(2), "1:1 1:2"],
    ["everything", (t: Tlb) => t.flushAll(), ""],
  ])("a flush of %s leaves the rest", (_, flush, left) => {
    const tlb = fullyAssociative(8);
    tlb.fill(1, small(1, 1));
    tlb.fill(1, small(2, 2));
    tlb.fill(2, small(2, 3));
    tlb.fill(2, small(3, 4));
    expect(flush(tlb)).toBe(4 - left.split(" ").filter(Boolean).length);
    expect([...tlb.entries()].map(({ asid, vpn }) => `${asid}:${vpn}`).join(" ")).toBe(left);
  });
});

const shapes: fc.Arbitrary<TlbShape> = fc.record({
  entries: fc.constant(8),
  ways: fc.constantFrom(1, 2, 4, 8),
  replacement: fc.oneof(fc.constantFrom("lru" as const, "fifo" as const), fc.record({ seed: fc.nat() })),
});

/** One thing done to a cache, and to the naive map beside it. */
type Op = readonly ["fill" | "large" | "use" | "page" | "asid" | "clone" | "global", number, number];

const ops: fc.Arbitrary<readonly Op[]> = fc.array(
  fc.tuple(
    fc.constantFrom("fill", "fill", "fill", "large", "use", "page", "asid", "clone", "global"),
    fc.nat(3),
    fc.nat(20),
  ) as fc.Arbitrary<Op>,
  { maxLength: 80, size: "max" },
);

describe("beside a plain map without bounds, a cache", () => {
  test("never answers what the map would not, and never holds more than it may", () => {
    fc.assert(
      fc.property(shapes, ops, (shape, list) => {
        let tlb = Tlb.empty(shape);
        const map = new Map<string, number>();
        for (const [index, [op, asid, vpn]] of list.entries()) {
          if (op === "fill") {
            tlb.fill(asid, small(vpn, index));
            map.set(`${asid}:${vpn}`, small(vpn, index).lo);
          } else if (op === "use") {
            const found = tlb.lookup(asid, vpn);
            if (found) expect(found.lo).toBe(map.get(`${asid}:${vpn}`));
          } else if (op === "page") {
            tlb.flushPage(asid, vpn);
            map.delete(`${asid}:${vpn}`);
            expect(tlb.peek(asid, vpn)).toBeUndefined();
          } else if (op === "asid") {
            tlb.flushAsid(asid);
            for (const key of map.keys()) if (key.startsWith(`${asid}:`)) map.delete(key);
          } else if (op === "clone") tlb = tlb.clone();
          expect(tlb.size).toBeLessThanOrEqual(shape.entries);
          expect([...tlb.entries()]).toHaveLength(tlb.size);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("is not changed by what is done to its clone, and its clone goes on as it would have", () => {
    fc.assert(
      fc.property(shapes, ops, ops, (shape, before, after) => {
        const apply = (tlb: Tlb, list: readonly Op[]): Tlb => {
          for (const [op, asid, vpn] of list) {
            if (op === "fill") tlb.fill(asid, small(vpn, vpn));
            if (op === "global") tlb.fill(asid, small(vpn, vpn, G));
            if (op === "large") tlb.fill(asid, { vpn: vpn * 512, pages: 512, lo: 0x87, hi: 0 });
            if (op === "use") tlb.lookup(asid, vpn);
            if (op === "page") tlb.flushPage(asid, vpn);
            if (op === "asid") tlb.flushAsid(asid);
          }
          return tlb;
        };
        const first = apply(Tlb.empty(shape), before);
        const was = first.text();
        const second = apply(first.clone(), after);
        expect(first.text()).toBe(was);
        const went = second.text();
        expect(apply(first, after).text()).toBe(went);
        apply(first, before);
        expect(second.text()).toBe(went);
      }),
      { numRuns: 300 },
    );
  });
});
