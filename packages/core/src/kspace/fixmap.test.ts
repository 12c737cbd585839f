import { describe, expect, test } from "vitest";
import { FIXMAP_64, fixmap32, fixmapEnd } from "../arch/index.ts";
import { fixedName, fixedSlots, fixToVirt, virtToFix } from "./fixmap.ts";

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

  test("has a name for each slot, and slots for each name", () => {
    for (const fixmap of [FIXMAP_32, FIXMAP_64]) {
      for (let slot = fixmap.first; slot < fixmapEnd(fixmap); slot++) {
        const named = fixedName(fixmap, slot);
        expect(named && fixedSlots(fixmap, named.name).from + named.index).toBe(slot);
      }
      expect(fixedName(fixmap, fixmapEnd(fixmap))).toBeUndefined();
      expect(fixedName(fixmap, fixmap.first - 1)).toBeUndefined();
    }
  });

  test("has no slot below its end or above its top", () => {
    expect(virtToFix(FIXMAP_32, 0x100000000n)).toBeUndefined();
    expect(virtToFix(FIXMAP_32, fixToVirt(FIXMAP_32, fixmapEnd(FIXMAP_32)))).toBeUndefined();
    expect(virtToFix(FIXMAP_64, 0xffffffffff7ff000n)).toBeUndefined();
  });
});
