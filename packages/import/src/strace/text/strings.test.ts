import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeUtf8, parseString } from "./strings.ts";

describe("a printed string", () => {
  test.each([
    ['"abc"', "abc", false],
    ['"abc"...', "abc", true],
    ['""', "", false],
    ['"\\n\\t\\r\\v\\f\\"\\\\"', '\n\t\r\v\f"\\', false],
    ['"\\0\\1\\3777\\0017"', "\0\x01\xff7\x017", false],
    ['"\\x2f\\x66"', "/f", false],
    ['@"bus"', "\0bus", false],
  ])("%s", (text, bytes, cut) => expect(parseString(text)).toEqual({ bytes, cut }));

  test.each(["NULL", "0x7ffe", '"', '"...', '"abc'])("%s is none", (text) => {
    expect(parseString(text)).toBeUndefined();
  });

  test("a long one is whole", () => {
    expect(parseString(`"${"ab".repeat(100_000)}"`)?.bytes).toBe("ab".repeat(100_000));
  });
});

describe("bytes as UTF-8", () => {
  test("give back the text that was encoded", () => {
    const encode = (text: string) => Buffer.from(text, "utf8").toString("latin1");
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => decodeUtf8(encode(text)) === text));
  });

  test.each([
    ["a\xffb", "a\ufffdb"],
    ["\xc3", "\ufffd"],
    ["\xc0\xaf", "\ufffd\ufffd"],
    ["\xed\xa0\x80", "\ufffd\ufffd\ufffd"],
    ["\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"],
  ])("show what is none as U+FFFD: %j", (bytes, text) => expect(decodeUtf8(bytes)).toBe(text));
});
