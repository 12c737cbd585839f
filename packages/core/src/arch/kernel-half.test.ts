import { describe, expect, test } from "vitest";
import { fixmap32, fixmapEnd, kmapSlotsPerCpu } from "./fixed-addresses.ts";
import {
  KERNEL_HALF,
  KERNEL_HALF_5LEVEL,
  KERNEL_HALF_CLASSIC,
  KERNEL_HALF_I386,
  KERNEL_HALF_I386_PAE,
  KERNEL_HALVES,
  kernelHalf32,
  kernelHalfOf,
  kernelRegion,
  kernelVirtual,
  pageToPfn,
  pfnToPage,
  physical,
} from "./kernel-half.ts";

const MIB = 1n << 20n;
const hex = (n: bigint): string => n.toString(16);
const page = (vpn: number): string => (vpn * 4096).toString(16);
const ranges = ({ regions }: typeof KERNEL_HALF): readonly string[] =>
  regions.map(({ name, start, size }) => `${hex(start)}-${hex(start + size)} ${name}`);

describe.each(Object.entries(KERNEL_HALVES))("the kernel half of %s", (_, half) => {
  test("is in order, no two ranges overlap, and it ends where addresses do", () => {
    for (const [i, { start, size }] of half.regions.entries()) {
      expect(size > 0n).toBe(true);
      const previous = half.regions[i - 1];
      if (previous) expect(previous.start + previous.size <= start).toBe(true);
    }
    const last = half.regions.at(-1);
    expect(last && last.start + last.size).toBe(1n << BigInt(half.bits));
  });

  test("has the ranges by name that the model works with, and where they say", () => {
    const named = (name: string): bigint | undefined => half.regions.find((r) => r.name === name)?.start;
    expect(named("direct map")).toBe(half.pageOffset);
    expect(named("vmalloc")).toBe(BigInt(half.vmalloc.start) * 4096n);
    expect(named("pkmap")).toBe(half.pkmap?.start);
    if (half.bits === 64) expect(named("vmemmap")).toBe(half.memMap.start);
  });

  test("__pa takes back what __va gave, to the last byte of low memory", () => {
    for (const address of [0n, 0x1000n, half.lowMemory - 1n]) {
      const virtual = kernelVirtual(address, half);
      expect(virtual.ok && physical(virtual.value, half)).toEqual({ ok: true, value: address });
    }
  });

  test("__va refuses what lies above the direct map, and __pa what is mapped page by page", () => {
    expect(kernelVirtual(half.lowMemory, half)).toMatchObject({ error: { errno: "EFAULT" } });
    const vmalloc = BigInt(half.vmalloc.start) * 4096n;
    expect(physical(vmalloc, half)).toMatchObject({
      error: { why: `0x${hex(vmalloc)} lies in vmalloc, not in the direct map` },
    });
    expect(physical(0x1000n, half)).toMatchObject({
      error: { why: "0x1000 lies in no region of the kernel half, not in the direct map" },
    });
  });

  test("a frame and its struct page name one another", () => {
    for (const pfn of [0, 1, 0x12345])
      expect(pageToPfn(pfnToPage(pfn, half), half)).toEqual({ ok: true, value: pfn });
    expect(pageToPfn(half.memMap.start - 64n, half)).toMatchObject({ ok: false });
    expect(pageToPfn(half.memMap.start + 1n, half)).toMatchObject({ ok: false });
  });
});

