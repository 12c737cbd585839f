import { anonymous, flagged, MACHINE, Machine, strip, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { PAGE_SIZE } from "../base/index.ts";
import { MAP, MCL, MLOCK_ONFAULT } from "./mman.ts";
import { VM, VM_LOCKED_MASK } from "./vm-flags.ts";

const HERE = 0x20000000;

function limited(memlockPages: number): Machine {
  const memlock = { soft: memlockPages * PAGE_SIZE, hard: memlockPages * PAGE_SIZE };
  const capabilities = { ipcLock: false, sysRawio: false, sysAdmin: false, sysResource: false };
  const machine = new Machine({ ...MACHINE, capabilities, limits: { ...MACHINE.limits, memlock } });
  machine.ask(flagged(8 * PAGE_SIZE, MAP.FIXED, HERE));
  return machine;
}

const mlock = (pages: number, addr = HERE) =>
  ({ call: "mlock", addr, length: pages * PAGE_SIZE, flags: 0 }) as const;

describe("mlock", () => {
  test("splits what it locks in part, and munlock joins it again", () => {
    const s = strip("AAAA").mlock(".xx.");
    expect(`${s}`).toBe("ALLA");
    expect(`${s.munlock(".xx.")}`).toBe("AAAA");
  });

  test("writes to private memory, so that later neighbours follow the written rules", () => {
    expect(strip("AA").mlock("xx").vma(0).anonVma).not.toBe(0);
    expect(strip("aa").mlock("xx").vma(0).anonVma).toBe(0);
    expect(strip("AA").mlock("xx", MLOCK_ONFAULT).vma(0).anonVma).toBe(0);
  });

  test("keeps what it locked before a hole, and has populated nothing then", () => {
    const s = strip("AA.AA").mlock("xxxxx");
    expect(s.last).toBe("ENOMEM");
    expect(`${s}`).toBe("LL.AA");
    expect(s.vma(0).anonVma).toBe(0);
  });

  test("of memory without access says ENOMEM and leaves it locked", () => {
    const s = strip("__").mlock("xx");
    expect(s.last).toBe("ENOMEM");
    expect(s.machine.mm().lockedVm).toBe(2);
  });

  test("sets and clears the on-fault flag exactly as asked", () => {
    const s = strip("AA").mlock("xx", MLOCK_ONFAULT);
    expect(s.vma(0).flags & VM_LOCKED_MASK).toBe(VM_LOCKED_MASK);
    expect(s.mlock("xx").vma(0).flags & VM_LOCKED_MASK).toBe(VM.LOCKED);
  });

  test("passes over droppable memory", () => {
    const s = strip("DD").mlock("xx");
    expect([s.last, s.machine.mm().lockedVm]).toEqual(["ok", 0]);
  });

  test("counts pages that are locked already once against the limit", () => {
    const machine = limited(4);
    expect(told(machine.ask(mlock(4)))).toBe("0");
    expect(told(machine.ask(mlock(4)))).toBe("0");
    expect(told(machine.ask(mlock(5)))).toBe("ENOMEM");
    expect(told(limited(0).ask(mlock(1)))).toBe("EPERM");
  });

  test.each([
    ["a length of -1 at a page, which rounds to 0", HERE, 2n ** 64n - 1n, 0, "0"],
    ["a length of 0 within a page, which locks it", HERE + 8, 0, 0, "0"],
    ["unknown flags", HERE, PAGE_SIZE, 2, "EINVAL"],
    ["a range that wraps", 2n ** 64n - 4096n, 2 * PAGE_SIZE, 0, "EINVAL"],
    ["nothing mapped", 0x30000000, PAGE_SIZE, 0, "ENOMEM"],
  ])("answers %s", (_, addr, length, flags, answer) => {
    const machine = new Machine();
    machine.ask(flagged(PAGE_SIZE, MAP.FIXED, HERE));
    expect(told(machine.ask({ call: "mlock", addr, length, flags }))).toBe(answer);
  });

  test("is not inherited by a child, nor is MCL_FUTURE", () => {
    const s = strip("AA")
      .ask({ call: "mlockall", flags: MCL.CURRENT | MCL.FUTURE })
      .fork();
    const mm = s.machine.mm(s.process);
    expect([mm.lockedVm, mm.defFlags, `${s.mmap("..aa")}`]).toEqual([0, 0, "AAaa"]);
  });
});

describe("mlockall", () => {
  test.each([0, 8, MCL.ONFAULT])("refuses flags %i", (flags) => {
    expect(told(new Machine().ask({ call: "mlockall", flags }))).toBe("EINVAL");
  });

  test("locks what is there and what comes", () => {
    const s = strip("AA.aa").ask({ call: "mlockall", flags: MCL.CURRENT | MCL.FUTURE });
    expect(`${s.mmap("......AA")}`).toBe("LL.ll.LL");
    expect(`${s.ask({ call: "munlockall" })}`).toBe("AA.aa.AA");
    expect(s.machine.mm().lockedVm).toBe(0);
  });

  test("for the future only leaves what is there", () => {
    expect(`${strip("AA").ask({ call: "mlockall", flags: MCL.FUTURE }).mmap("..AA")}`).toBe("AALL");
  });

  test("refuses to lock more than the limit, all at once", () => {
    expect(told(limited(7).ask({ call: "mlockall", flags: MCL.CURRENT }))).toBe("ENOMEM");
    expect(told(limited(8).ask({ call: "mlockall", flags: MCL.CURRENT }))).toBe("0");
  });

  test("leaves droppable memory made later unlocked", () => {
    const machine = new Machine();
    machine.ask({ call: "mlockall", flags: MCL.FUTURE });
    machine.ask(anonymous(PAGE_SIZE, { flags: MAP.DROPPABLE | MAP.ANONYMOUS }));
    expect(machine.mm().lockedVm).toBe(0);
  });
});
