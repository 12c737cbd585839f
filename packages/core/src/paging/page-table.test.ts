import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FIVE_LEVEL, FOUR_LEVEL, PAE, type PagingMode, PTE, TWO_LEVEL } from "../arch/index.ts";
import { PageTable } from "./page-table.ts";
import type { TableFrames } from "./table-page.ts";

/** Frames for tables, which remembers those that are in use. */
class Frames implements TableFrames {
  readonly used = new Set<number>();
  private next = 1;

  allocTable(): number {
    this.used.add(this.next);
    return this.next++;
  }

  freeTable(pfn: number): void {
    if (!this.used.delete(pfn)) throw new Error(`table ${pfn} is freed twice`);
  }
}

const MODES = [FOUR_LEVEL, FIVE_LEVEL, PAE, TWO_LEVEL] as const;

/** Pages of a mode's user half: near one another, across tables of each level, the last. */
const pagesOf = (mode: PagingMode): readonly number[] => {
  const bits = mode.levels.reduce((n, level) => n + level.bits, 0);
  const last = 2 ** bits - 1;
  return [0, 1, 511, 512, 513, 1023, 1024, 2 ** 18 - 1, 2 ** 18, last - 1, last].filter((p) => p <= last);
};

const set = (table: PageTable, page: number, lo: number, frames: Frames): void =>
  table.make(0, page, frames).set(table.index(0, page), lo, 0);

const get = (table: PageTable, page: number): number =>
  table.find(0, page)?.words[2 * table.index(0, page)] ?? 0;

function entries(table: PageTable, start = 0, end = Number.POSITIVE_INFINITY): [number, number][] {
  const found: [number, number][] = [];
  table.visit(start, Math.min(end, 2 ** 45), {
    leaf(leaf, from, to, page) {
      for (let i = from; i < to; i++)
        if (!leaf.isEmpty(i)) found.push([page + i - from, leaf.words[2 * i] as number]);
    },
  });
  return found;
}

describe.each(MODES.map((mode) => [mode.name, mode] as const))("page tables of %s", (_, mode) => {
  const places = pagesOf(mode);
  const edit = fc.oneof(
    fc.record({ do: fc.constant("set" as const), page: fc.constantFrom(...places), lo: fc.nat(255) }),
    fc.constant({ do: "clone" as const }),
  );

  test("agree with a naive map, and so does each clone ever after", () => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 40 }), (edits) => {
        const frames = new Frames();
        let table = PageTable.create(mode, frames);
        let naive = new Map<number, number>();
        const kept: [PageTable, Map<number, number>][] = [];
        for (const e of edits) {
          if (e.do === "clone") {
            kept.push([table, naive]);
            table = table.clone();
            naive = new Map(naive);
            continue;
          }
          set(table, e.page, e.lo, frames);
          if (e.lo === 0) naive.delete(e.page);
          else naive.set(e.page, e.lo);
        }
        for (const [t, n] of [...kept, [table, naive] as const]) {
          for (const page of places) expect(get(t, page)).toBe(n.get(page) ?? 0);
          expect(entries(t)).toEqual([...n].sort(([a], [b]) => a - b));
        }
      }),
    );
  });

  test("a walk leads from the top to the entry, each step's entry naming the next table", () => {
    const frames = new Frames();
    const table = PageTable.create(mode, frames);
    const [page = 0] = places.slice(-2);
    set(table, page, 0x25, frames);
    const steps = table.walk(page);
    expect(steps).toHaveLength(mode.levels.length);
    expect(steps[0]?.table.pfn).toBe(table.pgd);
    steps.slice(1).forEach(({ table: below }, i) => {
      const above = steps[i];
      expect(above && (above.table.words[2 * above.index] as number) >>> 12).toBe(below.pfn);
    });
    const last = steps.at(-1);
    expect(last?.table.words[2 * (last?.index ?? 0)]).toBe(0x25);
  });

  test("all that were made are freed again", () => {
    const frames = new Frames();
    const table = PageTable.create(mode, frames);
    for (const page of places) set(table, page, 1, frames);
    for (const page of places) set(table, page, 0, frames);
    table.freeAll(frames);
    expect([...frames.used]).toEqual([table.pgd]);
    expect(table.counted).toBe(0);
  });
});

