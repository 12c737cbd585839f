import { anonymous, flagged, MACHINE, Machine, PAGE_MACHINE, PageMachine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { pid } from "../base/index.ts";
import { MADV, MAP } from "../mm/index.ts";
import { smaps, smapsRollup } from "./smaps.ts";

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

describe("where pages are known", () => {
  /** Two pages that a child shares, one of the child's own, and one that it has in swap. */
  const family = (): PageMachine => {
    const m = new PageMachine({ ...PAGE_MACHINE, sysctl: { ...PAGE_MACHINE.sysctl, swapPages: 8 } });
    m.map(HERE / 4096, 8);
    for (const page of [0, 1, 2, 3]) m.touch("write", HERE / 4096 + page);
    m.ask({ call: "madvise", addr: HERE + 3 * 4096, length: 4096, advice: MADV.PAGEOUT });
    m.fork(pid(2));
    m.touch("write", HERE / 4096 + 2, pid(2));
    return m;
  };

  const counts = (text: string): Readonly<Record<string, number>> =>
    Object.fromEntries(
      [...text.matchAll(/^(\w+): +(\d+) kB$/gm)]
        .map(([, name = "", kb]): [string, number] => [name, Number(kb)])
        .filter(([, kb]) => kb > 0),
    );

  test("an entry counts its pages, and what it shares in parts", () => {
    const m = family();
    expect(counts(smaps(m.state, m.mm(pid(2))).split("\nTHPeligible")[0] ?? "")).toEqual({
      Size: 32,
      KernelPageSize: 4,
      MMUPageSize: 4,
      Rss: 12,
      Pss: 8,
      Pss_Dirty: 8,
      Shared_Dirty: 8,
      Private_Dirty: 4,
      Referenced: 4,
      Anonymous: 12,
      Swap: 4,
      SwapPss: 2,
    });
  });

  test("smaps_rollup has the whole range, the sums, and whose memory Pss is", () => {
    const m = family();
    m.map(HERE / 4096 + 100, 1, { flags: MAP.SHARED }, pid(2));
    m.touch("write", HERE / 4096 + 100, pid(2));
    const text = smapsRollup(m.state, m.mm(pid(2)));
    expect(text.split("\n")[0]).toBe(`${"20000000-20065000 ---p 00000000 00:00 0 ".padEnd(73)}[rollup]`);
    expect(counts(text)).toMatchObject({ Rss: 16, Pss: 12, Pss_Anon: 8, Pss_Shmem: 4, Swap: 4 });
  });

  test("smaps_rollup is empty where they are not", () => {
    const machine = new Machine();
    expect(smapsRollup(machine.state, machine.mm())).toBe("");
  });
});
