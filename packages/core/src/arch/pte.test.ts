import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  hiOf,
  isDirty,
  isGuard,
  isPresent,
  isProtNone,
  isSwapEntry,
  isWritable,
  isYoung,
  loOf,
  MARKER_GUARD,
  mkclean,
  mkdirty,
  mkold,
  mkwrite,
  mkyoung,
  modify,
  PTE,
  PTE_HI,
  pfnOf,
  protectionOf,
  SWAP_EXCLUSIVE,
  SWAP_TYPE,
  swapHi,
  swapLo,
  swapOffset,
  swapType,
  wrprotect,
} from "./pte.ts";

const NX = PTE_HI.NX >>> 0;
const readOnly = protectionOf(true, false, false, true);
const writable = protectionOf(true, true, false, true);
const none = protectionOf(false, false, false, true);

const entry = (pfn: number, { lo, hi }: { lo: number; hi: number }): Uint32Array =>
  Uint32Array.of(loOf(pfn, lo), hiOf(pfn, lo, hi));
const lo = (words: Uint32Array): number => words[0] as number;
const hi = (words: Uint32Array): number => words[1] as number;

/** Frames of 52-bit physical addresses. */
const pfns = fc.integer({ min: 1, max: 2 ** 40 - 1 });

describe("an entry", () => {
  test("holds its frame in bits 12 to 51, as the hardware reads it", () => {
    expect([...entry(0x12345, writable)]).toEqual([0x12345067 & ~PTE.DIRTY, NX]);
    expect([...entry(0xfedcb_a9876, readOnly)]).toEqual([0xa9876025, 0xfedcb + NX]);
  });

  test("gives its frame back, with and without access", () => {
    fc.assert(
      fc.property(pfns, fc.constantFrom(readOnly, writable, none), (pfn, prot) => {
        const e = entry(pfn, prot);
        expect(pfnOf(lo(e), hi(e))).toBe(pfn);
        expect(isPresent(lo(e))).toBe(true);
      }),
    );
  });

  test("without access is not present to the hardware, and names no frame that could be read by speculation", () => {
    const e = entry(0x12345, none);
    expect(lo(e) & PTE.PRESENT).toBe(0);
    expect(isProtNone(lo(e))).toBe(true);
    expect(lo(e) >>> 12).toBe(0xfffff - 0x12345);
    expect(hi(e) & 0xfffff).toBe(0xfffff);
  });

  test("of a machine without NX has no such bit", () => {
    expect(protectionOf(true, false, false, false).hi).toBe(0);
    expect(protectionOf(true, false, true, true).hi).toBe(0);
  });
});

describe("dirty", () => {
  test("moves to a software bit when write access goes, and back when it comes", () => {
    const e = entry(7, writable);
    mkdirty(e, 0, true);
    expect(lo(e) & PTE.DIRTY).toBe(PTE.DIRTY);
    wrprotect(e, 0, true);
    expect([lo(e) & (PTE.DIRTY | PTE.RW), hi(e) & PTE_HI.SAVED_DIRTY]).toEqual([0, PTE_HI.SAVED_DIRTY]);
    expect(isDirty(lo(e), hi(e))).toBe(true);
    mkwrite(e, 0);
    expect([lo(e) & PTE.DIRTY, hi(e) & PTE_HI.SAVED_DIRTY]).toEqual([PTE.DIRTY, 0]);
  });

  test("stays where it is on 32-bit tables", () => {
    const e = entry(7, writable);
    mkdirty(e, 0, false);
    wrprotect(e, 0, false);
    expect([lo(e) & PTE.DIRTY, hi(e) & PTE_HI.SAVED_DIRTY]).toEqual([PTE.DIRTY, 0]);
  });

  test("set on a read-only entry is kept in software, and goes with mkclean", () => {
    const e = entry(7, readOnly);
    mkdirty(e, 0, true);
    expect([lo(e) & PTE.DIRTY, isDirty(lo(e), hi(e))]).toEqual([0, true]);
    mkclean(e, 0);
    expect(isDirty(lo(e), hi(e))).toBe(false);
  });
});

test("a change of protection keeps frame, accessed and dirty, whatever the protections", () => {
  const prots = fc.constantFrom(readOnly, writable, none);
  fc.assert(
    fc.property(pfns, prots, prots, fc.boolean(), fc.boolean(), (pfn, from, to, dirty, old) => {
      const e = entry(pfn, from);
      if (dirty) mkdirty(e, 0, true);
      if (old) mkold(e, 0);
      modify(e, 0, to, true);
      expect(pfnOf(lo(e), hi(e))).toBe(pfn);
      expect(isDirty(lo(e), hi(e))).toBe(dirty);
      expect(isYoung(lo(e))).toBe(!old);
      expect(isWritable(lo(e))).toBe(to === writable);
      expect(isProtNone(lo(e))).toBe(to === none);
      expect(hi(e) >= NX).toBe(to !== none);
      mkyoung(e, 0);
      expect(isYoung(lo(e))).toBe(true);
    }),
  );
});

describe("an entry that is not present", () => {
  test("gives type and offset back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 26 }), fc.integer({ min: 0, max: 2 ** 40 }), (type, offset) => {
        const words = [swapLo(offset, SWAP_EXCLUSIVE), swapHi(type, offset)] as const;
        expect([swapType(words[1]), swapOffset(...words)]).toEqual([type, offset]);
        expect([isPresent(words[0]), isSwapEntry(...words), isGuard(...words)]).toEqual([false, true, false]);
      }),
    );
  });

  test.each([
    ["slot 1 of the first area", SWAP_TYPE.AREA, 1, 0x07fffffffffffc00n],
    ["a guard region's marker", SWAP_TYPE.MARKER, MARKER_GUARD, 0xfffffffffffff600n],
  ])("%s stands inverted in bits 9 to 58, below the type", (_, type, offset, entry) => {
    expect((BigInt(swapHi(type, offset)) << 32n) | BigInt(swapLo(offset))).toBe(entry);
  });

  test("is a guard's marker, or nothing at all", () => {
    const guard = [swapLo(MARKER_GUARD), swapHi(SWAP_TYPE.MARKER, MARKER_GUARD)] as const;
    expect([isGuard(...guard), isSwapEntry(...guard)]).toEqual([true, false]);
    expect([isGuard(0, 0), isSwapEntry(0, 0)]).toEqual([false, false]);
  });
});
