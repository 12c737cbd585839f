import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { brief, decode, eventAt, header, logText, toyHash } from "../testing/log-fixture.ts";
import { LogEncoder } from "./encode.ts";

describe("a log", () => {
  test("is a header, events and seals, a line each", () => {
    const lines = logText(3, { perSeal: 2 }).split("\n");
    expect(lines.map((line) => line.slice(0, 8))).toEqual([
      '{"pagetr',
      '{"seq":1',
      '{"seq":2',
      '{"seal":',
      '{"seq":3',
      '{"seal":',
      "",
    ]);
  });

  test("gives back what was written, however its text is cut into chunks", () => {
    const events = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 12 });
    const law = fc.property(
      events,
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 50 }),
      (bodies, perSeal, cut) => {
        const encoder = new LogEncoder({ header, hash: toyHash });
        let text = encoder.header();
        const written = bodies.map((body, index) => JSON.parse(JSON.stringify({ seq: index + 1, body })));
        for (const event of written) {
          text += encoder.event(event);
          if (event.seq % perSeal === 0) text += encoder.seal("s");
        }
        text += encoder.finish("s");
        const chunks = text.match(new RegExp(`[^]{1,${cut}}`, "g")) ?? [];
        const items = decode(chunks);
        expect(items.flatMap((item) => (item.kind === "event" ? [item.event] : []))).toEqual(written);
        expect(items[0]).toMatchObject({ kind: "header", header, version: 1, sealed: true });
        expect(items.at(-1)).toMatchObject({ kind: "end", end: { finished: true, seq: written.length } });
      },
    );
    fc.assert(law);
  });

  test("without events is a header and a seal", () => {
    expect(brief(decode([logText(0)]))).toBe("header seal finished");
  });

  test("of a branch counts on from where it left its parent", () => {
    const branch = { ...header, parent: { log: "a.ptlog", seq: 41, hash: "00" } };
    const encoder = new LogEncoder({ header: branch, hash: toyHash });
    const items = decode([encoder.header(), encoder.event(eventAt(42)), encoder.finish("s")]);
    expect(brief(items)).toBe("header 42 seal finished");
    expect(items[0]).toMatchObject({ header: branch });
  });

  test("never contains U+FFFD itself, so that damaged UTF-8 cannot pass for it", () => {
    const encoder = new LogEncoder({ header, hash: toyHash });
    const event = { seq: 1, text: "\ufffd" };
    const line = encoder.event(event);
    expect(line).not.toContain("\ufffd");
    expect(decode([encoder.header(), line, encoder.finish("s")])[1]).toMatchObject({ event });
  });
});

describe("an encoder", () => {
  test("wants a seal after 1,024 events", () => {
    const encoder = new LogEncoder({ header, hash: toyHash });
    for (let seq = 1; seq <= 1024; seq += 1) {
      expect(encoder.due()).toBe(false);
      encoder.event(eventAt(seq));
    }
    expect(encoder.due()).toBe(true);
    expect(() => encoder.event(eventAt(1025))).toThrow("sealed before");
    encoder.seal("s");
    expect(encoder.due()).toBe(false);
    expect(encoder.event(eventAt(1025))).toContain("1025");
  });

  test("wants a seal when a segment's text has grown to four million characters", () => {
    const encoder = new LogEncoder({ header, hash: toyHash });
    encoder.event({ seq: 1, ...{ text: "x".repeat(4 * 1024 * 1024) } });
    expect(encoder.due()).toBe(true);
  });

  test.each([
    ["skips a number", { seq: 2 }],
    ["repeats a number", { seq: 0 }],
    ["has a longer number that begins alike", { seq: 10 }],
    ["has its seq behind another member", { call: "brk", seq: 1 }],
  ])("takes no event that %s", (_, event) => {
    const encoder = new LogEncoder({ header, hash: toyHash });
    expect(() => encoder.event(event)).toThrow("seq as first member");
  });

  test("goes on where a log ends, with the text that an unbroken writer would have written", () => {
    const law = fc.property(
      fc.nat(9),
      fc.nat(9),
      fc.integer({ min: 1, max: 4 }),
      (before, after, perSeal) => {
        const begun = logText(before, { perSeal, finish: false });
        const last = decode([begun]).at(-1);
        if (last?.kind !== "end") throw new Error("the log is refused");
        const encoder = new LogEncoder({ header, hash: toyHash, position: last.end.position });
        expect(encoder.seq).toBe(before);
        let text = begun;
        for (let seq = before + 1; seq <= before + after; seq += 1) {
          text += encoder.event(eventAt(seq));
          if (seq % perSeal === 0) text += encoder.seal(`state ${seq}`);
        }
        text += encoder.finish(`state ${before + after}`);
        expect(text).toBe(logText(before + after, { perSeal }));
      },
    );
    fc.assert(law);
  });
});
