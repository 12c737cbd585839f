import { describe, expect, test } from "vitest";
import { type ReadBytes, readSymbols } from "./symbols.ts";

interface Given {
  readonly name: string;
  readonly value: number;
  readonly size: number;
  readonly type: number;
  readonly section: number;
}

const given = (name: string, value: number, more: Partial<Given> = {}): Given => ({
  name,
  value,
  size: 16,
  type: 2,
  section: 1,
  ...more,
});

/** An ELF file with a header, a table of symbols with its names, and a table of sections. */
function elf(bits: 32 | 64, symbols: readonly Given[], tableType = 2): Uint8Array {
  const wide = bits === 64;
  const [entry, header] = wide ? [24, 64] : [16, 40];
  const names = Buffer.from(`\0${symbols.map(({ name }) => name).join("\0")}\0`);
  const [table, text] = [64, 64 + entry * symbols.length];
  const sections = text + names.length;
  const bytes = new Uint8Array(sections + 3 * header);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1]);
  const long = (at: number, value: number): void =>
    wide ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true);
  long(wide ? 0x28 : 0x20, sections);
  view.setUint16(wide ? 0x3a : 0x2e, header, true);
  view.setUint16(wide ? 0x3c : 0x30, 3, true);
  let at = 1;
  for (const [i, { name, value, size, type, section }] of symbols.entries()) {
    const place = table + i * entry;
    view.setUint32(place, at, true);
    at += name.length + 1;
    view.setUint8(place + (wide ? 4 : 12), type);
    view.setUint16(place + (wide ? 6 : 14), section, true);
    long(place + (wide ? 8 : 4), value);
    long(place + (wide ? 16 : 8), size);
  }
  bytes.set(names, text);
  const put = (n: number, type: number, offset: number, size: number, link: number): void => {
    const place = sections + n * header;
    view.setUint32(place + 4, type, true);
    long(place + (wide ? 0x18 : 0x10), offset);
    long(place + (wide ? 0x20 : 0x14), size);
    view.setUint32(place + (wide ? 0x28 : 0x18), link, true);
  };
  put(1, tableType, table, entry * symbols.length, 2);
  put(2, 3, text, names.length, 0);
  return bytes;
}

const reading =
  (bytes: Uint8Array): ReadBytes =>
  (offset, length) =>
    bytes.subarray(offset, offset + length);

describe.each([32, 64] as const)("of a file of %i bits", (bits) => {
  test("functions and objects that it defines are read, in order of address", () => {
    const symbols = [
      given("main", 0x1200),
      given("table", 0x4000, { type: 1, size: 256 }),
      given("printf", 0, { section: 0 }),
      given("start.c", 0, { type: 4 }),
      given("memcpy", 0x1100, { type: 10 }),
    ];
    for (const type of [2, 11])
      expect(readSymbols(reading(elf(bits, symbols, type)))).toEqual([
        { name: "memcpy", value: 0x1100, size: 16 },
        { name: "main", value: 0x1200, size: 16 },
        { name: "table", value: 0x4000, size: 256 },
      ]);
  });

  test("a file that is cut anywhere has fewer or none, and nothing is thrown", () => {
    const whole = elf(bits, [given("main", 0x1200), given("other", 0x1300)]);
    for (let length = 0; length < whole.length; length++)
      expect(readSymbols(reading(whole.subarray(0, length))) ?? []).toEqual([]);
  });

  test("whatever a byte of it is, nothing is thrown", () => {
    const whole = elf(bits, [given("main", 0x1200), given("other", 0x1300)]);
    for (let at = 0; at < whole.length; at++) {
      const flipped = whole.slice();
      flipped[at] = (flipped[at] ?? 0) ^ 0xff;
      expect(() => readSymbols(reading(flipped))).not.toThrow();
    }
  });
});

test("what is no ELF file has no symbols", () => {
  expect(readSymbols(reading(Buffer.from("#!/bin/sh\n".repeat(20))))).toBeUndefined();
  expect(readSymbols(() => undefined)).toBeUndefined();
});
