import { anonymous, flagged, MACHINE, Machine, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { fileId, PAGE_SIZE } from "../base/index.ts";
import { MAP } from "./mman.ts";
import type { FileKind } from "./open-file.ts";

const MIB = 2 ** 20;
const TASK_SIZE = 0x7ffffffff000;
/** Where the gap ends that the examples were taken from: below it everything is free. */
const GAP_END = 0x7ffff7dd1000;
const BASE = 0x7ffff7fff000;

function machine(gapEnd = GAP_END): Machine {
  const m = new Machine();
  if (gapEnd < BASE) m.ask({ ...flagged(BASE - gapEnd, MAP.FIXED, gapEnd), prot: 0 });
  return m;
}

function mapFile(
  m: Machine,
  length: number,
  kind: FileKind,
  more: { addr?: number; offset?: number } = {},
): string {
  const file = { id: fileId(1), path: "/f", kind, readable: true, writable: true, deleted: false };
  m.ask({ call: "file", file });
  return told(m.ask(anonymous(length, { flags: MAP.PRIVATE, file: 1, ...more })));
}

const at = (m: Machine, length: number, addr = 0, flags = 0): string =>
  told(m.ask(flagged(length, flags, addr)));

describe("a hint", () => {
  test.each([
    ["that is free is taken, rounded down to a page", 0x20000fff, "20000000"],
    ["below 64 KiB becomes 64 KiB", 0x1000, "10000"],
    ["within the first page is none", 0xfff, "7ffff7dd0000"],
    ["at the end of user space is dropped", TASK_SIZE, "7ffff7dd0000"],
    ["of -1 is dropped", 2n ** 64n - 1n, "7ffff7dd0000"],
    ["above mmap_base is taken", 0x7ffff8000000, "7ffff8000000"],
  ])("%s", (_, addr, answer) => {
    expect(told(machine().ask(anonymous(PAGE_SIZE, { addr })))).toBe(answer);
  });

  test("that is taken already, or in part, is dropped for the ordinary search", () => {
    const m = machine();
    at(m, 2 * PAGE_SIZE, 0x20000000);
    expect(at(m, PAGE_SIZE, 0x20000000)).toBe("7ffff7dd0000");
    expect(at(m, 2 * PAGE_SIZE, 0x1ffff000)).toBe("7ffff7dce000");
  });

  test("may not lie in the guard gap of a mapping that grows down; one page lower it may", () => {
    const m = machine();
    const stack = 0x30000000;
    at(m, PAGE_SIZE, stack, MAP.FIXED | MAP.GROWSDOWN);
    expect(at(m, PAGE_SIZE, stack - MIB)).toBe("7ffff7dd0000");
    expect(at(m, PAGE_SIZE, stack - MIB - PAGE_SIZE)).toBe((stack - MIB - PAGE_SIZE).toString(16));
    expect(at(m, PAGE_SIZE, stack - PAGE_SIZE, MAP.FIXED_NOREPLACE)).toBe((stack - PAGE_SIZE).toString(16));
  });
});

describe("the plain search", () => {
  test("hands out addresses downward, and uses the highest hole from its top", () => {
    const m = machine(BASE);
    expect([1, 1, 1].map(() => at(m, 4 * PAGE_SIZE))).toEqual([
      "7ffff7ffb000",
      "7ffff7ff7000",
      "7ffff7ff3000",
    ]);
    m.ask({ call: "munmap", addr: 0x7ffff7ff7000, length: 4 * PAGE_SIZE });
    expect(at(m, PAGE_SIZE)).toBe("7ffff7ffa000");
  });

  test("keeps 256 pages free below a mapping that grows down", () => {
    const m = machine(BASE);
    expect(at(m, PAGE_SIZE, 0, MAP.GROWSDOWN)).toBe("7ffff7ffe000");
    expect(at(m, PAGE_SIZE)).toBe((0x7ffff7ffe000 - 257 * PAGE_SIZE).toString(16));
  });

  test("goes on above mmap_base when nothing is left below", () => {
    const m = machine(BASE);
    m.ask({ ...flagged(BASE - 0x10000, MAP.FIXED | MAP.NORESERVE, 0x10000), prot: 0 });
    expect(at(m, PAGE_SIZE)).toBe(BASE.toString(16));
    expect(at(m, PAGE_SIZE)).toBe((BASE + PAGE_SIZE).toString(16));
  });

  test("with MAP_32BIT goes up from 1 GiB and ends at 2 GiB", () => {
    const m = machine();
    expect(at(m, PAGE_SIZE, 0, MAP["32BIT"])).toBe("40000000");
    expect(at(m, PAGE_SIZE, 0, MAP["32BIT"])).toBe("40001000");
    expect(at(m, PAGE_SIZE, 0x20000000, MAP["32BIT"])).toBe("20000000");
    expect(at(m, PAGE_SIZE, 0x90000000, MAP["32BIT"])).toBe("40002000");
    expect(at(m, 2048 * MIB, 0, MAP["32BIT"])).toBe("ENOMEM");
  });
});

describe("the search for huge pages", () => {
  test.each([
    ["2 MiB", 2 * MIB, "7ffff7a00000"],
    ["4 MiB", 4 * MIB, "7ffff7800000"],
    ["3 MiB, which is no multiple", 3 * MIB, "7ffff7ad1000"],
    ["2 MiB and a page", 2 * MIB + PAGE_SIZE, "7ffff7bd0000"],
  ])("places anonymous memory of %s", (_, length, answer) => {
    expect(at(machine(), length)).toBe(answer);
  });

  test("places one block below the other", () => {
    const m = machine();
    expect([at(m, 4 * MIB), at(m, 4 * MIB)]).toEqual(["7ffff7800000", "7ffff7400000"]);
  });

  test("is not for anonymous memory with a hint, even one that cannot be had", () => {
    expect(at(machine(), 4 * MIB, 0x7ffff7fff000 - PAGE_SIZE)).toBe("7ffff79d1000");
  });

  test("is not for shared anonymous memory", () => {
    expect(told(machine().ask(anonymous(4 * MIB, { flags: MAP.SHARED | MAP.ANONYMOUS })))).toBe(
      "7ffff79d1000",
    );
  });

  test("gives a file the same place within 2 MiB as its offset has", () => {
    expect(mapFile(machine(), 4 * MIB, "disk", { offset: 0x1000 })).toBe("7ffff7801000");
    expect(mapFile(machine(), 2 * MIB, "disk", { offset: 0x1000 })).toBe("7ffff7bd1000");
    expect(mapFile(machine(), 2 * MIB + 5 * PAGE_SIZE, "disk")).toBe("7ffff7a00000");
    expect(mapFile(machine(), 4 * MIB, "plain")).toBe("7ffff79d1000");
    expect(mapFile(machine(), 4 * MIB, "shmem")).toBe("7ffff79d1000");
  });

  test("takes a file's hint only where there are 2 MiB to spare", () => {
    const tight = machine();
    at(tight, PAGE_SIZE, 0x20000000 + 4 * MIB, MAP.FIXED);
    expect(mapFile(tight, 4 * MIB, "disk", { addr: 0x20000000 })).toBe("7ffff7800000");
    expect(mapFile(machine(), 4 * MIB, "disk", { addr: 0x20000000 })).toBe("20000000");
  });
});

describe("with five-level page tables", () => {
  const WINDOW = 0x7ffffffff000;
  const five = (): Machine => new Machine({ ...MACHINE, layout: "x86-64-5level" });

  test("what asks for no place stays in the lower 47 bits", () => {
    expect(at(five(), PAGE_SIZE)).toBe("7ffff7ffe000");
  });

  test("a free hint above them is taken", () => {
    expect(at(five(), PAGE_SIZE, 2 ** 52)).toBe("10000000000000");
    expect(at(five(), PAGE_SIZE, 2 ** 55)).toBe("80000000000000");
  });

  test("a hint above them that is taken opens the whole of user space to the search", () => {
    const m = five();
    at(m, PAGE_SIZE, 2 ** 52);
    expect(at(m, PAGE_SIZE, 2 ** 52)).toBe("fffffff7ffe000");
  });

  test("a hint whose range would cross their end is dropped", () => {
    expect(at(five(), 2 * PAGE_SIZE, WINDOW - PAGE_SIZE)).toBe("7ffff7ffd000");
  });

  test("a fixed mapping may lie anywhere below 2^56 less a page", () => {
    const m = five();
    expect(at(m, PAGE_SIZE, 2 ** 56 - 2 * PAGE_SIZE, MAP.FIXED)).toBe("ffffffffffe000");
    expect(at(m, PAGE_SIZE, 2 ** 56 - PAGE_SIZE, MAP.FIXED)).toBe("ENOMEM");
  });
});
