import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BrokenInvariant } from "./assert.ts";
import { alignDown, alignUp, pageOf, pagesOf, vpn } from "./units.ts";
import { isAligned, parseWord, shrink, WORD_SPAN, type Word, wordHex, wrapAdd, wrapAlignUp } from "./word.ts";

const word: fc.Arbitrary<Word> = fc
  .oneof(
    fc.bigInt({ min: 0n, max: WORD_SPAN - 1n }),
    fc.bigInt({ min: 0n, max: 2n ** 54n }),
    fc.bigInt({ min: WORD_SPAN - 10_000n, max: WORD_SPAN - 1n }),
  )
  .map(shrink);

const exact = (n: bigint): bigint => BigInt.asUintN(64, n);

describe("64-bit words", () => {
  test("are numbers where that is exact, and come back from their text", () => {
    fc.assert(
      fc.property(word, (w) => {
        expect(parseWord(wordHex(w))).toBe(w);
        expect(typeof w === "number").toBe(BigInt(w) <= BigInt(Number.MAX_SAFE_INTEGER));
      }),
    );
  });

  test("add and round up as 64-bit registers do", () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(BigInt(wrapAdd(a, b))).toBe(exact(BigInt(a) + BigInt(b)));
        expect(BigInt(wrapAlignUp(a, 4096))).toBe(exact(((BigInt(a) + 4095n) / 4096n) * 4096n));
        expect(isAligned(a, 4096)).toBe(BigInt(a) % 4096n === 0n);
      }),
    );
  });

  test.each([
    ["-1", 2n ** 64n - 1n],
    ["0xFFF", 4095],
    ["12", 12],
  ])("read %s", (text, value) => {
    expect(parseWord(text)).toBe(value);
  });

  test.each(["", "0x", "1.5", "x", "-0x1", "18446744073709551616", "-18446744073709551617"])(
    "refuse %s",
    (text) => {
      expect(parseWord(text)).toBeUndefined();
    },
  );
});

describe("units", () => {
  test("round to pages", () => {
    expect([pageOf(8191), pagesOf(1), pagesOf(8192), alignDown(5, 4), alignUp(5, 4)]).toEqual([
      1, 1, 2, 4, 8,
    ]);
  });

  test("stop what is no page number", () => {
    expect(() => vpn(-1)).toThrow(BrokenInvariant);
    expect(() => vpn(0.5)).toThrow(BrokenInvariant);
  });
});
