import fc from "fast-check";
import { expect, test } from "vitest";
import { addRegion, countRegion, deleteRegion, type Regions } from "./regions.ts";

const range = fc.tuple(fc.nat(30), fc.nat(8)).map(([from, length]) => [from, from + length + 1] as const);
const changes = fc.array(fc.tuple(fc.boolean(), range), { maxLength: 20 });

test("a list of regions has the pages that a set would have, in as few ranges as hold them", () => {
  fc.assert(
    fc.property(changes, range, (steps, [from, to]) => {
      const pages = new Set<number>();
      let regions: Regions = [];
      for (const [adds, [a, b]] of steps) {
        regions = (adds ? addRegion : deleteRegion)(regions, a, b);
        for (let page = a; page < b; page++) pages[adds ? "add" : "delete"](page);
      }
      const inside = [...pages].filter((page) => page >= from && page < to);
      expect(countRegion(regions, from, to)).toBe(inside.length);
      expect(countRegion(regions, 0, Number.POSITIVE_INFINITY)).toBe(pages.size);
      const starts = [...pages].filter((page) => !pages.has(page - 1)).sort((a, b) => a - b);
      expect(regions.map(([a]) => a)).toEqual(starts);
    }),
  );
});
