import { describe, expect, test } from "vitest";
import { KspaceTestMachine, smallHalf } from "../testing/kspace.ts";
import { kmap, kmapLocal } from "./kmap.ts";
import { kernelHalfLaw } from "./laws.ts";
import { vfree, vmalloc } from "./vmalloc.ts";

/** Two areas of two pages, one that waits to be purged, and one slot of each kind of kmap. */
function machine(): KspaceTestMachine {
  const made = new KspaceTestMachine(smallHalf(32));
  const { draft, env, half } = made;
  for (let i = 0; i < 3; i++) vmalloc(draft, env, 8192, "f");
  vfree(draft, env, half.vmalloc.start);
  kmap(draft, env, 0x38000, 1);
  kmapLocal(draft, env, 0, 0x38000);
  return made;
}

describe("the laws of the kernel half", () => {
  test("hold where they should", () => {
    expect(machine().violations()).toEqual([]);
  });

  test.each([
    [
      "a wrong count of lazy pages",
      (m: KspaceTestMachine) => Object.assign(m.draft, { lazyPages: 9 }),
      /counts 9 lazy pages, has 3/,
    ],
    [
      "an area outside the range",
      (m: KspaceTestMachine) => {
        const last = m.draft.areas.last();
        if (last) m.draft.areas.replaceItem(last, { ...last, start: last.start + 40, end: last.end + 40 });
      },
      /leaves the vmalloc range/,
    ],
    [
      "a frame in two areas",
      (m: KspaceTestMachine) => {
        const last = m.draft.areas.last();
        if (last) m.draft.areas.replaceItem(last, { ...last, frames: [0x1002, 0x1003] });
      },
      /shares frame/,
    ],
    [
      "a page without a frame",
      (m: KspaceTestMachine) => {
        const last = m.draft.areas.last();
        if (last) m.draft.areas.replaceItem(last, { ...last, frames: [] });
      },
      /has 0 frames for 2 pages/,
    ],
    [
      "a frame that is in use and free",
      (m: KspaceTestMachine) => m.draft.freeFrames.set(0x1003, true),
      /is free/,
    ],
    [
      "a slot without a user's count",
      (m: KspaceTestMachine) => m.draft.pkmap.set(1, { pfn: 0x38000, count: 0 }),
      /count 0/,
    ],
    [
      "a slot that its frame does not know",
      (m: KspaceTestMachine) => m.draft.pkmap.set(2, { pfn: 9, count: 2 }),
      /does not know/,
    ],
    [
      "a task that waits for nothing",
      (m: KspaceTestMachine) => Object.assign(m.draft, { waiters: [{ tid: 1, pfn: 0x38001 }] }),
      /wait while/,
    ],
    ["a hole in a stack of slots", (m: KspaceTestMachine) => m.draft.locals.set(5, 0x38000), /in stacks/],
  ])("find %s", (_, breakIt, what) => {
    const broken = machine();
    breakIt(broken);
    expect(broken.violations().join("\n")).toMatch(what);
  });
});

describe("the kernel half is one for all", () => {
  const indices = { from: 768, to: 1024 };
  const reference = (index: number): number | undefined => (index < 1000 ? index * 4096 : undefined);
  const lacks = (missing: number) => (index: number) => (index === missing ? undefined : reference(index));

  test("when every address space has the entries of init_mm", () => {
    expect([...kernelHalfLaw(reference, [{ mm: 1, entries: reference }], indices)]).toEqual([]);
  });

  test("and not when one lacks an entry, unless it may until a fault brings it", () => {
    const spaces = [{ mm: 7, entries: lacks(993) }];
    expect([...kernelHalfLaw(reference, spaces, indices)]).toEqual([
      { law: "kspace", where: "mm 7", what: "has nothing at top-level index 993, init_mm has 0x3e1000" },
    ]);
    expect([...kernelHalfLaw(reference, spaces, indices, (index) => index >= 992)]).toEqual([]);
  });

  test("and never when one has another entry", () => {
    const other = (index: number): number | undefined => (index === 1001 ? 0x1000 : reference(index));
    const found = [...kernelHalfLaw(reference, [{ mm: 7, entries: other }], indices, () => true)];
    expect(found.map(({ what }) => what)).toEqual([
      "has 0x1000 at top-level index 1001, init_mm has nothing",
    ]);
  });

  test("says nothing of the user's half", () => {
    expect([...kernelHalfLaw(reference, [{ mm: 7, entries: lacks(5) }], indices)]).toEqual([]);
  });
});
