import { describe, expect, test } from "vitest";
import { addressOf } from "../base/index.ts";
import { I386, IA32, IA32_3GB, legacyBase, mmapBase, UNLIMITED, X86_64, X86_64_5LEVEL } from "./layout.ts";

const GIB = 2 ** 30;
const still = { on: false, pages: 0 };

describe("mmap_base", () => {
  test.each([
    ["an 8 MiB stack, by the smallest gap", 8 * 2 ** 20, 0x7ffff7fff000],
    ["a 1 GiB stack", GIB, 0x7fffbfeff000],
    ["an unlimited stack, by the largest gap", UNLIMITED, 0x155555556000],
  ])("with %s", (_, stack, base) => {
    expect(addressOf(mmapBase(X86_64, stack, still)).toString(16)).toBe(base.toString(16));
  });

  test("with randomisation keeps the stack's own random part free", () => {
    const base = addressOf(mmapBase(X86_64, 8 * 2 ** 20, { on: true, pages: 0 }));
    expect((X86_64.taskSize - base).toString(16)).toBe("4008ff000");
  });

  test("lies as many pages lower as were drawn", () => {
    const base = mmapBase(X86_64, 8 * 2 ** 20, { on: true, pages: 12345 });
    expect(mmapBase(X86_64, 8 * 2 ** 20, { on: true, pages: 0 }) - base).toBe(12345);
  });
});

test("the legacy area begins at a third of user space", () => {
  expect(addressOf(legacyBase(X86_64, 0)).toString(16)).toBe("2aaaaaaab000");
});

describe("where a layout puts things without randomisation", () => {
  test.each([
    [X86_64, "7ffffffff000", "7ffff7fff000", "2aaaaaaab000", "555555554aaa"],
    [X86_64_5LEVEL, "fffffffffff000", "7ffff7fff000", "2aaaaaaab000", "555555554aaa"],
    [IA32, "ffffe000", "f7ffe000", "55555000", "56555000"],
    [IA32_3GB, "c0000000", "b8000000", "40000000", "41000000"],
    [I386, "c0000000", "b8000000", "40000000", "400000"],
  ])("$name", (layout, taskSize, top, legacy, program) => {
    const hex = (n: number): string => n.toString(16);
    expect(hex(layout.taskSize)).toBe(taskSize);
    expect(hex(addressOf(mmapBase(layout, 8 * 2 ** 20, still)))).toBe(top);
    expect(hex(addressOf(legacyBase(layout, 0)))).toBe(legacy);
    expect(hex(layout.elfEtDynBase)).toBe(program);
  });
});
