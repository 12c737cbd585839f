import { anonymous, FIRST, flagged, Machine, PageMachine, ranges } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { fileId, PAGE_SIZE } from "../base/index.ts";
import { MAP } from "../mm/index.ts";
import { advanceState } from "./advance.ts";
import type { Outcome, Request } from "./request.ts";
import "@pagetrail/testing/setup";

const HERE = 0x20000000;
const THERE = 0x30000000;

/** What is mapped after a request that ended, by the recording, like this. */
function after(machine: Machine, request: Request, outcome: Outcome): readonly string[] {
  machine.state = advanceState(machine.state, {
    seq: machine.state.seq + 1,
    tid: FIRST,
    request,
    outcome,
  }).state;
  expect(machine.state).toSatisfyLaws();
  return ranges(machine);
}

const mapped = (): Machine => {
  const machine = new Machine();
  machine.ask(flagged(2 * PAGE_SIZE, MAP.FIXED, HERE));
  return machine;
};

describe("a recording that contradicts the model is followed:", () => {
  test("a mapping stands where the recording has it", () => {
    expect(after(mapped(), anonymous(PAGE_SIZE), { ret: THERE })).toEqual([
      "20000000-20002000",
      "30000000-30001000",
    ]);
  });

  test("a mapping that failed is not there", () => {
    expect(after(mapped(), anonymous(PAGE_SIZE), { errno: "ENOMEM" })).toEqual(["20000000-20002000"]);
  });

  test("a mapping outside user space is not there either", () => {
    expect(after(mapped(), anonymous(PAGE_SIZE), { ret: 2 ** 50 })).toEqual(["20000000-20002000"]);
  });

  test("a file's page that no offset names is the one that holds it: a recording may be damaged", () => {
    const machine = new PageMachine();
    const file = { id: fileId(1), path: "/f", kind: "disk", size: 8 * PAGE_SIZE } as const;
    machine.ask({ call: "file", file: { ...file, readable: true, writable: true, deleted: false } });
    const mmap = anonymous(2 * PAGE_SIZE, { flags: MAP.PRIVATE, file: 1, offset: 2 * PAGE_SIZE + 2 });
    expect(after(machine, mmap, { ret: HERE })).toEqual(["20000000-20002000"]);
    expect(machine.mm().vmas.toArray()[0]?.pgoff).toBe(2);
    expect(machine.touch("read", HERE / PAGE_SIZE)).toBe("ok");
  });

  test("memory that the model would not unmap is gone", () => {
    const machine = mapped();
    machine.ask({ call: "mseal", addr: HERE, length: 2 * PAGE_SIZE, flags: 0 });
    const unmap = { call: "munmap", addr: HERE, length: PAGE_SIZE } as const;
    expect(after(machine, unmap, { ret: 0 })).toEqual(["20001000-20002000"]);
  });

  test("the only mapping of a file moves to where the recording has it", () => {
    const machine = new Machine();
    const file = {
      id: fileId(1),
      path: "/f",
      kind: "disk",
      readable: true,
      writable: true,
      deleted: false,
    } as const;
    machine.ask({ call: "file", file });
    machine.ask(anonymous(PAGE_SIZE, { flags: MAP.PRIVATE | MAP.FIXED, addr: HERE, file: 1 }));
    const grow = {
      call: "mremap",
      addr: HERE,
      oldLength: PAGE_SIZE,
      newLength: 2 * PAGE_SIZE,
      flags: 1,
      newAddr: 0,
    } as const;
    expect(after(machine, grow, { ret: THERE })).toEqual(["30000000-30002000"]);
  });

  test("the break is where the recording has it", () => {
    const machine = new Machine();
    expect(after(machine, { call: "brk", addr: 0 }, { ret: HERE })).toEqual([]);
    const grow = { call: "brk", addr: HERE + PAGE_SIZE } as const;
    expect(after(machine, grow, { ret: HERE + PAGE_SIZE })).toEqual(["20000000-20001000"]);
  });
});
