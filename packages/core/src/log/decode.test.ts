import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { brief, decode, eventAt, header, logText, toyHash } from "../testing/log-fixture.ts";
import type { LogItem } from "./decode.ts";
import { LogEncoder } from "./encode.ts";
import { explainRefusal } from "./refusal.ts";

function explain(text: string): string {
  const last = decode([text]).at(-1);
  return last?.kind === "refused" ? explainRefusal(last.refusal) : brief(decode([text]));
}

function seqs(items: readonly LogItem[], sealed?: boolean): number[] {
  return items.flatMap((item) =>
    item.kind === "event" && (sealed === undefined || item.sealed === sealed) ? [item.event.seq] : [],
  );
}

/** Six events in segments of two, each line with its newline. */
const text = logText(6, { perSeal: 2 });
const lines = text.split(/(?<=\n)/);
const without = (line: number): string => lines.filter((_, index) => index !== line - 1).join("");
const replaced = (line: number, by: string): string =>
  lines.map((old, at) => (at === line - 1 ? by : old)).join("");

describe("a finished log", () => {
  test("does not hide any changed character", () => {
    const values = ["0", "1", "}", '"', "\n", "\r", " ", "\0", "é", "\ufffd"];
    for (let at = 0; at < text.length; at += 1) {
      for (const value of values) {
        if (text[at] === value) continue;
        const items = decode([text.slice(0, at) + value + text.slice(at + 1)]);
        expect(items.at(-1)?.kind, `character ${at} became ${JSON.stringify(value)}`).toBe("refused");
        expect(seqs(items)).toEqual([1, 2, 3, 4, 5, 6].slice(0, seqs(items).length));
      }
    }
  });

  test("cut off anywhere is unfinished, and its events are a beginning of the whole", () => {
    for (let length = 0; length < text.length; length += 1) {
      const items = decode([text.slice(0, length)]);
      const last = items.at(-1);
      if (last?.kind === "end") expect(last.end.finished, `cut at ${length}`).toBe(false);
      else expect(length, "only a log without a whole header is refused").toBeLessThan(lines[0]?.length ?? 0);
      expect(seqs(items)).toEqual([1, 2, 3, 4, 5, 6].slice(0, seqs(items).length));
    }
  });

  test("cut off right behind an inner seal has nothing torn, but is not finished", () => {
    expect(brief(decode([lines.slice(0, 4).join("")]))).toBe("header 1 2 seal unfinished");
  });

  test("may be continued behind its last seal", () => {
    const begun = logText(2);
    const last = decode([begun]).at(-1);
    if (last?.kind !== "end") throw new Error("the log is refused");
    const encoder = new LogEncoder({ header, hash: toyHash, position: last.end.position });
    const next = encoder.event(eventAt(3));
    expect(brief(decode([begun, next]))).toBe("header 1 2 seal 3? unfinished");
    expect(brief(decode([begun, next, encoder.finish("s")]))).toBe("header 1 2 seal 3 seal finished");
  });
});

describe("a torn tail", () => {
  test("is dropped, and told with its line and bytes", () => {
    const torn = '{"seq":4,"call":"mm é';
    const items = decode([logText(3, { perSeal: 2, finish: false }), torn]);
    expect(brief(items)).toBe("header 1 2 seal 3? unfinished torn");
    expect(items.at(-1)).toMatchObject({
      end: { seq: 3, torn: { line: 6, bytes: torn.length + 1, text: torn } },
    });
  });

  test("may have its newline, when the line is no JSON", () => {
    const items = decode([logText(3, { perSeal: 2, finish: false }), "\0\0\0\n"]);
    expect(items.at(-1)).toMatchObject({ end: { seq: 3, torn: { line: 6, bytes: 4 } } });
  });

  test("is no excuse for a bad line before it", () => {
    const bad = `${logText(3, { perSeal: 2, finish: false })}\0\0\0\n{"seq":`;
    expect(explain(bad)).toContain("line 6, segment 2, events 3 to 4: the line is not JSON");
  });
});

