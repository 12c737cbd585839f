import { fail, initialState, ok, REFERENCE_PROFILE, Timeline } from "@pagetrail/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findMoment, findRange, parsePosition } from "./position.ts";
import { demo } from "./testing/log-fixture.ts";

const { events } = demo();
const timeline = new Timeline(initialState(REFERENCE_PROFILE), events);

/** The event behind which a position is, or the words of the refusal. */
function at(text: string): number | string {
  const found = findMoment(text, { timeline });
  return found.ok ? found.value.seq : found.error;
}

function range(text: string | undefined): string {
  const found = findRange(text, { timeline });
  return found.ok ? `${found.value.from}..${found.value.to}` : found.error;
}

describe("a position", () => {
  test.each([
    ["0", 0],
    ["7", 7],
    ["start", 0],
    ["end", 12],
    ["0%", 0],
    ["50%", 6],
    ["100%", 12],
    ["12.5%", 2],
    ["line:1", 3],
    ["line:7", 8],
    ["time:0", 3],
    ["time:1", 5],
    ["time:1.24", 5],
    ["time:1.25", 6],
    ["time:99", 12],
    ["start+3", 3],
    ["end-2", 10],
    ["line:1+1", 4],
    ["time:0.5-1", 3],
    ["50%+1", 7],
  ])("%s is behind event %i", (text, seq) => {
    expect(at(text)).toBe(seq);
  });

  test.each([
    "",
    "x",
    "-1",
    "+1",
    "1.5",
    "line:",
    "line:x",
    "time:-1",
    "50%%",
    "101%",
    "1+",
    "1++2",
    "end 2",
    "1e3",
  ])("'%s' is none", (text) => {
    expect(parsePosition(text).ok).toBe(false);
  });

  test("of a line without an event is behind the event before it, and says so", () => {
    expect(findMoment("line:4", { timeline })).toEqual({
      ok: true,
      value: { seq: 5, note: "line 4 made no event; this is the moment behind event 5, from line 3" },
    });
  });

  test("outside the log is refused with the log's size", () => {
    expect(at("13")).toBe("'13' is event 13, and the log has events 1 to 12");
    expect(at("start-1")).toContain("is event -1");
    expect(at("99999999999999999999")).toContain("and the log has events 1 to 12");
  });

  test("with a bookmark's name is behind the event that it names", () => {
    const bookmarks = () => ok(new Map([["here", 4]]));
    expect(findMoment("@here+2", { timeline, bookmarks })).toEqual(ok({ seq: 6 }));
    expect(findMoment("@there", { timeline, bookmarks })).toEqual(
      fail("there is no bookmark @there: the log has @here"),
    );
    expect(at("@here")).toContain("the log has none");
  });

  test("by line or time is refused where a log has none", () => {
    const bare = new Timeline(timeline.origin, [{ ...events[0], line: undefined } as never]);
    expect(findMoment("line:1", { timeline: bare })).toMatchObject({ ok: false });
    expect(findMoment("time:1", { timeline: bare })).toMatchObject({ ok: false });
  });

  test("is read or refused, whatever the text", () => {
    const piece = fc.constantFrom(
      "start",
      "end",
      "%",
      "line:",
      "time:",
      "@",
      "+",
      "-",
      ".",
      "..",
      "1",
      "99999999",
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join("")),
    );
    fc.assert(
      fc.property(text, (position) => {
        const moment = findMoment(position, { timeline });
        if (moment.ok) expect(timeline.stateAt(moment.value.seq).seq).toBe(moment.value.seq);
        const found = findRange(position, { timeline });
        if (found.ok) expect(found.value.from).toBeLessThanOrEqual(found.value.to);
      }),
    );
  });
});

describe("a range", () => {
  test.each([
    [undefined, "1..13"],
    ["..", "1..13"],
    ["3..5", "3..5"],
    ["..5", "1..5"],
    ["10..", "10..13"],
    ["7", "7..8"],
    ["line:2..line:5", "4..6"],
    ["line:4..", "6..13"],
    ["time:1..time:2", "5..8"],
    ["50%..end", "6..12"],
    ["line:99..", "13..13"],
  ])("%s has events %s", (text, expected) => {
    expect(range(text)).toBe(expected);
  });

  test("that ends before it starts is refused", () => {
    expect(range("5..3")).toBe("'5..3' ends at event 3, before its start at event 5");
  });
});
