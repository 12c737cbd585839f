import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KERNEL_HALF, KERNEL_HALF_5LEVEL, KERNEL_HALF_CLASSIC } from "../arch/index.ts";
import { PAGE_SIZE } from "../base/index.ts";
import { brief, KspaceTestMachine, smallHalf } from "../testing/kspace.ts";
import { FIRST_FRAME, kspaceText } from "./kspace.ts";
import { lazyMaxPages, purgeVmapAreaLazy, vfree, vmalloc, vmallocToPfn, vmap, vunmap } from "./vmalloc.ts";

/** A vmalloc range of 16 pages; `alloc` answers the place in it. */
class Range extends KspaceTestMachine {
  constructor(pages = 16, totalPages = 2 ** 20) {
    super(smallHalf(pages), { totalPages });
  }

  get first(): number {
    return this.half.vmalloc.start;
  }

  alloc(pages: number): number | string {
    const got = vmalloc(this.draft, this.env, pages * PAGE_SIZE, "f");
    return got.ok ? got.value - this.first : got.error.errno;
  }

  map(frames: readonly number[], guard = true): number | string {
    const got = vmap(this.draft, this.env, frames, { caller: "f", guard });
    return got.ok ? got.value - this.first : got.error.errno;
  }

  free(at: number): string {
    return brief(vfree(this.draft, this.env, this.first + at));
  }
}

describe("vmalloc", () => {
  test("puts areas beside one another, each with a guard page behind it", () => {
    const range = new Range();
    expect([range.alloc(3), range.alloc(1), range.alloc(2)]).toEqual([0, 4, 6]);
    expect(range.row(16)).toBe("AAAgBgCCg.......");
  });

  test("rounds up to whole pages, and refuses nothing and too much", () => {
    const range = new Range(16, FIRST_FRAME + 8);
    expect(brief(vmalloc(range.draft, range.env, 1, "f"))).not.toBe("ENOMEM");
    expect(brief(vmalloc(range.draft, range.env, PAGE_SIZE + 1, "f"))).not.toBe("ENOMEM");
    expect(range.row(8)).toBe("AgBBg...");
    expect(range.alloc(0)).toBe("ENOMEM");
    expect(brief(vmalloc(range.draft, range.env, 2n ** 63n, "f"))).toBe("ENOMEM");
  });

  test("does not use a freed place before it is purged, and then the lowest that is long enough", () => {
    const range = new Range();
    for (const pages of [3, 1, 3]) range.alloc(pages);
    range.free(0);
    range.free(6);
    expect(range.row(16)).toBe("~~~~Ag~~~~......");
    expect(range.alloc(2)).toBe(10);
    purgeVmapAreaLazy(range.draft);
    expect(range.alloc(2)).toBe(0);
    expect(range.row(16)).toBe("AAg.Bg....CCg...");
    expect(range.alloc(3)).toBe(6);
  });

  test("purges by itself when there is no other place left", () => {
    const range = new Range(8);
    range.alloc(6);
    range.free(0);
    expect(range.alloc(3)).toBe(0);
    expect(range.draft.purges).toBe(1);
    expect(range.alloc(4)).toBe("ENOMEM");
    expect(range.draft.purges).toBe(1);
  });

  test("purges in one go when too many pages wait", () => {
    const range = new Range(100_000);
    expect(lazyMaxPages(1)).toBe(8192);
    for (let i = 0; i < 3; i++) range.alloc(3999);
    range.free(0);
    range.free(4000);
    expect([range.draft.lazyPages, range.draft.purges]).toEqual([8000, 0]);
    range.free(8000);
    expect([range.draft.lazyPages, range.draft.purges]).toEqual([0, 1]);
    expect(range.draft.areas.size).toBe(0);
  });

  test.each([
    [1, 8192],
    [2, 16384],
    [3, 16384],
    [4, 24576],
  ])("with %i CPUs lets %i pages wait", (cpus, pages) => {
    expect(lazyMaxPages(cpus)).toBe(pages);
  });

  test("gives back every frame when there are not enough, and the place as vfree does", () => {
    const range = new Range(16, FIRST_FRAME + 4);
    expect(range.alloc(3)).toBe(0);
    expect(range.alloc(2)).toBe("ENOMEM");
    expect(range.row(8)).toBe("AAAg~~~.");
    expect(range.violations()).toEqual([]);
    expect(range.alloc(1)).toBe(7);
    expect(range.alloc(1)).toBe("ENOMEM");
  });

  test("gets frames one by one, which need not be neighbours", () => {
    const range = new Range();
    range.alloc(1);
    range.alloc(1);
    range.free(0);
    range.alloc(2);
    const frames = [4, 5].map((at) => vmallocToPfn(range.draft, range.first + at));
    expect(frames.map(brief)).toEqual(["0x1000", "0x1002"]);
  });

  test.each([
    [KERNEL_HALF, 0xffffc90000000n],
    [KERNEL_HALF_CLASSIC, 0xffffc90000000n],
    [KERNEL_HALF_5LEVEL, 0xffa0000000000n],
  ])("begins where the range of $name does", (half, page) => {
    const { draft, env } = new KspaceTestMachine(half);
    expect(brief(vmalloc(draft, env, 1, "f"))).toBe(`0x${page.toString(16)}`);
  });
});

