import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Span } from "./gap-node.ts";
import { diffTrees, GapTree } from "./gap-tree.ts";

/** An item with a name of its own, so that two of the same span are told apart. */
interface Named extends Span {
  readonly name: number;
}

interface Difference {
  readonly before: Named | undefined;
  readonly after: Named | undefined;
}

/** What a gap tree should answer, said as plainly as possible: a sorted array and linear searches. */
class NaiveSpans {
  items: readonly Named[];

  constructor(items: readonly Named[]) {
    this.items = items;
  }

  splice(from: number, removed: number, inserted: readonly Named[]): void {
    this.items = [...this.items.slice(0, from), ...inserted, ...this.items.slice(from + removed)];
  }

  find(at: number): Named | undefined {
    return this.items.find((item) => item.start <= at && at < item.end);
  }

  findFrom(at: number): Named | undefined {
    return this.items.find((item) => item.end > at);
  }

  findBefore(at: number): Named | undefined {
    return this.items.findLast((item) => item.start < at);
  }

  collect(start: number, end: number): readonly Named[] {
    return this.items.filter((item) => item.start < end && start < item.end);
  }

  /** Every free gap within `[low, high)` that is long enough, clipped, from low to high. */
  gaps(length: number, low: number, high: number): readonly Span[] {
    const ends = [-Infinity, ...this.items.map((item) => item.end)];
    const starts = [...this.items.map((item) => item.start), Infinity];
    const clipped = ends.map((end, i) => ({
      start: Math.max(low, end),
      end: Math.min(high, starts[i] ?? Infinity),
    }));
    return clipped.filter((gap) => gap.end - gap.start >= length);
  }

  diff(other: NaiveSpans): readonly Difference[] {
    const before = new Map(this.items.map((item) => [item.start, item]));
    const after = new Map(other.items.map((item) => [item.start, item]));
    const starts = [...new Set([...before.keys(), ...after.keys()])].sort((a, b) => a - b);
    return starts
      .map((start) => ({ before: before.get(start), after: after.get(start) }))
      .filter((difference) => difference.before !== difference.after);
  }
}

/** Whole numbers below `limit`, the same ones for the same seed. */
type Chance = (limit: number) => number;

