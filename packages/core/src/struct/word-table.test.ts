import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WordTable } from "./word-table.ts";

const STRIDE = 3;

/** Records near one another and far apart: the same chunk, the same directory, another one. */
const record = fc.constantFrom(0, 1, 127, 128, 129, 32_767, 32_768, 2 ** 20 + 5);

const edit = fc.oneof(
  fc.record({
    do: fc.constant("set" as const),
    at: record,
    field: fc.nat(STRIDE - 1),
    value: fc.nat({ max: 2 ** 32 - 1 }),
  }),
  fc.constant({ do: "clone" as const }),
);

const key = (at: number, field: number): string => `${at}.${field}`;

function differences(before: WordTable, after: WordTable): readonly string[] {
  const found: string[] = [];
  before.diff(after, (first, was, is) => {
    for (let n = 0; n < 128 * STRIDE; n++)
      if ((was?.[n] ?? 0) !== (is?.[n] ?? 0)) found.push(key(first + Math.floor(n / STRIDE), n % STRIDE));
  });
  return found;
}

describe("a table of words", () => {
  test("is zero where nothing was written", () => {
    const table = WordTable.empty(STRIDE);
    expect([table.get(0, 0), table.get(2 ** 30, 2)]).toEqual([0, 0]);
    expect([...table.peek(7)]).toEqual(new Array<number>(128 * STRIDE).fill(0));
  });

  test("agrees with a naive map, and so does each of its clones ever after", () => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 60 }), (edits) => {
        let table = WordTable.empty(STRIDE);
        let naive = new Map<string, number>();
        const kept: [WordTable, Map<string, number>][] = [];
        for (const e of edits) {
          if (e.do === "clone") {
            kept.push([table, naive]);
            table = table.clone();
            naive = new Map(naive);
          } else {
            table.set(e.at, e.field, e.value);
            naive.set(key(e.at, e.field), e.value);
          }
        }
        for (const [t, n] of [...kept, [table, naive] as const])
          for (const [where, value] of n) {
            const [at = 0, field = 0] = where.split(".").map(Number);
            expect(t.get(at, field)).toBe(value);
            expect(t.peek(at)[t.offset(at) + field]).toBe(value);
          }
      }),
    );
  });

  test("differs from an earlier one in what was written since", () => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 20 }), fc.array(edit, { maxLength: 20 }), (first, then) => {
        const before = WordTable.empty(STRIDE);
        for (const e of first) if (e.do === "set") before.set(e.at, e.field, e.value);
        const after = before.clone();
        const changed = new Set<string>();
        for (const e of then) {
          if (e.do !== "set") continue;
          after.set(e.at, e.field, e.value);
          changed.add(key(e.at, e.field));
        }
        const real = [...changed].filter((where) => {
          const [at = 0, field = 0] = where.split(".").map(Number);
          return before.get(at, field) !== after.get(at, field);
        });
        expect([...differences(before, after)].sort()).toEqual(real.sort());
      }),
    );
  });

  test("shares what was not written, and tells of a chunk once", () => {
    const before = WordTable.empty(STRIDE);
    before.set(5, 0, 1);
    before.set(200, 0, 1);
    const after = before.clone();
    after.set(201, 0, 2);
    expect(after.peek(5)).toBe(before.peek(5));
    const firsts: number[] = [];
    before.diff(after, (first) => firsts.push(first));
    expect(firsts).toEqual([128]);
    const chunks: number[] = [];
    after.forEachChunk((first) => chunks.push(first));
    expect(chunks).toEqual([0, 128]);
  });
});
