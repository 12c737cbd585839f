import { describe, expect, test } from "vitest";
import { MADV, MAP } from "../mm/index.ts";
import { MACHINE, Machine } from "../testing/machine.ts";
import { anonymous, flagged } from "../testing/region.ts";
import { smaps } from "./smaps.ts";

const HERE = 0x20000000;
const MIB = 2 ** 20;

const entriesOf = (machine: Machine): readonly string[] =>
  smaps(machine.state, machine.mm()).split(/^(?=[0-9a-f]+-)/m);

describe("/proc/PID/smaps", () => {
  test("gives an entry its header, sizes and flags, each as wide as the kernel prints it", () => {
    const machine = new Machine();
    machine.ask(flagged(3 * MIB, MAP.FIXED | MAP.LOCKED, HERE));
    expect(entriesOf(machine)[0]?.split("\n")).toEqual([
      "20000000-20300000 rw-p 00000000 00:00 0 ",
      "Size:               3072 kB",
      "KernelPageSize:        4 kB",
      "MMUPageSize:           4 kB",
      "THPeligible:           0",
      "VmFlags: rd wr mr mw me lo ac ",
      "",
    ]);
  });

  test("ends with the vsyscall page", () => {
    expect(entriesOf(new Machine()).at(-1)).toMatch(/\[vsyscall\]\nSize: {18}4 kB\n(.*\n)*VmFlags: ex \n$/);
  });

  test("is empty without an address space", () => {
    expect(smaps(new Machine(MACHINE).state, undefined)).toBe("");
  });
});

describe("THPeligible", () => {
  const eligible = (length: number, addr: number, flags: number, advice: number): string | undefined => {
    const machine = new Machine();
    machine.ask(anonymous(length, { addr, flags: flags | MAP.FIXED, prot: 0 }));
    machine.ask({ call: "madvise", addr, length, advice });
    return /THPeligible: +(\d)/.exec(entriesOf(machine)[0] ?? "")?.[1];
  };
  test.each([
    ["an aligned 2 MiB that asked for it", 2 * MIB, HERE, MAP.PRIVATE, MADV.HUGEPAGE, "1"],
    ["an aligned 2 MiB within more", 4 * MIB, HERE + MIB, MAP.PRIVATE, MADV.HUGEPAGE, "1"],
    ["no aligned 2 MiB", 4 * MIB - 8192, HERE + 4096, MAP.PRIVATE, MADV.HUGEPAGE, "0"],
    ["nobody asked", 4 * MIB, HERE, MAP.PRIVATE, MADV.NORMAL, "0"],
    ["shared memory", 4 * MIB, HERE, MAP.SHARED, MADV.HUGEPAGE, "0"],
  ])("%s", (_, length, addr, type, advice, expected) => {
    expect(eligible(length, addr, type | MAP.ANONYMOUS, advice)).toBe(expected);
  });
});
