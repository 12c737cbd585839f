import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Table } from "./table.ts";

type Record = { readonly version: number };
type Naive = Map<number, Record>;
interface Pair {
  readonly table: Table<number, Record>;
  readonly naive: Naive;
}

/** One step: an edit of the table in use, after which it is cloned, or another of the clones is taken up. */
const arbStep = fc.record({
  action: fc.constantFrom("set", "set", "set", "delete", "delete", "clone", "switch", "clear"),
  key: fc.nat({ max: 1500 }),
  run: fc.integer({ min: 1, max: 120 }),
});
type Step = typeof arbStep extends fc.Arbitrary<infer S> ? S : never;

const sorted = (naive: Naive): [number, Record][] => [...naive].sort(([a], [b]) => a - b);

function expectSame({ table, naive }: Pair): void {
  const entries = sorted(naive);
  expect(table.size).toBe(naive.size);
  expect([...table.entries()]).toEqual(entries);
  expect([...table.keys()]).toEqual(entries.map(([key]) => key));
  expect([...table.values()]).toEqual(entries.map(([, value]) => value));
  expect(table.first()).toBe(entries[0]?.[0]);
  expect(table.last()).toBe(entries.at(-1)?.[0]);
  for (const [key, value] of entries) expect(table.get(key)).toBe(value);
}

function expectSameDifferences(a: Pair, b: Pair): void {
  const found: unknown[] = [];
  a.table.diff(b.table, (key, before, after) => found.push([key, before, after]));
  const keys = sorted(new Map([...a.naive, ...b.naive])).map(([key]) => key);
  const expected = keys
    .filter((key) => a.naive.get(key) !== b.naive.get(key))
    .map((key) => [key, a.naive.get(key), b.naive.get(key)]);
  expect(found).toEqual(expected);
}

function expectLaws(steps: readonly Step[]): void {
  const pairs: Pair[] = [{ table: Table.empty<number, Record>(), naive: new Map() }];
  let current = pairs[0] as Pair;
  let version = 0;
  for (const { action, key, run } of steps) {
    if (action === "clone") pairs.push({ table: current.table.clone(), naive: new Map(current.naive) });
    if (action === "clone" || action === "switch") current = pairs[key % pairs.length] as Pair;
    const keys =
      action === "clear" ? [...current.naive.keys()] : Array.from({ length: run }, (_, i) => key + i);
    for (const k of keys) {
      if (action === "set") {
        const record = { version: version++ };
        current.table.set(k, record);
        current.naive.set(k, record);
      } else if (action === "delete" || action === "clear") {
        expect(current.table.delete(k)).toBe(current.naive.delete(k));
        expect(current.table.has(k)).toBe(false);
      }
    }
  }
  for (const pair of pairs) {
    expectSame(pair);
    expectSameDifferences(current, pair);
  }
}

describe("a table", () => {
  test("holds what a map holds, whatever is done to it and to its clones", () => {
    const steps = fc.array(arbStep, { minLength: 20, maxLength: 120 });
    fc.assert(fc.property(steps, expectLaws), { numRuns: 30 });
  });

  test("keeps what it held when a clone is emptied down through two levels of nodes", () => {
    const table = Table.empty<number, string>();
    for (let key = 0; key < 5000; key++) table.set(key, `record ${key}`);
    const clone = table.clone();
    for (let key = 0; key < 4990; key++) clone.delete(key);
    const second = clone.clone();
    for (let key = 4990; key < 5000; key++) clone.set(key, "changed");
    expect([...second.values()]).toEqual(Array.from({ length: 10 }, (_, i) => `record ${4990 + i}`));
    expect([...table.values()]).toEqual(Array.from({ length: 5000 }, (_, i) => `record ${i}`));
  });

  test("is iterable, so that two of them compare by their records", () => {
    const table = Table.empty<number, string>();
    table.set(7, "seven");
    const clone = table.clone();
    expect(clone).toEqual(table);
    clone.set(7, "sept");
    expect(clone).not.toEqual(table);
    expect([...clone]).toEqual([[7, "sept"]]);
  });
});
