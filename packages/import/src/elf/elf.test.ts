import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elfBytesNeeded, interpRange, parseElf, withInterp } from "./elf.ts";

type Phdr = {
  readonly type: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly filesz: bigint;
  readonly memsz: bigint;
  readonly align: bigint;
};

const LOAD: Phdr = {
  type: 1,
  flags: 5,
  offset: 0x1000n,
  vaddr: 0x401000n,
  filesz: 0x500n,
  memsz: 0x800n,
  align: 0x1000n,
};

const NAME = new TextEncoder().encode("/lib/ld.so\0");

const INTERP: Phdr = { ...LOAD, type: 3, flags: 4, offset: 300n, filesz: BigInt(NAME.length) };

/** An ELF64 program with these program headers, the interpreter's name at byte 300. */
function elf64(phdrs: readonly Phdr[], entry = 0x401000n): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(400);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setBigUint64(24, entry, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, phdrs.length, true);
  for (const [i, p] of phdrs.entries()) {
    const at = 64 + i * 56;
    view.setUint32(at, p.type, true);
    view.setUint32(at + 4, p.flags, true);
    for (const [k, word] of [p.offset, p.vaddr, 0n, p.filesz, p.memsz, p.align].entries()) {
      view.setBigUint64(at + 8 + k * 8, word, true);
    }
  }
  bytes.set(NAME, 300);
  return bytes;
}

/** `bytes` with one little-endian number of 1 or 2 bytes replaced. */
function patched(
  bytes: Uint8Array<ArrayBuffer>,
  at: number,
  value: number,
  size = 2,
): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  if (size === 1) view.setUint8(at, value);
  else view.setUint16(at, value, true);
  return copy;
}

const reason = (bytes: Uint8Array): string | undefined => {
  const parsed = parseElf(bytes);
  return parsed.ok ? undefined : parsed.error;
};

describe("an ELF image", () => {
  test("of 64 bits has its headers and its interpreter", () => {
    const segment = {
      flags: "r-x",
      offset: 0x1000,
      vaddr: 0x401000,
      filesz: 0x500,
      memsz: 0x800,
      align: 0x1000,
    };
    expect(parseElf(elf64([LOAD, INTERP]))).toEqual({
      ok: true,
      value: {
        class: 64,
        type: "EXEC",
        machine: "x86-64",
        entry: 0x401000,
        segments: [
          { type: "LOAD", ...segment },
          { type: "INTERP", ...segment, flags: "r--", offset: 300, filesz: NAME.length },
        ],
        interp: "/lib/ld.so",
      },
    });
  });

  test("of 32 bits keeps its flags behind the sizes", () => {
    const bytes = new Uint8Array(84);
    const view = new DataView(bytes.buffer);
    bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
    view.setUint16(16, 3, true);
    view.setUint16(18, 3, true);
    view.setUint32(24, 0x1050, true);
    view.setUint32(28, 52, true);
    view.setUint16(42, 32, true);
    view.setUint16(44, 1, true);
    const phdr = [0x6474e551, 1, 2, 3, 4, 5, 6, 16];
    for (const [i, word] of phdr.entries()) view.setUint32(52 + i * 4, word, true);
    expect(parseElf(bytes)).toEqual({
      ok: true,
      value: {
        class: 32,
        type: "DYN",
        machine: "i386",
        entry: 0x1050,
        segments: [{ type: "GNU_STACK", flags: "rw-", offset: 1, vaddr: 2, filesz: 4, memsz: 5, align: 16 }],
      },
    });
  });

  test("survives JSON, with numbers for what has no name and text for an entry above 2^53", () => {
    const bytes = patched(elf64([{ ...LOAD, type: 0x70000001 }], 0xffffffff81000000n), 18, 183);
    const parsed = parseElf(bytes);
    expect(parsed).toMatchObject({
      ok: true,
      value: { machine: 183, entry: "0xffffffff81000000", segments: [{ type: 0x70000001 }] },
    });
    expect(JSON.parse(JSON.stringify(parsed))).toEqual(parsed);
  });

  test("waits for an interpreter's name that lies further on", () => {
    const bytes = elf64([INTERP]);
    const parsed = parseElf(bytes.subarray(0, 305));
    if (!parsed.ok) throw new Error(parsed.error);
    expect(parsed.value.interp).toBeUndefined();
    const range = interpRange(parsed.value);
    expect(range).toEqual({ offset: 300, length: NAME.length });
    expect(withInterp(parsed.value, bytes.subarray(300, 300 + NAME.length))).toEqual(parseElf(bytes));
  });

  test("needs no more bytes than it says, and no fewer", () => {
    const bytes = elf64([LOAD, LOAD]);
    const needed = elfBytesNeeded(bytes.subarray(0, 64));
    expect(needed).toEqual({ ok: true, value: 64 + 2 * 56 });
    expect(parseElf(bytes.subarray(0, 176)).ok).toBe(true);
    expect(reason(bytes.subarray(0, 175))).toMatch(/end at byte 176, only 175/);
  });
});

describe("a damaged ELF file gives its reason", () => {
  const good = elf64([LOAD]);
  test.each([
    ["no magic", patched(good, 0, 0x80, 1), /magic/],
    ["an unknown class of another machine", patched(patched(good, 18, 183), 4, 3, 1), /class 3/],
    ["big-endian of another machine", patched(patched(good, 18, 183), 5, 2, 1), /little-endian/],
    ["odd program headers", patched(good, 54, 32), /32 bytes/],
    ["no program headers", patched(good, 56, 0), /no program headers/],
    ["too many program headers", patched(good, 56, 1171), /1171/],
    ["program headers beyond 2^53", patched(good, 38, 0xffff), /2\^53/],
    ["an empty interpreter", elf64([{ ...INTERP, filesz: 1n }]), /empty/],
    ["an endless interpreter", elf64([{ ...INTERP, filesz: 5n }]), /NUL/],
    ["an empty file", new Uint8Array(), /too few/],
  ])("%s", (_, bytes, why) => {
    expect(reason(bytes)).toMatch(why);
  });

  test("and where the kernel does not look, there is no damage", () => {
    const whole = parseElf(good);
    expect(parseElf(patched(good, 4, 1, 1))).toEqual(whole);
    expect(parseElf(patched(good, 5, 2, 1))).toEqual(whole);
    const type = parseElf(patched(good, 16, 1));
    expect(type.ok && type.value.type).toBe(1);
    const machine = parseElf(patched(good, 18, 6));
    expect(machine.ok).toBe(false);
  });

  test("has words above 2^53 in hex, or as near as a number comes where nothing can be mapped", () => {
    const image = parseElf(
      elf64([{ ...LOAD, offset: 2n ** 60n, align: 2n ** 63n + 1n, memsz: 2n ** 60n + 1n }]),
    );
    const [segment] = image.ok ? image.value.segments : [];
    expect(segment).toMatchObject({
      offset: "0x1000000000000000",
      align: "0x8000000000000001",
      memsz: 2 ** 60,
    });
  });

  test("whatever its bytes are, nothing is thrown and the answer is plain JSON", () => {
    const whole = elf64([LOAD, INTERP]);
    const damage = fc.array(fc.tuple(fc.nat(399), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(damage, fc.nat(400), (changes, length) => {
        const bytes = whole.slice();
        for (const [at, value] of changes) bytes[at] = value;
        const parsed = parseElf(bytes.subarray(0, length));
        expect(JSON.parse(JSON.stringify(parsed))).toEqual(parsed);
        const needed = elfBytesNeeded(bytes.subarray(0, 64));
        if (parsed.ok) expect(needed.ok && needed.value <= length).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
