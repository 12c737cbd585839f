import { describe, expect, test, vi } from "vitest";
import { GapNode, type Span } from "./gap-node.ts";
import { diffTrees, GapTree } from "./gap-tree.ts";

interface Named extends Span {
  readonly name: number;
}

let names = 0;
const named = (start: number, end: number): Named => ({ start, end, name: names++ });

/** Spans of `size` pages, `stride` pages apart. */
const row = (count: number, size: number, stride: number): Named[] =>
  Array.from({ length: count }, (_, i) => named(i * stride, i * stride + size));

/** How often `work` looks at a slot of any node. */
function slotsSeen(work: () => void): number {
  const spies = [vi.spyOn(GapNode.prototype, "start"), vi.spyOn(GapNode.prototype, "end")];
  work();
  const seen = spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
  for (const spy of spies) spy.mockRestore();
  return seen;
}

describe("a gap tree", () => {
  test("holds the page numbers of a 64-bit address space exactly", () => {
    const top = 2 ** 52;
    const tree = GapTree.from([named(1, 2), named(top - 3, top - 1)]);
    expect(tree.highestGap(1, 0, top)).toEqual({ start: top - 1, end: top });
    expect(tree.highestGap(2, 0, top)).toEqual({ start: 2, end: top - 3 });
    expect(tree.findFrom(top - 2)).toMatchObject({ start: top - 3 });
    expect(tree.check()).toEqual([]);
  });

  test("stays well formed while it grows from nothing and shrinks to nothing, from either end and the middle", () => {
    const items = row(2000, 3, 5);
    const upward = items.map((_, i) => i);
    const outward = items.map((_, i) => (i % 2 === 0 ? 1000 + i / 2 : 1000 - (i + 1) / 2));
    for (const order of [upward, upward.toReversed(), outward]) {
      const tree = GapTree.empty<Named>();
      for (const [n, i] of order.entries()) {
        tree.insert(items[i] as Named);
        if (n % 37 === 0) expect(tree.check()).toEqual([]);
      }
      expect(tree.toArray()).toEqual(items);
      for (const [n, i] of order.entries()) {
        tree.remove(5 * i);
        if (n % 37 === 0) expect(tree.check()).toEqual([]);
      }
      expect(tree.size).toBe(0);
      expect(tree.check()).toEqual([]);
    }
  });

  test("takes one splice that empties it and fills it anew", () => {
    const [before, after] = [row(700, 2, 10), row(900, 3, 5)];
    const tree = GapTree.from(before);
    const kept = tree.clone();
    expect(() => tree.splice([...before.slice(1), named(9000, 9001)], after)).toThrow("one after the other");
    tree.splice(before, after);
    expect(tree.toArray()).toEqual(after);
    expect(tree.check()).toEqual([]);
    tree.splice(after, []);
    expect([tree.size, ...tree.check()]).toEqual([0]);
    tree.splice([], before);
    expect(tree.toArray()).toEqual(before);
    expect(tree.check()).toEqual([]);
    expect(kept.toArray()).toEqual(before);
    expect(kept.check()).toEqual([]);
  });

  test("refuses an item that overlaps a neighbour, in the same leaf or the next, and stays as it was", () => {
    const items = row(1000, 5, 10);
    const tree = GapTree.from(items);
    for (const item of items.slice(0, -1)) {
      const tooLong = named(item.end, item.start + 11);
      expect(() => tree.insert(tooLong)).toThrow("overlap");
      expect(() => tree.insert(named(item.start, item.start + 1))).toThrow("overlap");
      expect(() => tree.replaceItem(item, named(item.start, item.start + 11))).toThrow("overlap");
      expect(() => tree.splice([item], [named(item.start, item.start + 11)])).toThrow("overlap");
    }
    for (const item of items.slice(1)) {
      const tooLow = named(item.start - 6, item.end);
      expect(() => tree.replaceItem(item, tooLow)).toThrow("overlap");
    }
    expect(() => tree.insert(named(7, 7))).toThrow("empty");
    expect(tree.toArray()).toEqual(items);
    expect(tree.check()).toEqual([]);
  });

  test("refuses to remove or replace an item that it does not hold", () => {
    const [item, other] = [named(10, 20), named(10, 20)];
    const tree = GapTree.from([item, named(30, 40)]);
    expect(() => tree.remove(11)).toThrow("starts there");
    expect(() => tree.replaceItem(other, item)).toThrow("in the tree");
    expect(() => tree.replaceItem(named(0, 1), item)).toThrow("in the tree");
    expect(() => tree.splice([other], [])).toThrow("in the tree");
    expect(() => GapTree.from([named(5, 9), named(8, 12)])).toThrow("overlap");
  });

  test("clips a gap to the bounds, and passes over one that is too short once clipped", () => {
    const tree = GapTree.from([named(10, 20), named(50, 60), named(63, 70)]);
    expect(tree.highestGap(3, 0, 66)).toEqual({ start: 60, end: 63 });
    expect(tree.highestGap(4, 0, 66)).toEqual({ start: 20, end: 50 });
    expect(tree.highestGap(11, 0, 30)).toBeUndefined();
    expect(tree.highestGap(10, 0, 29)).toEqual({ start: 0, end: 10 });
    expect(tree.highestGap(1, 55, 60)).toBeUndefined();
    expect(tree.lowestGap(4, 47, 66)).toBeUndefined();
    expect(tree.lowestGap(4, 47, 75)).toEqual({ start: 70, end: 75 });
    expect(tree.lowestGap(5, 25, 100)).toEqual({ start: 25, end: 50 });
    expect(tree.lowestGap(1, 30, 30)).toBeUndefined();
  });

  test("compares two trees at the cost of the edits between them", () => {
    const items = row(20_000, 5, 10);
    const before = GapTree.from(items);
    const after = before.clone();
    const changed = named(50_000, 50_003);
    after.replaceItem(items[5000] as Named, changed);
    after.remove(100_000);
    after.insert(named(150_006, 150_008));
    const found: unknown[] = [];
    const seen = slotsSeen(() => diffTrees(before, after, (was, is) => found.push([was, is])));
    expect(seen).toBeLessThan(500);
    expect(found).toEqual([
      [items[5000], changed],
      [items[10_000], undefined],
      [undefined, after.find(150_006)],
    ]);
  });

  test("finds a gap, or that there is none, without looking at most of the items", () => {
    const tree = GapTree.from(row(20_000, 5, 10));
    const middle = 100_000;
    const searches: readonly (readonly [number, number, number])[] = [
      [6, 0, 199_995],
      [5, middle, middle + 9],
      [5, middle + 6, middle + 19],
    ];
    for (const [length, low, high] of searches) {
      expect(slotsSeen(() => expect(tree.highestGap(length, low, high)).toBeUndefined())).toBeLessThan(200);
      expect(slotsSeen(() => expect(tree.lowestGap(length, low, high)).toBeUndefined())).toBeLessThan(200);
    }
  });

  test("is iterable, so that two of them compare by their items", () => {
    const items = row(100, 3, 5);
    expect([...GapTree.from(items)]).toEqual(items);
    expect(GapTree.from(items)).toEqual(GapTree.from(items));
    expect(GapTree.from(items)).not.toEqual(GapTree.from(items.with(50, named(250, 251))));
  });
});