describe("damage", () => {
  test("in an event is told with its line, its segment and the segment's events", () => {
    const altered = replaced(6, '{"seq":4,"call":"brk 5"}\n');
    expect(explain(altered)).toBe(
      "line 7, segment 2, events 3 to 4: the seal does not fit: lines 5 to 6, or the seal itself, were altered; " +
        "events up to 2 are intact; restore the log from a copy, or import the recording again",
    );
    expect(seqs(decode([altered]))).toEqual([1, 2]);
  });

  test.each([
    [
      "a line that is not JSON",
      replaced(6, '{"seq":4,"call"\n'),
      "line 6, segment 2, events 3 to 4: the line is not JSON",
    ],
    ["an empty line", replaced(6, "\n"), "line 6, segment 2, events 3 to 4: the line is not JSON"],
    [
      "a line without a seq",
      replaced(6, '{"call":"brk"}\n'),
      "line 6, segment 2, events 3 to 4: the line is neither",
    ],
    [
      "a missing event",
      without(5),
      "line 5, segment 2, events 3 to 4: the line holds event 4 where event 3 should be",
    ],
    ["a missing seal", without(7), "line 9, segment 2, events 3 to 6: the seal does not fit"],
    [
      "a missing segment",
      lines.toSpliced(4, 3).join(""),
      "line 5, segment 2, events 3 to 6: the line holds event 5",
    ],
    [
      "another header",
      replaced(1, `{"pagetrail":1,"producer":"","profile":{},"source":{}}\n`),
      "the header, or lines 2 to 3",
    ],
    [
      "a seal with spaces",
      replaced(7, (lines[6] ?? "").replace(":", ": ")),
      "line 7, segment 2, events 3 to 4: the seal is not spelled",
    ],
    [
      "a seal with its members in another order",
      replaced(7, '{"seal":{"state":""}}\n'),
      "the seal is not spelled",
    ],
  ])("by %s is found", (_, damaged, told) => {
    expect(explain(damaged)).toContain(told);
  });

  test("by a seal that never comes is found behind 1,024 events", () => {
    const events = Array.from({ length: 1025 }, (_, index) => `${JSON.stringify(eventAt(index + 1))}\n`);
    expect(explain(logText(0, { finish: false }) + events.join(""))).toContain(
      "line 1026, segment 1, events 1 to 1025: the seal that should have come before this line is missing",
    );
  });

  test("by an event that two seals before vouched for elsewhere is found", () => {
    const swapped = [...lines.slice(0, 1), ...lines.slice(4, 7), ...lines.slice(1, 4)].join("");
    expect(explain(swapped)).toContain("line 2, segment 1");
  });
});

describe("any text", () => {
  test("is read without a crash, and ends exactly once", () => {
    const piece = fc.oneof(fc.string(), fc.constantFrom(...lines), fc.constant("\n"));
    const law = fc.property(fc.array(piece), (pieces) => {
      const items = decode([lines[0] ?? "", ...pieces]);
      const ends = items.filter((item) => item.kind === "end" || item.kind === "refused");
      expect(ends).toEqual([items.at(-1)]);
    });
    fc.assert(law);
  });

  test.each([
    ["", "it is empty"],
    ["1 brk(NULL) = 0x1000\n", "its first line does not begin with"],
    ['{"pagetrail":1', "the log ends inside its header"],
    [logText(0, { finish: false }).slice(0, -1), "the log ends inside its header"],
    ['{"pagetrail":1,"producer":7}\n', "the header lacks a member, or one has the wrong shape"],
    ['{"pagetrail":"1"}\n', "the header's version is not a number"],
    [
      '{"pagetrail":2}\n',
      "the log has version 2; this program reads version 1; read it with a newer pagetrail",
    ],
  ])("%j is refused with the reason", (written, told) => {
    expect(explain(written)).toContain(told);
  });
});
