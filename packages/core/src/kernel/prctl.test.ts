import { flagged, MACHINE, Machine, told } from "@pagetrail/testing";
import { execOf, fixed } from "@pagetrail/testing/images";
import { describe, expect, test } from "vitest";
import { pid, type Word } from "../base/index.ts";
import { MADV, MAP } from "../mm/index.ts";
import { isThpEligible } from "../procfs/index.ts";
import type { Profile } from "./profile.ts";

const [SET_MM, SET_THP_DISABLE, GET_THP_DISABLE, SET_MDWE, GET_MDWE] = [35, 41, 42, 65, 66];
const CHILD = pid(2);

function program(profile: Profile = MACHINE): Machine {
  const m = new Machine(profile);
  m.ask({ call: "execve", path: "/p", load: execOf(fixed) });
  return m;
}

const prctl = (m: Machine, option: number, arg: Word, arg3: Word = 0, arg5: Word = 0, tid = pid(1)): string =>
  told(m.ask({ call: "prctl", option, arg, arg3, arg5 }, tid));

describe("PR_SET_THP_DISABLE", () => {
  test("is answered by PR_GET_THP_DISABLE", () => {
    const m = program();
    expect(prctl(m, SET_THP_DISABLE, 1)).toBe("0");
    expect(prctl(m, GET_THP_DISABLE, 0)).toBe("1");
    expect(prctl(m, SET_THP_DISABLE, 1, 2)).toBe("0");
    expect(prctl(m, GET_THP_DISABLE, 0)).toBe("3");
    expect(prctl(m, SET_THP_DISABLE, 0)).toBe("0");
    expect(prctl(m, GET_THP_DISABLE, 0)).toBe("0");
  });

  test.each([
    ["flags without disabling", 0, 2, 0],
    ["an unknown flag", 1, 1, 0],
    ["a fifth argument", 1, 0, 1],
  ])("refuses %s", (_, arg, arg3, arg5) => {
    expect(prctl(program(), SET_THP_DISABLE, arg, arg3, arg5)).toBe("EINVAL");
  });

  test("passes to a child and through exec, and takes eligibility away", () => {
    const m = program();
    prctl(m, SET_THP_DISABLE, 1);
    m.ask({ call: "clone", flags: 0, child: CHILD });
    m.ask({ call: "execve", path: "/p", load: execOf(fixed) }, CHILD);
    expect(prctl(m, GET_THP_DISABLE, 0, 0, 0, CHILD)).toBe("1");
    const [addr, length] = [0x20000000, 2 ** 21];
    m.ask(flagged(length, MAP.FIXED, addr));
    m.ask({ call: "madvise", addr, length, advice: MADV.HUGEPAGE });
    const vma = m.mm().vmas.findFrom(0x20000);
    expect(vma && isThpEligible(m.mm(), vma)).toBe(false);
  });
});

describe("PR_SET_MDWE", () => {
  test("is answered by PR_GET_MDWE, and takes no further arguments", () => {
    const m = program();
    expect(prctl(m, SET_MDWE, 1, 1)).toBe("EINVAL");
    expect(prctl(m, SET_MDWE, 1)).toBe("0");
    expect(prctl(m, GET_MDWE, 0)).toBe("1");
    expect(prctl(m, GET_MDWE, 1)).toBe("EINVAL");
  });
});

describe("PR_SET_MM", () => {
  const BRK = 7;
  const START_BRK = 6;
  const START_STACK = 5;

  test("moves the break, which brk then goes on from", () => {
    const m = program();
    const { startBrk } = m.mm();
    expect(prctl(m, SET_MM, BRK, startBrk + 0x5000)).toBe("0");
    expect(told(m.ask({ call: "brk", addr: 0 }))).toBe((startBrk + 0x5000).toString(16));
  });

  test.each([
    ["an address below 64 KiB", START_BRK, 0xf000, "EINVAL"],
    ["an address at the end of user space", START_BRK, 0x7ffffffff000, "EINVAL"],
    ["a break below the heap's beginning", BRK, 0x10000, "EINVAL"],
    ["no field of that number", 99, 0x400000, "EINVAL"],
  ])("refuses %s", (_, field, address, errno) => {
    expect(prctl(program(), SET_MM, field, address)).toBe(errno);
  });

  test("refuses a stack with no mapping at or above it", () => {
    const m = program();
    m.ask({ call: "munmap", addr: 0x7ffffff00000, length: 0xff000 });
    expect(prctl(m, SET_MM, START_STACK, 0x7ffffffe0000)).toBe("EFAULT");
  });

  test("refuses a fifth argument before it asks for CAP_SYS_RESOURCE", () => {
    const m = program({ ...MACHINE, capabilities: { ...MACHINE.capabilities, sysResource: false } });
    expect(prctl(m, SET_MM, BRK, 0x400000, 1)).toBe("EINVAL");
    expect(prctl(m, SET_MM, BRK, 0x400000)).toBe("EPERM");
  });
});
