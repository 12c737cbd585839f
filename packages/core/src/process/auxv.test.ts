import { FIRST, Machine } from "@pagetrail/testing";
import { execOf, fixed, pie, withStack } from "@pagetrail/testing/images";
import { describe, expect, test } from "vitest";
import { LINUX_5_4, LINUX_6_1, LINUX_6_18, X86_64 } from "../arch/index.ts";
import { mmOf, Transaction } from "../kernel/index.ts";
import { type AuxName, auxNames, stackWords } from "./auxv.ts";
import type { ElfImage } from "./elf-image.ts";
import { execve, type ProgramStart } from "./exec.ts";

function start(image: ElfImage): { readonly start: ProgramStart; readonly argStart: number } {
  const tx = new Transaction(new Machine().state);
  const ended = execve(tx, tx.task(FIRST), execOf(image));
  if (!ended.ok || ended.value.killed !== undefined) throw new Error("the program does not begin");
  return { start: ended.value.start, argStart: mmOf(tx.commit(1), FIRST)?.argStart ?? 0 };
}

const entries = (image: ElfImage): Readonly<Partial<Record<AuxName, unknown>>> =>
  Object.fromEntries(start(image).start.auxv.map(({ name, value }) => [name, value]));

const as32 = (image: ElfImage): ElfImage => ({ ...image, class: 32, machine: "i386" });

describe("the auxiliary vector", () => {
  test("of a PIE says where program, interpreter, vdso and strings lie", () => {
    expect(entries(pie())).toEqual({
      SYSINFO_EHDR: 0x7ffff7fc8000,
      PAGESZ: 4096,
      CLKTCK: 100,
      PHDR: 0x555555554040,
      PHENT: 56,
      PHNUM: 5,
      BASE: 0x7ffff7fca000,
      FLAGS: 0,
      ENTRY: 0x555555555000,
      SECURE: 0,
      RANDOM: 0x7fffffffefc9,
      EXECFN: 0x7fffffffefed,
      PLATFORM: 0x7fffffffefd9,
      NULL: 0,
    });
  });

  test("of a static program has no base, and headers where a segment holds them", () => {
    expect(entries(fixed)).toMatchObject({ PHDR: 0x400040, BASE: 0, ENTRY: 0x1000 });
    expect(entries({ ...withStack(), phoff: 0x2000 })).toMatchObject({ PHDR: 0 });
    expect(entries({ ...withStack(), phoff: 0x123 })).toMatchObject({ PHDR: 0x400123 });
  });

  test("of a 32-bit program has words of its own width, and AT_SYSINFO first", () => {
    const { auxv } = start(as32({ ...fixed, entry: 0xfffff000 - 0x2000 })).start;
    expect(auxv[0]).toEqual({ name: "SYSINFO", value: undefined });
    expect(auxv.find(({ name }) => name === "PHENT")?.value).toBe(32);
  });

  test("is longer in younger releases", () => {
    const lengths = [LINUX_5_4, LINUX_6_1, LINUX_6_18].map((traits) => auxNames(traits, X86_64).length);
    expect(lengths).toEqual([20, 21, 23]);
  });
});

test("a new stack has the count, pointers to the strings one by one, and the vector", () => {
  const { start: begun, argStart } = start(pie());
  const words = stackWords({ argStart }, [11, 3], [5], begun.auxv);
  expect(words.slice(0, 8)).toEqual([2, argStart, argStart + 11, 0, argStart + 14, 0, 33, 0x7ffff7fc8000]);
  expect(words.slice(-2)).toEqual([0, 0]);
  expect(begun.stackPointer % 16).toBe(0);
  expect(begun.entry).toBe(0x7ffff7fcb000);
});
