import { describe, expect, test } from "vitest";
import { MAP } from "../mm/index.ts";
import { Machine } from "../testing/machine.ts";
import { flagged } from "../testing/region.ts";
import { statm, statmLine } from "./statm.ts";
import { statusVm } from "./status.ts";

const HERE = 0x20000000;

describe("/proc/PID/status", () => {
  test("prints the sizes that ranges decide; the peak stays", () => {
    const machine = new Machine();
    machine.ask(flagged(0x3000, MAP.FIXED | MAP.LOCKED, HERE));
    machine.ask({ call: "munmap", addr: HERE, length: 0x1000 });
    expect(statusVm(machine.mm()).split("\n")).toEqual([
      "VmPeak:\t      12 kB",
      "VmSize:\t       8 kB",
      "VmLck:\t       8 kB",
      "VmPin:\t       0 kB",
      "VmData:\t       8 kB",
      "VmStk:\t       0 kB",
      "VmExe:\t       0 kB",
      "VmLib:\t       0 kB",
      "",
    ]);
  });

  test("prints no sizes without an address space", () => {
    expect(statusVm(undefined)).toBe("");
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
