import { CpuMachine, KTHREAD, Machine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { pid } from "../base/index.ts";
import { mmOf } from "../kernel/index.ts";
import { statusVm } from "../procfs/index.ts";
import { CLONE } from "./clone-flags.ts";
import "@pagetrail/testing/setup";

const LEADER = pid(2);
const [T, U] = [pid(3), pid(4)];
const THREAD = CLONE.VM | CLONE.SIGHAND | CLONE.THREAD;

function dumping(): Machine {
  const m = new Machine();
  m.ask({ call: "clone", flags: 17, child: LEADER });
  for (const child of [T, U]) m.ask({ call: "clone", flags: THREAD, child }, LEADER);
  m.ask({ call: "coredump", signal: "SIGSEGV" }, T);
  return m;
}

const states = (m: Machine): readonly unknown[] => [LEADER, T, U].map((tid) => m.state.tasks.get(tid)?.state);

const isDumped = (m: Machine, of = LEADER): boolean =>
  statusVm(m.state, mmOf(m.state, of), of).includes("CoreDumping:\t1\n");

describe("a core dump", () => {
  test("has every other thread wait, with its address space, and status says so", () => {
    const m = dumping();
    expect(states(m)).toEqual(["dumping", "running", "dumping"]);
    expect(mmOf(m.state, LEADER)?.mmUsers).toBe(3);
    expect(isDumped(m)).toBe(true);
  });

  test("ends with the process", () => {
    const m = dumping();
    m.ask({ call: "kill", signal: "SIGSEGV" }, T);
    expect(states(m)).toEqual(["zombie", undefined, undefined]);
    expect(m.state.groups.get(LEADER)?.dumper).toBeUndefined();
  });

  test("ends with the process also where the thread that wrote it exits by itself", () => {
    const m = dumping();
    m.ask({ call: "exit", code: 0 }, T);
    expect(states(m)).toEqual(["zombie", undefined, undefined]);
    expect(m.state).toSatisfyLaws();
  });

  test("is written by one thread, and keeps the process from making others", () => {
    const m = dumping();
    expect(m.ask({ call: "coredump", signal: "SIGSEGV" }, U)).toMatchObject({ errno: "EINTR" });
    expect(m.ask({ call: "clone", flags: 17, child: pid(9) }, T)).toMatchObject({ errno: "EINTR" });
  });

  test("is nobody else's: other processes go on, also one that shares the address space", () => {
    const m = dumping();
    const sharer = pid(5);
    const other = new Machine();
    other.ask({ call: "clone", flags: CLONE.VM | 17, child: sharer });
    other.ask({ call: "coredump", signal: "SIGSEGV" });
    expect(isDumped(other, pid(1))).toBe(true);
    expect(isDumped(other, sharer)).toBe(false);
    expect(other.state.tasks.get(sharer)?.state).toBe("running");
    expect(m.state.tasks.get(pid(1))?.state).toBe("running");
  });

  test("on CPUs, a thread that waits leaves its CPU and does not come back", () => {
    const m = new CpuMachine();
    m.fork(10);
    m.fork(11, pid(10), THREAD);
    m.turn(0, 10);
    m.turn(1, 11);
    m.ask({ call: "coredump", signal: "SIGABRT" }, pid(10));
    expect(m.turn(1, 0, "D")).toEqual({ ret: 0 });
    expect(m.task(11)).toMatchObject({ state: "dumping", onCpu: undefined });
    expect(m.turn(1, 11)).toMatchObject({ errno: "EINVAL" });
  });

  test("is not left by a kernel thread", () => {
    const m = new CpuMachine();
    expect(m.ask({ call: "coredump", signal: "SIGSEGV" }, KTHREAD)).toMatchObject({ errno: "EINVAL" });
  });
});
