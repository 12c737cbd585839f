import { describe, expect, test } from "vitest";
import { SwapArea } from "./swap-area.ts";

describe("swap", () => {
  test("has a page less than its size, for the header", () => {
    const swap = SwapArea.create(4);
    expect([swap.alloc(), swap.alloc(), swap.alloc(), swap.alloc()]).toEqual([1, 2, 3, undefined]);
    expect(swap.used).toBe(3);
    expect(SwapArea.create(0).alloc()).toBeUndefined();
  });

  test("goes on behind the slot that it gave last, and comes round", () => {
    const swap = SwapArea.create(4);
    swap.alloc();
    swap.alloc();
    expect(swap.release(1)).toBe(0);
    expect([swap.alloc(), swap.alloc()]).toEqual([3, 1]);
  });

  test("keeps a slot until its last entry goes, with its contents", () => {
    const swap = SwapArea.create(4);
    const slot = swap.alloc() ?? 0;
    const bytes = Uint8Array.of(1, 2);
    swap.store(slot, bytes);
    swap.duplicate(slot);
    expect([swap.count(slot), swap.release(slot), swap.content(slot), swap.used]).toEqual([2, 1, bytes, 1]);
    expect([swap.release(slot), swap.content(slot), swap.used]).toEqual([0, undefined, 0]);
  });

  test("does not give a slot whose page is still in memory", () => {
    const swap = SwapArea.create(3);
    const slot = swap.alloc() ?? 0;
    swap.setCached(slot, 77);
    swap.release(slot);
    expect([swap.cached(slot), swap.alloc(), swap.alloc()]).toEqual([77, 2, undefined]);
    swap.setCached(slot, undefined);
    expect(swap.alloc()).toBe(slot);
  });

  test("is not changed through a clone", () => {
    const swap = SwapArea.create(4);
    const copy = swap.clone();
    copy.store(copy.alloc() ?? 0, Uint8Array.of(1));
    expect([swap.used, swap.count(1), swap.content(1)]).toEqual([0, 0, undefined]);
    expect(copy.contents.size).toBe(1);
  });
});
