import { type Asking, askings, FIRST, history, MACHINES } from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PAGE_SIZE } from "../base/index.ts";
import { initialState, type Profile, type Request } from "../kernel/index.ts";
import { MAP } from "../mm/index.ts";
import { type Label, NaiveBlame } from "../testing/naive-blame.ts";
import { type BlameRange, blameAt, blameSpace, blameVma } from "./blame.ts";
import { BlameReplay } from "./blame-replay.ts";

const WINDOW = 0x20000000;

/** Every event of a range, folded stations unfolded as far as they are known: their last event and their marks. */
const said = ({ created, way }: BlameRange): unknown => ({
  created: created.seq,
  way: way.filter(({ times }) => times === 1).map(({ seq, marks }) => ({ seq, marks })),
  folded: way.filter(({ times }) => times > 1).map(({ first, seq, times }) => ({ first, seq, times })),
});

/** The naive label with runs of resizes folded in the same way. */
function expected({ created, way }: Label): unknown {
  const plain = new Set<string>(["grown", "shrunk", "split", "merged"]);
  const folded: { first: number; seq: number; times: number; marks: readonly string[] }[] = [];
  for (const { seq, marks } of way) {
    const last = folded.at(-1);
    const same = last && marks.every((mark) => plain.has(mark)) && `${last.marks}` === `${marks}`;
    if (last && same) folded[folded.length - 1] = { ...last, seq, times: last.times + 1 };
    else folded.push({ first: seq, seq, times: 1, marks });
  }
  return {
    created,
    way: folded.filter(({ times }) => times === 1).map(({ seq, marks }) => ({ seq, marks })),
    folded: folded.filter(({ times }) => times > 1).map(({ first, seq, times }) => ({ first, seq, times })),
  };
}

/** Compares blame with the map of labelled pages, of every page behind every event. */
function compare(asked: readonly Asking[], machine: Profile): void {
  const told = history(asked, machine);
  const replay = new BlameReplay(initialState(machine));
  const naive = new NaiveBlame();
  for (const { event, before, after } of told) {
    expect(replay.take(event)).toBeUndefined();
    naive.event(event, before, after);
    for (const mm of after.mms.values()) {
      const { vmas } = mm;
      const one = vmas.toArray().flatMap((vma) => blameVma(replay.fold.spaces(), mm.id, event.seq, vma));
      const all = blameSpace(replay.fold.spaces(), mm.id, event.seq, vmas.items());
      expect(all.map(({ range }) => range)).toEqual(one);
      for (const vma of mm.vmas.items()) {
        const labels = naive.labels.get(mm.id);
        const ranges = blameVma(replay.fold.spaces(), mm.id, event.seq, vma);
        expect(ranges[0]?.start).toBe(vma.start);
        expect(ranges.at(-1)?.end).toBe(vma.end);
        for (const range of ranges)
          for (const page of [range.start, range.end - 1])
            expect(blameAt(replay.fold.spaces(), mm.id, event.seq, vma, page)).toEqual(range);
        let at: number = vma.start;
        for (const range of ranges) {
          expect(range.start).toBe(at);
          at = range.end;
          for (const page of [range.start, range.end - 1])
            expect({ page, ...(said(range) as object) }).toEqual({
              page,
              ...(expected(labels?.get(page) as Label) as object),
            });
        }
      }
    }
  }
}

const asks = (request: Request): Asking => ({ tid: FIRST, request });

/** Found at random, each by the seed that is named. */
const FOUND: readonly (readonly [string, readonly Asking[]])[] = [
  [
    "-1186827843: a gap of the range that moves leaves what lies at its new place",
    [
      asks({
        call: "mmap",
        addr: WINDOW + 3 * PAGE_SIZE,
        length: 12288,
        prot: 3,
        flags: MAP.PRIVATE,
        offset: 0,
        file: 1,
      }),
      asks({
        call: "mremap",
        addr: WINDOW + 5 * PAGE_SIZE,
        oldLength: 20480,
        newLength: 20480,
        flags: 3,
        newAddr: WINDOW,
      }),
    ],
  ],
  [
    "-684333622: an old length that wraps to 0 makes a second mapping and moves nothing",
    [
      asks({ call: "shmat", shm: 1, addr: WINDOW, flags: 0 }),
      asks({
        call: "mremap",
        addr: WINDOW,
        oldLength: 2n ** 64n - 1n,
        newLength: PAGE_SIZE,
        flags: 3,
        newAddr: WINDOW + 3 * PAGE_SIZE,
      }),
    ],
  ],
  [
    "unknown: nor does it where the kernel chooses the place, and the first mapping is not split",
    [
      asks({ call: "shmat", shm: 1, addr: WINDOW, flags: 0 }),
      asks({
        call: "mremap",
        addr: WINDOW,
        oldLength: 2n ** 64n - 1n,
        newLength: PAGE_SIZE,
        flags: 1,
        newAddr: 0,
      }),
    ],
  ],
];

describe.each(MACHINES)("blame where %s are modelled", (_, machine) => {
  test("says of every page at every moment what a map of labelled pages says", { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(askings(40), (asked) => compare(asked, machine)),
      { numRuns: 1000 },
    );
  });

  test.each(FOUND)("agrees with it on seed %s", (_seed, asked) => compare(asked, machine));
});
