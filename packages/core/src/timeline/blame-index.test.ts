import { askings, history, MACHINES } from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { initialState } from "../kernel/index.ts";
import { blamePage, blameVma } from "./blame.ts";
import { BlameIndex, DamagedIndex, encodeHistories } from "./blame-index.ts";
import { BlameReplay } from "./blame-replay.ts";
import { VarintReader, VarintWriter } from "./varint.ts";

describe.each(MACHINES)("the index of blame where %s are modelled", (_, machine) => {
  test("answers as the fold that it was made from, at every moment", { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(askings(40), fc.constantFrom(1, 2, 5, undefined), (asked, together) => {
        const told = history(asked, machine);
        const replay = new BlameReplay(initialState(machine));
        for (const { event } of told) replay.take(event);
        const spaces = replay.fold.spaces();
        const blocks = encodeHistories(spaces, together);
        const index = BlameIndex.open((block) => blocks[block]) as BlameIndex;
        for (const [id, history] of spaces) {
          expect([...(index.get(id)?.versions() ?? [])]).toEqual([...history.versions()]);
          expect([...(index.get(id)?.pageRows() ?? [])]).toEqual([...history.pageRows()]);
        }
        for (const { event, after } of told)
          for (const mm of after.mms.values())
            for (const vma of mm.vmas.items()) {
              const [kept, fresh] = [index, spaces].map((all) => blameVma(all, mm.id, event.seq, vma));
              expect(kept).toEqual(fresh);
              const pages = [index, spaces].map((all) => blamePage(all, mm.id, event.seq, vma.start));
              expect(pages[0]).toEqual(pages[1]);
            }
      }),
      { numRuns: 200 },
    );
  });
});

test("a block that is gone is told of, not guessed", () => {
  const told = history([], MACHINES[0]?.[1] as never);
  const replay = new BlameReplay(initialState(MACHINES[0]?.[1] as never));
  for (const { event } of told) replay.take(event);
  const blocks = encodeHistories(replay.fold.spaces());
  expect(BlameIndex.open(() => undefined)).toBeUndefined();
  const index = BlameIndex.open((block) => (block === 0 ? blocks[0] : undefined));
  const [id] = replay.fold.spaces().keys();
  expect(() => index?.get(id as never)).toThrow(DamagedIndex);
});

test("numbers come back from their bytes", () => {
  fc.assert(
    fc.property(
      fc.array(fc.maxSafeNat()),
      fc.array(fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
      (us, ss) => {
        const out = new VarintWriter();
        for (const n of us) out.unsigned(n);
        for (const n of ss) out.signed(n);
        const reader = new VarintReader(out.bytes());
        expect(us.map(() => reader.unsigned())).toEqual(us);
        expect(ss.map(() => reader.signed())).toEqual(ss);
      },
    ),
  );
});