function chanceFrom(seed: number): Chance {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** A tree and what it should be. */
interface Pair {
  readonly tree: GapTree<Named>;
  readonly naive: NaiveSpans;
}

let names = 0;
const named = (start: number, end: number): Named => ({ start, end, name: names++ });

/** Spans of `size` pages, `stride` pages apart. */
const row = (count: number, size: number, stride: number): Named[] =>
  Array.from({ length: count }, (_, i) => named(i * stride, i * stride + size));

function startingPair(chance: Chance, space: number): Pair {
  const count = chance(3) === 0 ? chance(4) : chance(1500);
  const stride = Math.floor(space / (count + 1));
  const items = row(count, 1 + chance(stride), stride);
  return { tree: GapTree.from(items), naive: new NaiveSpans(items) };
}

/** Exchanges a few neighbouring items of both for a few others, somewhere between those that stay. */
function editBoth({ tree, naive }: Pair, chance: Chance, space: number): void {
  const before = naive.items;
  const from = chance(before.length + 1);
  const removed = before.slice(from, from + chance(chance(8) === 0 ? 40 : 4));
  const low = before[from - 1]?.end ?? 0;
  const high = before[from + removed.length]?.start ?? space;
  const wanted = chance(chance(8) === 0 ? 80 : 4);
  const cuts = Array.from({ length: 2 * wanted }, () => low + chance(high - low + 1)).sort((a, b) => a - b);
  const inserted: Named[] = [];
  for (let i = 0; i < cuts.length; i += 2) {
    const [start = 0, end = 0] = cuts.slice(i, i + 2);
    if (start < end) inserted.push(named(start, end));
  }
  const [oldItem, newItem] = [removed[0], inserted[0]];
  if (removed.length === 1 && inserted.length === 0 && oldItem)
    expect(tree.remove(oldItem.start)).toBe(oldItem);
  else if (removed.length === 0 && inserted.length === 1 && newItem) tree.insert(newItem);
  else if (removed.length === 1 && inserted.length === 1 && oldItem && newItem)
    tree.replaceItem(oldItem, newItem);
  else tree.splice(removed, inserted);
  naive.splice(from, removed.length, inserted);
}

/** Asks both every question, at a place where something happens: at a bound of an item, or one page off. */
function expectSameAnswers({ tree, naive }: Pair, chance: Chance, space: number): void {
  const somewhere = (): number => {
    const item = naive.items[chance(naive.items.length)];
    if (item === undefined || chance(3) === 0) return chance(space);
    return (chance(2) === 0 ? item.start : item.end) + chance(3) - 1;
  };
  const at = somewhere();
  expect(tree.find(at)).toBe(naive.find(at));
  expect(tree.findFrom(at)).toBe(naive.findFrom(at));
  expect(tree.findBefore(at)).toBe(naive.findBefore(at));
  expect(tree.first()).toBe(naive.items[0]);
  expect(tree.last()).toBe(naive.items.at(-1));
  const [low, high] = [somewhere(), somewhere()];
  const inside = naive.collect(low, high);
  expectItems(tree.collect(low, high), low < high ? inside : []);
  expect(tree.overlaps(low, high)).toBe(low < high && inside.length > 0);
  expect(tree.items(at).next().value).toBe(naive.findFrom(at));
  for (const length of [1, 1 + chance(10), 1 + chance(Math.ceil(space / 100)), 1 + chance(space)]) {
    const gaps = naive.gaps(length, low, high);
    expect(tree.highestGap(length, low, high)).toEqual(gaps.at(-1));
    expect(tree.lowestGap(length, low, high)).toEqual(gaps[0]);
  }
}

/** By identity, and without a deep comparison of every item. */
function expectItems(items: readonly Named[], expected: readonly Named[]): void {
  expect(items.length).toBe(expected.length);
  expect(items.findIndex((item, i) => item !== expected[i])).toBe(-1);
}

function expectSameItems({ tree, naive }: Pair): void {
  expect(tree.size).toBe(naive.items.length);
  const visited: Named[] = [];
  tree.forEach((item) => {
    visited.push(item);
  });
  for (const items of [tree.toArray(), [...tree.items()], visited]) expectItems(items, naive.items);
}

function differences(a: GapTree<Named>, b: GapTree<Named>): Difference[] {
  const found: Difference[] = [];
  diffTrees(a, b, (before, after) => found.push({ before, after }));
  return found;
}

/** Edits clones in turn, each beside the naive copy that it must stay equal to. */
function expectLaws(seed: number, steps: number, space: number): void {
  const chance = chanceFrom(seed);
  const pairs = [startingPair(chance, space)];
  let current = pairs[0] as Pair;
  for (let step = 0; step < steps; step++) {
    const choice = chance(16);
    if (choice === 0) pairs.push({ tree: current.tree.clone(), naive: new NaiveSpans(current.naive.items) });
    if (choice <= 1) current = pairs[chance(pairs.length)] as Pair;
    editBoth(current, chance, space);
    expect(current.tree.check()).toEqual([]);
    expectSameAnswers(current, chance, space);
  }
  for (const pair of pairs) {
    expect(pair.tree.check()).toEqual([]);
    expectSameItems(pair);
    expect(differences(current.tree, pair.tree)).toEqual(current.naive.diff(pair.naive));
  }
}

describe("a gap tree and its clones", () => {
  const seeds = fc.integer({ min: 0 });

  test("answer as a sorted array does, whatever is done to any of them", () => {
    const space = 2 ** 36;
    fc.assert(
      fc.property(seeds, (seed) => expectLaws(seed, 150, space)),
      { numRuns: 12 },
    );
  });

  test("…also where space is so tight that most items touch", () => {
    fc.assert(
      fc.property(seeds, (seed) => expectLaws(seed, 150, 3000)),
      { numRuns: 12 },
    );
  });
});
