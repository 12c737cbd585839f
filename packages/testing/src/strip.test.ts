import { MADV } from "@pagetrail/core";
import { describe, expect, test } from "vitest";
import { STRIP_LETTERS, strip } from "./strip.ts";

const SHOWN = "CWE";
const asked = Object.keys(STRIP_LETTERS).filter((letter) => !SHOWN.includes(letter));

describe("a row", () => {
  test.each(asked)("of %s is drawn as it was asked for", (letter) => {
    expect(String(strip(`.${letter}${letter}.`))).toBe(`.${letter}${letter}.`);
  });

  test.each(asked.filter((letter) => /[B-Z]/.test(letter)))("of %s in small may only be read", (letter) => {
    const small = letter.toLowerCase();
    expect(String(strip(`.${small}${small}`))).toBe(`.${small}${small}`);
  });

  test("shows what calls have made of it", () => {
    expect(String(strip("AAA").madvise(".^.", MADV.DONTFORK))).toBe("ACA");
    expect(String(strip("AAA").madvise("^..", MADV.WIPEONFORK))).toBe("WAA");
    expect(String(strip("AAA").mseal("..^"))).toBe("AAE");
    expect(String(strip("AAA").mlock(".^."))).toBe("ALA");
  });

  test("has a bar between two mappings of one letter that are not one", () => {
    expect(String(strip("AA..AA").write("^^..^^").mmap("..AA.."))).toBe("AAAA|AA");
  });
});

test("a refusal is told, and changes nothing", () => {
  const row = strip("AA..").mseal("AA..").munmap("A...");
  expect(row.last).toBe("EPERM");
  expect(String(row)).toBe("EE..");
});

test("what is not mapped cannot be written to, or looked at", () => {
  expect(() => strip("A._").write("..^")).toThrow("cannot be written");
  expect(() => strip("A._").vma(1)).toThrow("nothing is mapped at 1");
});