describe("on 64-bit", () => {
  test.each([
    [KERNEL_HALF, "ffff888000000000", "ffffc87fffffffff"],
    [KERNEL_HALF_CLASSIC, "ffff880000000000", "ffffc7ffffffffff"],
    [KERNEL_HALF_5LEVEL, "ff11000000000000", "ff90ffffffffffff"],
  ])("the direct map of $name", (half, first, last) => {
    expect(hex(half.pageOffset)).toBe(first);
    expect(hex(half.pageOffset + half.lowMemory - 1n)).toBe(last);
    expect(kernelRegion(half.pageOffset + half.lowMemory, half)?.name).toBe("hole");
  });

  test.each([
    [KERNEL_HALF, "ffffc90000000000", "ffffea0000000000", "ffff800000000000"],
    [KERNEL_HALF_CLASSIC, "ffffc90000000000", "ffffea0000000000", "ffff800000000000"],
    [KERNEL_HALF_5LEVEL, "ffa0000000000000", "ffd4000000000000", "ff00000000000000"],
  ])("vmalloc, vmemmap and the beginning of $name", (half, vmalloc, vmemmap, first) => {
    expect(hex(BigInt(half.vmalloc.start) * 4096n)).toBe(vmalloc);
    expect(hex(half.memMap.start)).toBe(vmemmap);
    expect(half.regions[0] && hex(half.regions[0].start)).toBe(first);
  });

  test("the kernel image is a second place of the frames that it was loaded into", () => {
    const loaded = 0x1000000n;
    expect(physical(0xffffffff81000000n, KERNEL_HALF, loaded)).toEqual({ ok: true, value: 0x2000000n });
    expect(kernelVirtual(0x2000000n)).toEqual({ ok: true, value: 0xffff888002000000n });
    expect(physical(0xffff888002000000n)).toEqual({ ok: true, value: 0x2000000n });
  });

  test("modules lie above the image, and have no physical address that could be computed", () => {
    expect(physical(0xffffffffa0000000n)).toMatchObject({ error: { errno: "EFAULT" } });
  });

  test("a struct page takes 64 bytes of vmemmap", () => {
    expect(hex(pfnToPage(0x1000))).toBe("ffffea0000040000");
  });

  test("what was there before 4.20 is told from what is there now", () => {
    expect(kernelRegion(0xffff880000000000n)?.name).toBe("LDT remap");
    expect(kernelRegion(0xffff880000000000n, KERNEL_HALF_CLASSIC)?.name).toBe("direct map");
    expect(kernelRegion(0x7ffffffff000n)).toBeUndefined();
  });
});

describe("on 32-bit", () => {
  test("896 MiB are low memory, and the rest of the upper GiB is for everything else", () => {
    expect(ranges(KERNEL_HALF_I386)).toEqual([
      "c0000000-f8000000 direct map",
      "f8000000-f8800000 hole",
      "f8800000-ff7fe000 vmalloc",
      "ff7fe000-ff800000 hole",
      "ff800000-ffc00000 pkmap",
      "ffc00000-fff3a000 hole",
      "fff3a000-fffff000 fixmap",
      "fffff000-100000000 hole",
    ]);
  });

  test("PAE halves the slots of kmap, which leaves more for vmalloc", () => {
    expect(KERNEL_HALF_I386_PAE.pkmap).toEqual({ start: 0xffc00000n, slots: 512 });
    expect(page(KERNEL_HALF_I386_PAE.vmalloc.end)).toBe("ffbfe000");
    expect(KERNEL_HALF_I386.pkmap).toEqual({ start: 0xff800000n, slots: 1024 });
  });

  test("with less memory vmalloc begins lower, and nothing is high memory", () => {
    const half = kernelHalf32({ pae: false, kmapSlots: "stack", memory: 256n * MIB });
    expect(page(half.vmalloc.start)).toBe("d0800000");
    expect(half.lowMemory).toBe(256n * MIB);
  });

  test("mem_map stands in low memory, with 32 bytes for a frame", () => {
    expect(hex(pfnToPage(0x38000, KERNEL_HALF_I386))).toBe("c1700000");
    expect(physical(pfnToPage(0x38000, KERNEL_HALF_I386), KERNEL_HALF_I386)).toMatchObject({ ok: true });
  });

  test("slots by purpose take more room in the fixmap than stacks of slots", () => {
    expect([kmapSlotsPerCpu("stack"), kmapSlotsPerCpu("typed")]).toEqual([16, 20]);
    expect(fixmapEnd(fixmap32("typed")) - fixmapEnd(fixmap32("stack"))).toBe(32);
  });
});

test("a layout of user space goes with a kernel half", () => {
  const names = (["x86-64", "x86-64-5level", "ia32", "ia32-3gb", "i386"] as const).map(
    (l) => kernelHalfOf(l).name,
  );
  expect(names).toEqual(["x86-64", "x86-64-5level", "x86-64", "x86-64", "i386"]);
});
