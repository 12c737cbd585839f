import { anonymous, flagged, MACHINE, Machine, ranges, strip, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { PAGE_SIZE } from "../base/index.ts";
import { MAP } from "./mman.ts";

const TASK_SIZE = 0x7ffffffff000;

describe("munmap", () => {
  test("cuts a hole, an end, or all of several mappings with the holes between them", () => {
    expect(`${strip("AAAAAA").munmap("..xx..")}`).toBe("AA..AA");
    expect(`${strip("AAAAAA").munmap("xx....")}`).toBe("..AAAA");
    expect(`${strip("AAAAAA").munmap("....xx")}`).toBe("AAAA..");
    expect(`${strip("AA..aa.NN").munmap(".xxxxxxx.")}`).toBe("A.......N");
  });

  test("of nothing succeeds", () => {
    expect(strip("AA").munmap("....xx").last).toBe("ok");
  });

  test("of one byte removes its page", () => {
    const machine = new Machine();
    machine.ask(flagged(2 * PAGE_SIZE, MAP.FIXED, 0x10000));
    expect(told(machine.ask({ call: "munmap", addr: 0x10000, length: 1 }))).toBe("0");
    expect(ranges(machine)).toEqual(["11000-12000"]);
  });

  test.each([
    ["an address that is not page-aligned", 0x10001, PAGE_SIZE],
    ["an address above user space", TASK_SIZE + PAGE_SIZE, PAGE_SIZE],
    ["a length that leaves user space", 0x10000, TASK_SIZE],
    ["a length of 0", 0x10000, 0],
    ["a length of 0 at the very end", TASK_SIZE, 0],
    ["a length of -1", 0x10000, 2n ** 64n - 1n],
  ])("refuses %s with EINVAL", (_, addr, length) => {
    expect(told(new Machine().ask({ call: "munmap", addr, length }))).toBe("EINVAL");
  });

  test("stopped by a seal keeps every mapping, and the split at its start", () => {
    const s = strip("AAAA").mseal("...x").munmap(".xxx");
    expect(s.last).toBe("EPERM");
    expect(`${s}`).toBe("A|AAE");
  });

  test("inside a sealed mapping does not even split it", () => {
    expect(`${strip("AAAA").mseal("xxxx").munmap(".xx.")}`).toBe("EEEE");
  });

  test("uncharges what it removes", () => {
    const machine = new Machine();
    machine.ask(flagged(8 * PAGE_SIZE, MAP.FIXED, 0x10000));
    expect(machine.state.committed).toBe(8);
    machine.ask({ call: "munmap", addr: 0x12000, length: 2 * PAGE_SIZE });
    expect(machine.state.committed).toBe(6);
  });
});

describe("max_map_count", () => {
  const LIMIT = 10;
  const full = (mappings: number): Machine => {
    const machine = new Machine({ ...MACHINE, sysctl: { ...MACHINE.sysctl, maxMapCount: LIMIT } });
    for (let i = 0; i < mappings; i++) machine.ask(flagged(4 * PAGE_SIZE, MAP.FIXED, 0x100000 + i * 0x10000));
    return machine;
  };
  const inner = { addr: 0x101000, length: PAGE_SIZE };
  const tail = { addr: 0x102000, length: 2 * PAGE_SIZE };

  test("lets mmap make one mapping more than the limit, and no second", () => {
    expect(full(LIMIT + 1).mm().vmas.size).toBe(LIMIT + 1);
    expect(told(full(LIMIT + 1).ask(anonymous(PAGE_SIZE)))).toBe("ENOMEM");
  });

  test.each([LIMIT, LIMIT + 1])(
    "with %i mappings refuses every split, and lets ends be trimmed",
    (mappings) => {
      expect(told(full(mappings).ask({ call: "munmap", ...inner }))).toBe("ENOMEM");
      expect(told(full(mappings).ask({ call: "mprotect", ...inner, prot: 1 }))).toBe("ENOMEM");
      expect(told(full(mappings).ask({ call: "madvise", ...inner, advice: 16 }))).toBe("EAGAIN");
      expect(told(full(mappings).ask({ call: "munmap", ...tail }))).toBe("0");
    },
  );

  test("below the limit lets a hole be cut", () => {
    expect(told(full(LIMIT - 1).ask({ call: "munmap", ...inner }))).toBe("0");
  });

  test("refuses a move that leaves fewer than four to spare", () => {
    const move = {
      call: "mremap",
      addr: 0x100000,
      oldLength: PAGE_SIZE,
      newLength: 0x8000,
      newAddr: 0,
    } as const;
    expect(told(full(LIMIT - 4).ask({ ...move, flags: 1 }))).not.toBe("ENOMEM");
    expect(told(full(LIMIT - 3).ask({ ...move, flags: 1 }))).toBe("ENOMEM");
    const given = { ...move, flags: 3, newAddr: 0x40000000 };
    expect(told(full(LIMIT - 6).ask(given))).toBe("40000000");
    expect(told(full(LIMIT - 5).ask(given))).toBe("ENOMEM");
  });
});
