import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { initialState } from "../kernel/index.ts";
import { history, MACHINES } from "../testing/history.ts";
import { type Label, NaiveBlame } from "../testing/naive-blame.ts";
import { askings } from "../testing/requests.ts";
import { type BlameRange, blameAt, blameSpace, blameVma } from "./blame.ts";
import { BlameReplay } from "./blame-replay.ts";

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

describe.each(MACHINES)("blame where %s are modelled", (_, machine) => {
  test("says of every page at every moment what a map of labelled pages says", { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(askings(40), (asked) => {
        const told = history(asked, machine);
        const replay = new BlameReplay(initialState(machine));
        const naive = new NaiveBlame();
        for (const { event, before, after } of told) {
          expect(replay.take(event)).toBeUndefined();
          naive.event(event, before, after);
          for (const mm of after.mms.values()) {
            const { vmas } = mm;
            const one = vmas
              .toArray()
              .flatMap((vma) => blameVma(replay.fold.spaces(), mm.id, event.seq, vma));
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
      }),
      { numRuns: 1000 },
    );
  });
});
