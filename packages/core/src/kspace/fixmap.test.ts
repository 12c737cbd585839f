import { describe, expect, test } from "vitest";
import { FIXMAP_64, fixmap32, fixmapEnd } from "../arch/index.ts";
import { fixedAddresses, fixedSlots, fixToVirt, virtToFix } from "./fixmap.ts";

const FIXMAP_32 = fixmap32("stack");

describe("the fixmap", () => {
  test.each([
    ["32-bit", FIXMAP_32, 0, 0xfffff000n],
    ["32-bit", FIXMAP_32, 1, 0xffffe000n],
    ["64-bit", FIXMAP_64, 511, 0xffffffffff600000n],
    ["64-bit", FIXMAP_64, 512, 0xffffffffff5ff000n],
  ])("of %s goes downwards: %#", (_, fixmap, slot, address) => {
    expect(fixToVirt(fixmap, slot)).toBe(address);
    expect(virtToFix(fixmap, address)).toBe(slot);
    expect(virtToFix(fixmap, address + 0xfffn)).toBe(slot);
  });

  test("has its names one below the other, without a slot between", () => {
    for (const fixmap of [FIXMAP_32, FIXMAP_64]) {
      let next = fixmap.first;
      for (const { name, from, to, first, last } of fixedAddresses(fixmap)) {
        expect(from).toBe(next);
        expect(fixedSlots(fixmap, name)).toEqual({ from, to });
        expect(first - last).toBe(BigInt(to - from - 1) * 4096n);
        next = to;
      }
      expect(next).toBe(fixmapEnd(fixmap));
    }
  });

  test("has no slot below its end or above its top", () => {
    expect(virtToFix(FIXMAP_32, 0x100000000n)).toBeUndefined();
    expect(virtToFix(FIXMAP_32, fixToVirt(FIXMAP_32, fixmapEnd(FIXMAP_32)))).toBeUndefined();
    expect(virtToFix(FIXMAP_64, 0xffffffffff7ff000n)).toBeUndefined();
  });
});
