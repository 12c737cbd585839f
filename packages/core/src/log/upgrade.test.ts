import { describe, expect, test } from "vitest";
import { brief, decode, toyHash } from "../testing/log-fixture.ts";
import { hashText } from "./hasher.ts";
import { explainRefusal } from "./refusal.ts";
import { encodeSeal, makeSeal } from "./seal.ts";
import type { LogUpgrade } from "./upgrade.ts";

/** A version that never was: profiles had another name, events an untidy call. */
const zeroToOne: LogUpgrade = {
  from: 0,
  to: 1,
  header: ({ machine, ...rest }) => ({ ...rest, pagetrail: 1, profile: machine }),
  event: ({ sys, ...rest }) => ({ ...rest, call: sys }),
};

const headerLine = '{"pagetrail":0,"producer":"old","machine":{"arch":"i386"},"source":{}}\n';
const eventLine = '{"seq":1,"sys":"brk"}\n';
const claim = { seq: 1, events: 1, state: "s", end: true };
const seal = makeSeal({ previous: hashText(toyHash, headerLine), lines: eventLine, claim }, toyHash);
const oldLog = headerLine + eventLine + encodeSeal(seal);

describe("a log of an older version", () => {
  test("is lifted to this one, header and events", () => {
    const items = decode([oldLog], [zeroToOne]);
    expect(brief(items)).toBe("header 1 seal finished");
    expect(items[0]).toMatchObject({
      kind: "header",
      header: { producer: "old", profile: { arch: "i386" }, source: {} },
      version: 0,
      sealed: true,
    });
    expect(items[1]).toMatchObject({ event: { seq: 1, call: "brk" } });
  });

  test("goes through every upgrader on its way", () => {
    const minusOneToZero: LogUpgrade = {
      from: 0,
      to: 0.5,
      header: (old) => old,
      event: ({ sys, ...rest }) => ({ ...rest, sys: `${String(sys)}!` }),
    };
    const items = decode([oldLog], [{ ...zeroToOne, from: 0.5 }, minusOneToZero]);
    expect(items[1]).toMatchObject({ event: { call: "brk!" } });
  });

  test("is still protected by its seals, over the bytes as they were written", () => {
    expect(brief(decode([oldLog.replace("brk", "brl")], [zeroToOne]))).toBe("damaged");
  });

  test("is refused when no upgrader leads here", () => {
    const [item] = decode([oldLog]);
    expect(item?.kind === "refused" && explainRefusal(item.refusal)).toContain(
      "the log has version 0; this program reads version 1",
    );
  });
});

test("a newer version is refused with the versions that this program reads", () => {
  const [item] = decode(['{"pagetrail":7}\n'], [zeroToOne]);
  expect(item?.kind === "refused" && explainRefusal(item.refusal)).toBe(
    "line 1: the log has version 7; this program reads versions 0 to 1; read it with a newer pagetrail",
  );
});