describe("page tables", () => {
  const made = (...pages: readonly number[]): { table: PageTable; frames: Frames } => {
    const frames = new Frames();
    const table = PageTable.create(FOUR_LEVEL, frames);
    for (const page of pages) set(table, page, 1, frames);
    return { table, frames };
  };
  const GIB = 2 ** 18;
  const SLOT = 2 ** 27;

  test("count three for the first page, two for a new gigabyte, one for two new megabytes", () => {
    expect(made(0).table.counted).toBe(3);
    expect(made(0, GIB).table.counted).toBe(5);
    expect(made(0, 512).table.counted).toBe(4);
    expect(made(0, SLOT).table.counted).toBe(6);
  });

  test("are freed where their span lies between the neighbours", () => {
    const { table, frames } = made(0, 512, GIB);
    set(table, 512, 0, frames);
    table.freeRange(512, 513, 513, 1024, frames);
    expect(table.counted).toBe(6);
    table.freeRange(512, 513, 1, 1023, frames);
    expect(table.counted).toBe(6);
    table.freeRange(512, 513, 1, 1024, frames);
    expect(table.counted).toBe(5);
    set(table, GIB, 0, frames);
    table.freeRange(GIB, GIB + 1, 1024, Number.POSITIVE_INFINITY, frames);
    expect(table.counted).toBe(3);
    expect([get(table, 0), get(table, 512), get(table, GIB)]).toEqual([1, 0, 0]);
  });

  test("that still have entries are not freed", () => {
    const { table, frames } = made(0);
    expect(() => table.freeRange(0, 1, 0, 512, frames)).toThrow("a table that is freed is empty");
  });

  test("are copied before they are changed, once between two clones", () => {
    const { table, frames } = made(0, 512);
    const leaf = table.find(0, 0);
    const before = table.clone();
    set(table, 1, 2, frames);
    const copy = table.find(0, 0);
    expect(copy).not.toBe(leaf);
    set(table, 2, 2, frames);
    expect(table.find(0, 0)).toBe(copy);
    expect(table.find(0, 512)).toBe(before.find(0, 512));
    expect([get(before, 1), get(table, 1)]).toEqual([0, 2]);
  });

  test("that one visit may change are the tree's own afterwards", () => {
    const { table, frames } = made(0, 1, 512, GIB);
    const before = table.clone();
    table.visitOwned(1, 513, {
      leaf(leaf, from, to) {
        for (let i = from; i < to; i++) if (!leaf.isEmpty(i)) leaf.set(i, 9, 0);
      },
    });
    expect(entries(table).map(([, lo]) => lo)).toEqual([1, 9, 9, 1]);
    expect(entries(before).map(([, lo]) => lo)).toEqual([1, 1, 1, 1]);
    expect(frames.used.size).toBe(table.counted + 1);
  });

  test("tell where two of them differ", () => {
    const { table, frames } = made(0, 512, GIB);
    const after = table.clone();
    set(after, 513, 1, frames);
    const pages: number[] = [];
    table.diff(after, (page, mine, theirs) => {
      if ((mine ?? theirs)?.level === 0) pages.push(page);
    });
    expect(pages).toEqual([512]);
    table.diff(table.clone(), () => expect.unreachable());
  });

  test("hold a table aside for an entry that maps 2 MiB, which takes its place when that is split", () => {
    const { table, frames } = made(GIB);
    const above = table.make(1, 0, frames);
    table.deposit(above, 0, frames);
    above.set(0, PTE.PSE | PTE.PRESENT, 0);
    expect([table.counted, table.find(0, 5)]).toEqual([5, undefined]);
    expect(table.walk(5)).toHaveLength(3);
    expect(() => table.make(0, 5, frames)).toThrow("mapped above level 0");
    const seen: [number, number][] = [];
    table.visit(0, 512, { leaf: () => expect.unreachable(), large: (_, i, page) => seen.push([i, page]) });
    expect(seen).toEqual([[0, 0]]);
    table.split(above, 0).set(5, 1, 0);
    expect([table.counted, get(table, 5)]).toEqual([5, 1]);
  });

  test("give a deposit back with the entry", () => {
    const { table, frames } = made(GIB);
    const above = table.make(1, 0, frames);
    table.deposit(above, 0, frames);
    table.withdraw(above, 0, frames);
    expect([table.counted, frames.used.size]).toEqual([4, 5]);
  });

  test("lose an empty lowest table alone", () => {
    const { table, frames } = made(0, GIB);
    set(table, 0, 0, frames);
    table.freeLeaf(0, frames);
    expect([table.counted, table.find(0, 0), table.find(1, 0)?.used]).toEqual([4, undefined, 0]);
    table.freeLeaf(0, frames);
    expect(table.counted).toBe(4);
  });
});
