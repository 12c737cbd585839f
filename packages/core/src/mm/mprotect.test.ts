import { flagged, Machine, strip, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { PERSONALITY } from "../arch/index.ts";
import { PAGE_SIZE } from "../base/index.ts";
import { MAP, PROT } from "./mman.ts";
import { VM } from "./vm-flags.ts";

const HERE = 0x10000;
const FILE = { path: "/f", kind: "disk", readable: true, writable: false, deleted: false } as const;

function mapped(pages = 4): Machine {
  const machine = new Machine();
  machine.ask(flagged(pages * PAGE_SIZE, MAP.FIXED, HERE));
  return machine;
}

describe("mprotect", () => {
  test("splits what it changes in part", () => {
    expect(`${strip("AAAAAA").mprotect("..aa..")}`).toBe("AAaaAA");
    expect(`${strip("AAAAAA").mprotect("__....")}`).toBe("__AAAA");
  });

  test("keeps what it did before a hole, and says ENOMEM", () => {
    const s = strip("AA.AA").mprotect("aaaaa");
    expect(s.last).toBe("ENOMEM");
    expect(`${s}`).toBe("aa.AA");
  });

  test("that starts in a hole does nothing", () => {
    const s = strip("..AA").mprotect("aaaa");
    expect(s.last).toBe("ENOMEM");
    expect(`${s}`).toBe("..AA");
  });

  test("keeps what it did before a sealed mapping, and says EPERM even if nothing would change", () => {
    const s = strip("AAAA").mseal("..xx");
    expect(`${s.mprotect("aaaa")}`).toBe("aaEE");
    expect(s.last).toBe("EPERM");
    expect(s.mprotect("..AA").last).toBe("EPERM");
  });

  test("keeps what it did before a file that may not be written, and says EACCES", () => {
    const machine = mapped(1);
    machine.ask({ call: "file", file: { ...FILE, id: 7 as never } });
    const after = HERE + PAGE_SIZE;
    const flags = MAP.SHARED | MAP.FIXED;
    machine.ask({ call: "mmap", addr: after, length: PAGE_SIZE, prot: 1, flags, offset: 0, file: 7 });
    machine.ask({ call: "mprotect", addr: HERE, length: PAGE_SIZE, prot: 1 });
    expect(told(machine.ask({ call: "mprotect", addr: HERE, length: 2 * PAGE_SIZE, prot: 3 }))).toBe(
      "EACCES",
    );
    expect(machine.mm().vmas.first()?.flags).toBe(0x73 | VM.ACCOUNT);
  });

  test.each([
    ["PROT_GROWSDOWN with PROT_GROWSUP", HERE, PAGE_SIZE, PROT.GROWSDOWN | PROT.GROWSUP, "EINVAL"],
    ["an address that is not aligned", HERE + 1, PAGE_SIZE, 1, "EINVAL"],
    ["an address that is not aligned, and a length of 0", HERE + 1, 0, 1, "EINVAL"],
    ["a length of 0, whatever the protection", HERE, 0, 0x70, "0"],
    ["a length that wraps", HERE, 2n ** 64n - 1n, 1, "ENOMEM"],
    ["unknown protection bits", HERE, PAGE_SIZE, 0x10, "EINVAL"],
    ["PROT_SEM, which is ignored", HERE, PAGE_SIZE, 0x8 | 1, "0"],
    ["PROT_GROWSUP", HERE, PAGE_SIZE, 1 | PROT.GROWSUP, "EINVAL"],
    ["PROT_GROWSDOWN of a mapping that does not grow down", HERE, PAGE_SIZE, 1 | PROT.GROWSDOWN, "EINVAL"],
  ])("answers %s", (_, addr, length, prot, answer) => {
    expect(told(mapped().ask({ call: "mprotect", addr, length, prot }))).toBe(answer);
  });

  test("charges memory that becomes writable, and returns it only if it was never written to", () => {
    const machine = new Machine();
    machine.ask({ ...flagged(4 * PAGE_SIZE, MAP.FIXED, HERE), prot: 1 });
    const all = { call: "mprotect", addr: HERE, length: 4 * PAGE_SIZE } as const;
    machine.ask({ ...all, prot: 3 });
    expect(machine.state.committed).toBe(4);
    machine.ask({ ...all, prot: 1 });
    expect(machine.state.committed).toBe(0);
    machine.ask({ ...all, prot: 3 });
    machine.write(HERE / PAGE_SIZE);
    machine.ask({ ...all, prot: 1 });
    expect(machine.state.committed).toBe(4);
  });

  test("refuses to grow writable memory beyond RLIMIT_DATA", () => {
    const machine = new Machine();
    machine.ask({ ...flagged(4 * PAGE_SIZE, MAP.FIXED, HERE), prot: 1 });
    const limit = { call: "setrlimit", target: 0, resource: "data", soft: PAGE_SIZE, hard: 2 ** 40 } as const;
    machine.ask(limit);
    expect(told(machine.ask({ call: "mprotect", addr: HERE, length: 4 * PAGE_SIZE, prot: 3 }))).toBe(
      "ENOMEM",
    );
    expect(told(machine.ask({ call: "mprotect", addr: HERE, length: PAGE_SIZE, prot: 3 }))).toBe("0");
  });

  test("under PR_SET_MDWE makes nothing executable", () => {
    const machine = mapped();
    machine.ask({ call: "prctl", option: 65, arg: 1 });
    expect(told(machine.ask({ call: "mprotect", addr: HERE, length: PAGE_SIZE, prot: 5 }))).toBe("EACCES");
    expect(told(machine.ask(flagged(PAGE_SIZE, 0)))).toMatch(/^7f/);
    expect(told(machine.ask({ ...flagged(PAGE_SIZE, 0), prot: 7 }))).toBe("EACCES");
    expect(told(machine.ask({ call: "prctl", option: 65, arg: 0 }))).toBe("EPERM");
  });

  test("with READ_IMPLIES_EXEC adds execution to reading, and only to it", () => {
    const machine = mapped();
    machine.ask({ call: "personality", persona: PERSONALITY.READ_IMPLIES_EXEC });
    machine.ask({ call: "mprotect", addr: HERE, length: PAGE_SIZE, prot: PROT.READ });
    machine.ask({ call: "mprotect", addr: HERE + PAGE_SIZE, length: PAGE_SIZE, prot: PROT.WRITE });
    const [first, second] = machine.mm().vmas.toArray();
    expect((first?.flags ?? 0) & 7).toBe(5);
    expect((second?.flags ?? 0) & 7).toBe(2);
  });
});