describe("vfree", () => {
  test("takes any page of an area, and refuses the rest", () => {
    const range = new Range();
    range.alloc(3);
    expect(range.free(9)).toBe("EINVAL");
    expect(range.free(2)).toBe("ok");
    expect(range.row(5)).toBe("~~~~.");
    expect(range.free(0)).toBe("EINVAL");
    expect(brief(vfree(range.draft, range.env, 0))).toBe("ok");
  });
});

describe("vmap", () => {
  test("maps the frames that it is given, and vunmap leaves them alone", () => {
    const range = new Range();
    expect(range.map([7, 9, 8])).toBe(0);
    expect(range.row(5)).toBe("aaag.");
    expect([0, 1, 2, 3].map((at) => brief(vmallocToPfn(range.draft, range.first + at)))).toEqual([
      "0x7",
      "0x9",
      "0x8",
      "EFAULT",
    ]);
    expect(brief(vunmap(range.draft, range.env, range.first))).toBe("ok");
    expect(range.draft.freeFrames.size).toBe(0);
    expect(brief(vmallocToPfn(range.draft, range.first))).toBe("EFAULT");
  });

  test("without a guard page leaves none", () => {
    const range = new Range();
    range.map([1, 2], false);
    range.map([3], false);
    expect(range.row(5)).toBe("aab..");
  });

  test("refuses no frames and more than there are, and vunmap what vmalloc made", () => {
    const range = new Range(16, 3);
    expect([range.map([]), range.map([1, 2, 1, 2])]).toEqual(["ENOMEM", "ENOMEM"]);
    const other = new Range();
    other.alloc(1);
    expect(brief(vunmap(other.draft, other.env, other.first))).toBe("EINVAL");
    expect(other.row(2)).toBe("Ag");
  });
});

type Op = readonly ["alloc" | "map" | "free" | "purge", number];
const ops: fc.Arbitrary<readonly Op[]> = fc.array(
  fc.tuple(fc.constantFrom("alloc", "alloc", "map", "free", "free", "purge"), fc.nat(40)) as fc.Arbitrary<Op>,
  { maxLength: 60, size: "max" },
);

const PAGES = 40;

/** The same rules on an array of pages: 0 free, n an area's, -n one that waits. */
class NaiveRange {
  readonly pages = new Array<number>(PAGES).fill(0);
  #areas = 0;
  #lazy = 0;

  alloc(mapped: number): number | string {
    const length = mapped + 1;
    let at = this.#find(length);
    if (at < 0 && this.#lazy > 0) {
      this.purge();
      at = this.#find(length);
    }
    if (at < 0) return "ENOMEM";
    this.pages.fill(++this.#areas, at, at + length);
    return at;
  }

  free(at: number): string {
    const area = this.pages[at] ?? 0;
    if (area <= 0) return "EINVAL";
    for (const [page, held] of this.pages.entries()) {
      if (held !== area) continue;
      this.pages[page] = -area;
      this.#lazy += 1;
    }
    return "ok";
  }

  purge(): void {
    for (const [page, held] of this.pages.entries()) if (held < 0) this.pages[page] = 0;
    this.#lazy = 0;
  }

  #find(length: number): number {
    for (let at = 0; at + length <= PAGES; at++)
      if (this.pages.slice(at, at + length).every((held) => held === 0)) return at;
    return -1;
  }
}

describe("whatever is allocated and freed", () => {
  test("lies where an array of pages has it, and the laws hold", () => {
    fc.assert(
      fc.property(ops, (list) => {
        const range = new Range(PAGES);
        const naive = new NaiveRange();
        for (const [op, n] of list) {
          if (op === "alloc") expect(range.alloc((n % 6) + 1)).toBe(naive.alloc((n % 6) + 1));
          if (op === "map") {
            const frames = Array.from({ length: (n % 6) + 1 }, (_, i) => n * 100 + i);
            expect(range.map(frames)).toBe(naive.alloc(frames.length));
          }
          if (op === "free") expect(range.free(n)).toBe(naive.free(n));
          if (op === "purge") {
            purgeVmapAreaLazy(range.draft);
            naive.purge();
          }
          const taken = range.row(PAGES).replaceAll(/[A-Za-z]/g, "x");
          expect(taken).toBe(naive.pages.map((held) => (held === 0 ? "." : held > 0 ? "x" : "~")).join(""));
          expect(range.violations()).toEqual([]);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("does not change what was committed before", () => {
    fc.assert(
      fc.property(ops, ops, (first, second) => {
        const range = new Range(PAGES);
        const apply = (list: readonly Op[]): void => {
          for (const [op, n] of list) {
            if (op === "alloc") range.alloc((n % 6) + 1);
            if (op === "map") range.map([n]);
            if (op === "free") range.free(n);
            if (op === "purge") purgeVmapAreaLazy(range.draft);
          }
        };
        apply(first);
        const kept = range.commit();
        const was = kspaceText(kept);
        apply(second);
        expect(kspaceText(kept)).toBe(was);
      }),
      { numRuns: 100 },
    );
  });
});
