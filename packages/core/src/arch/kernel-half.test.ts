import { describe, expect, test } from "vitest";
import { KERNEL_HALF, KERNEL_HALF_CLASSIC, kernelRegion, kernelVirtual, physical } from "./kernel-half.ts";

describe.each([
  ["since 4.20", KERNEL_HALF],
  ["up to 4.19", KERNEL_HALF_CLASSIC],
])("the kernel half %s", (_, half) => {
  test("begins at the canonical hole, in order, and no two ranges overlap", () => {
    expect(half[0]?.start).toBe(0xffff800000000000n);
    for (const [i, { start }] of half.entries()) {
      const previous = half[i - 1];
      if (previous) expect(previous.start + previous.size <= start).toBe(true);
    }
  });
});

describe("the direct map", () => {
  test("is 64 TiB, at 0xffff888000000000 now and at 0xffff880000000000 before", () => {
    expect(kernelRegion(0xffff888000000000n)?.name).toBe("direct map");
    expect(kernelRegion(0xffffc87fffffffffn)?.name).toBe("direct map");
    expect(kernelRegion(0xffff880000000000n)?.name).toBe("LDT remap");
    expect(kernelRegion(0xffff880000000000n, KERNEL_HALF_CLASSIC)?.name).toBe("direct map");
    expect(kernelRegion(0xffffc7ffffffffffn, KERNEL_HALF_CLASSIC)?.name).toBe("direct map");
  });

  test("__pa and __va are each other's inverse, and the kernel image has an alias of its own", () => {
    expect(kernelVirtual(0x1000n)).toBe(0xffff888000001000n);
    expect(physical(0xffff888000001000n)).toBe(0x1000n);
    expect(physical(0xffffffff81000000n, 0x1000000n)).toBe(0x2000000n);
  });

  test("a user address lies in no region", () => {
    expect(kernelRegion(0x7ffffffff000n)).toBeUndefined();
  });
});
