import { FIRST, flagged, Machine, ranges, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { PERSONALITY } from "../arch/index.ts";
import { PAGE_SIZE, type Pid, pid } from "../base/index.ts";
import { Transaction } from "../kernel/index.ts";
import { MAP } from "./mman.ts";

const START = 0x4ad000;

/** A process whose heap begins at START, right behind a bss. */
function machine(): Machine {
  const m = new Machine();
  m.ask(flagged(PAGE_SIZE, MAP.FIXED, START - PAGE_SIZE));
  const tx = new Transaction(m.state);
  const task = tx.task(FIRST);
  const edit = tx.edit(tx.mm(task.mm), task);
  edit.set("startBrk", START);
  edit.set("brk", START);
  m.state = tx.commit(m.state.seq + 1);
  return m;
}

const brk = (m: Machine, pages: number, tid: Pid = FIRST): number => {
  const answer = m.ask({ call: "brk", addr: START + pages * PAGE_SIZE }, tid);
  return (Number.parseInt(told(answer), 16) - START) / PAGE_SIZE;
};

describe("brk", () => {
  test("grows and shrinks the heap, which never joins the bss below it", () => {
    const m = machine();
    expect(brk(m, 4)).toBe(4);
    expect(brk(m, 6)).toBe(6);
    expect(ranges(m)).toEqual(["4ac000-4ad000", "4ad000-4b3000"]);
    expect(brk(m, 2)).toBe(2);
    expect(ranges(m)).toEqual(["4ac000-4ad000", "4ad000-4af000"]);
  });

  test("answers the old break for one below the start", () => {
    const m = machine();
    brk(m, 3);
    expect(brk(m, -1)).toBe(3);
    expect(told(m.ask({ call: "brk", addr: 0 }))).toBe((START + 3 * PAGE_SIZE).toString(16));
  });

  test("may stop within a page, which is mapped whole", () => {
    const m = machine();
    expect(brk(m, 0.5)).toBe(0.5);
    expect(ranges(m)).toEqual(["4ac000-4ad000", "4ad000-4ae000"]);
    expect(brk(m, 0.75)).toBe(0.75);
  });

  test("leaves one page free below the next mapping", () => {
    const m = machine();
    m.ask(flagged(PAGE_SIZE, MAP.FIXED, START + 5 * PAGE_SIZE));
    expect(brk(m, 5)).toBe(0);
    expect(brk(m, 4)).toBe(4);
  });

  test("leaves the guard gap as well below one that grows down", () => {
    const m = machine();
    m.ask(flagged(PAGE_SIZE, MAP.FIXED | MAP.GROWSDOWN, START + 300 * PAGE_SIZE));
    expect(brk(m, 44)).toBe(0);
    expect(brk(m, 43)).toBe(43);
  });

  test("cannot shrink a heap that is unmapped already", () => {
    const m = machine();
    brk(m, 4);
    m.ask({ call: "munmap", addr: START, length: 4 * PAGE_SIZE });
    expect(brk(m, 1)).toBe(4);
  });

  test("joins a mapping that mmap put at the break, but then cannot grow", () => {
    const m = machine();
    brk(m, 2);
    m.ask(flagged(PAGE_SIZE, MAP.FIXED, START + 2 * PAGE_SIZE));
    expect(ranges(m)).toEqual(["4ac000-4ad000", "4ad000-4b0000"]);
    expect(brk(m, 3)).toBe(2);
  });

  test("obeys RLIMIT_DATA and RLIMIT_AS", () => {
    const m = machine();
    m.ask({ call: "setrlimit", target: 0, resource: "data", soft: 3 * PAGE_SIZE, hard: 2 ** 40 });
    expect(brk(m, 4)).toBe(0);
    expect(brk(m, 2)).toBe(2);
    m.ask({ call: "setrlimit", target: 0, resource: "as", soft: 3 * PAGE_SIZE, hard: 2 ** 40 });
    expect(brk(m, 3)).toBe(2);
  });

  test("makes the heap executable under READ_IMPLIES_EXEC", () => {
    const m = machine();
    m.ask({ call: "personality", persona: PERSONALITY.READ_IMPLIES_EXEC });
    brk(m, 1);
    expect((m.mm().vmas.last()?.flags ?? 0) & 7).toBe(7);
  });

  test("in a child starts a new mapping above the heap that the parent wrote to, and grows that one", () => {
    const m = machine();
    brk(m, 2);
    m.write(START / PAGE_SIZE);
    const child = pid(2);
    m.ask({ call: "clone", flags: 17, child });
    brk(m, 3, child);
    brk(m, 5, child);
    expect(
      m
        .mm(child)
        .vmas.toArray()
        .map((v) => v.pages),
    ).toEqual([1, 2, 3]);
  });

  test("populates what it adds after mlockall(MCL_FUTURE)", () => {
    const m = machine();
    m.ask({ call: "mlockall", flags: 2 });
    brk(m, 2);
    expect(m.mm().lockedVm).toBe(2);
    expect(m.mm().vmas.last()?.anonVma).not.toBe(0);
  });
});
