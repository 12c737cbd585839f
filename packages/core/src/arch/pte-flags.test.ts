import { describe, expect, test } from "vitest";
import { PTE, PTE_HI } from "./pte.ts";
import { entryFlags } from "./pte-flags.ts";

const names = (entry: bigint, level = 0): string =>
  entryFlags(Number(entry & 0xffffffffn), Number(entry >> 32n), level).join("|");

describe("the flags of an entry", () => {
  test.each([
    ["a written page of private memory", 0x8000000012345067n, 0, "PRESENT|RW|USER|ACCESSED|DIRTY|NX"],
    [
      "the same after fork took the right to write away",
      0x8400000012345025n,
      0,
      "PRESENT|USER|ACCESSED|SAVED_DIRTY|NX",
    ],
    ["the page of zeros", 0x8000000000001225n, 0, "PRESENT|USER|ACCESSED|SPECIAL|NX"],
    ["a page of code", 0x0000000012345025n, 0, "PRESENT|USER|ACCESSED"],
    ["a huge page", 0x80000000126000e7n, 1, "PRESENT|RW|USER|ACCESSED|DIRTY|PSE|NX"],
    [
      "a small page in the lowest table, where the bit of PSE is that of PAT",
      0x12345085n,
      0,
      "PRESENT|USER|PAT",
    ],
    ["a table", 0x12345067n, 2, "PRESENT|RW|USER|ACCESSED|DIRTY"],
    ["mapped without any access", 0x000fffffedcba120n, 0, "ACCESSED|PROTNONE"],
    ["the kernel's own", 0x8000000012345163n, 0, "PRESENT|RW|ACCESSED|DIRTY|GLOBAL|NX"],
    ["with a protection key", 0x9800000012345067n, 0, "PRESENT|RW|USER|ACCESSED|DIRTY|PKEY3|NX"],
  ])("%s", (_, entry, level, flags) => {
    expect(names(entry, level)).toBe(flags);
  });

  test("are none where nothing is mapped: the bits of a swap entry mean something else", () => {
    expect([names(0n), names(0x07fffffffffffc08n), names(0xfffffffffffff600n)]).toEqual(["", "", ""]);
  });

  test("have a name for every bit that the model sets", () => {
    const low = Object.entries(PTE).filter(([name]) => name !== "PROTNONE" && name !== "PSE");
    for (const [name, bit] of low) expect(entryFlags(bit | PTE.PRESENT, 0, 0)).toContain(name);
    for (const [name, bit] of Object.entries(PTE_HI))
      expect(entryFlags(PTE.PRESENT, bit >>> 0, 0)).toContain(name);
  });
});
