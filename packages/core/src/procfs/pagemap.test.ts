import { memoryRequests, PAGE_MACHINE, PageMachine } from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pageRange } from "../base/index.ts";
import { MADV, MAP } from "../mm/index.ts";
import { pagemapBytes, pagemapEntry, pagemapRuns } from "./pagemap.ts";

const HERE = 0x20000;
const PAGE = 4096;

/** A page of each sort: written, read, in swap, a guard region's, a shared one, untouched. */
function machine(): PageMachine {
  const m = new PageMachine({ ...PAGE_MACHINE, sysctl: { ...PAGE_MACHINE.sysctl, swapPages: 8 } });
  m.map(HERE, 8);
  m.map(HERE + 4, 1, { flags: MAP.SHARED });
  m.touch("write", HERE);
  m.touch("read", HERE + 1);
  m.touch("write", HERE + 2);
  m.touch("write", HERE + 4);
  m.ask({ call: "madvise", addr: (HERE + 2) * PAGE, length: PAGE, advice: MADV.PAGEOUT });
  m.ask({ call: "madvise", addr: (HERE + 3) * PAGE, length: PAGE, advice: MADV.GUARD_INSTALL });
  return m;
}

describe("the entries of pagemap", () => {
  test("are each page's by itself, and of absent pages those of a mapping together", () => {
    const m = machine();
    const runs = [...pagemapRuns(m.state, m.mm(), pageRange(HERE - 2, HERE + 10))];
    expect(
      runs.map(({ start, end, entry, vma }) => [start - HERE, end - HERE, entry, vma !== undefined]),
    ).toEqual([
      [-2, 0, 0n, false],
      // Present, mapped once: bits 63 and 56; the first page has frame 0x1003.
      [0, 1, 0x8100000000001003n, true],
      // The page of zeros: present, and nothing else.
      [1, 2, 0x8000000000000001n, true],
      // In swap, slot 1 of the first area, above five bits of type.
      [2, 3, 0x4000000000000020n, true],
      // A guard region's marker: a swap entry of type 31 with the marker 4, and bit 58.
      [3, 4, 0x440000000000009fn, true],
      // Shared anonymous memory is a file's: bit 61.
      [4, 5, expect.any(BigInt), true],
      [5, 8, 0n, true],
      [8, 10, 0n, false],
    ]);
    expect(((runs[5]?.entry ?? 0n) >> 55n) << 55n).toBe(0xa100000000000000n);
  });

  test("as bytes stand in the order of pages, the lowest byte first", () => {
    const m = machine();
    const bytes = pagemapBytes(m.state, m.mm(), pageRange(HERE - 1, HERE + 3));
    expect(Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")).toBe(
      ["0000000000000000", "0310000000000081", "0100000000000080", "2000000000000040"].join(""),
    );
  });

  test("cover any range without a hole, and are the same as runs, as bytes and page by page", () => {
    fc.assert(
      fc.property(memoryRequests(12), fc.nat(20), fc.nat(1100), (requests, from, count) => {
        const m = new PageMachine();
        for (const request of requests) m.ask(request);
        const range = pageRange(HERE - 4 + from, HERE - 4 + from + count);
        const view = new DataView(pagemapBytes(m.state, m.mm(), range).buffer);
        let at: number = range.start;
        for (const { start, end, entry, vma } of pagemapRuns(m.state, m.mm(), range)) {
          expect(start).toBe(at);
          for (; at < end; at++) {
            expect(view.getBigUint64((at - range.start) * 8, true)).toBe(entry);
            expect(pagemapEntry(m.state, m.mm(), at)).toBe(entry);
            expect(m.mm().vmas.find(at)).toBe(vma);
          }
        }
        expect(at).toBe(range.end);
      }),
      { numRuns: 40 },
    );
  });
});
