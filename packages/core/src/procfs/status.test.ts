import { FIRST, flagged, MACHINE, Machine, onEachMachine, PageMachine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { MADV, MAP } from "../mm/index.ts";
import { statm, statmLine } from "./statm.ts";
import { statusVm, untagMask } from "./status.ts";

const HERE = 0x20000000;
const PAGE = HERE / 4096;

describe("/proc/PID/status", () => {
  test("prints the sizes that ranges decide; the peak stays", () => {
    const machine = new Machine();
    machine.ask(flagged(0x3000, MAP.FIXED | MAP.LOCKED, HERE));
    machine.ask({ call: "munmap", addr: HERE, length: 0x1000 });
    expect(statusVm(machine.state, machine.mm(), FIRST).split("\n")).toEqual([
      "VmPeak:\t      12 kB",
      "VmSize:\t       8 kB",
      "VmLck:\t       8 kB",
      "VmPin:\t       0 kB",
      "VmData:\t       8 kB",
      "VmStk:\t       0 kB",
      "VmExe:\t       0 kB",
      "VmLib:\t       0 kB",
      "CoreDumping:\t0",
      "THP_enabled:\t1",
      "untag_mask:\t0xffffffffffffffff",
      "",
    ]);
  });

  test("prints no sizes without an address space", () => {
    expect(statusVm(new Machine().state, undefined, FIRST)).toBe("");
  });
});

describe("/proc/PID/status where pages are known", () => {
  const known = (): PageMachine => {
    const machine = new PageMachine();
    machine.map(PAGE, 4);
    for (const page of [PAGE, PAGE + 1, PAGE + 2]) machine.touch("write", page);
    machine.ask({ call: "madvise", addr: PAGE * 4096, length: 4096, advice: MADV.DONTNEED });
    return machine;
  };

  test("counts resident pages and page tables; the peak stays", () => {
    const machine = known();
    const lines = statusVm(machine.state, machine.mm(), FIRST).split("\n");
    expect(lines.filter((line) => /^(Vm(HWM|RSS|PTE|Swap)|Rss|Huge)/.test(line))).toEqual([
      "VmHWM:\t      12 kB",
      "VmRSS:\t       8 kB",
      "RssAnon:\t       8 kB",
      "RssFile:\t       0 kB",
      "RssShmem:\t       0 kB",
      "VmPTE:\t      12 kB",
      "VmSwap:\t       0 kB",
      "HugetlbPages:\t       0 kB",
    ]);
    expect(statmLine(statm(machine.mm()))).toBe("4 2 0 0 0 4 0\n");
  });

  test("tells that huge pages were switched off, but not that they have to be asked for", () => {
    const line = (flags: number): string | undefined => {
      const machine = known();
      machine.ask({ call: "prctl", option: 41, arg: 1, arg3: flags, arg5: 0 });
      return /THP_enabled:\t\d/.exec(statusVm(machine.state, machine.mm(), FIRST))?.[0];
    };
    expect([line(0), line(2)]).toEqual(["THP_enabled:\t0", "THP_enabled:\t1"]);
  });

  test("has no untag_mask before 6.4", () => {
    const has = onEachMachine((m) => statusVm(m.state, m.mm(), FIRST).includes("untag_mask"));
    expect(has).toEqual({ "5.4": false, "6.1": false, "6.18": true });
    const i386 = new Machine({ ...MACHINE, layout: "i386" });
    expect(untagMask(i386.state)).toBe("0xffffffff");
  });
});

describe("/proc/PID/statm", () => {
  test("marks the numbers that count resident pages", () => {
    const machine = new Machine();
    machine.ask(flagged(0x3000, MAP.FIXED, HERE));
    expect(statmLine(statm(machine.mm()))).toBe("3 ? ? 0 0 3 0\n");
  });

  test("is seven zeros without an address space", () => {
    expect(statmLine(statm(undefined))).toBe("0 0 0 0 0 0 0\n");
  });
});
