import { CpuMachine, FIRST, KTHREAD, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { INIT_MM, pid } from "../base/index.ts";
import { CLONE } from "./clone-flags.ts";
import { NO_MM } from "./task.ts";

const THREAD = CLONE.VM | CLONE.SIGHAND | CLONE.THREAD;

describe("at boot", () => {
  test("every CPU idles on init_mm, which has the kernel's two users and a borrower a CPU", () => {
    const m = new CpuMachine(3);
    expect(m.counts(INIT_MM)).toEqual([2, 4]);
    expect([...m.state.cpus.values()].map(({ current, loadedMm }) => [current, loadedMm])).toEqual([
      [-1, INIT_MM],
      [-2, INIT_MM],
      [-3, INIT_MM],
    ]);
  });
});

describe("context_switch", () => {
  test("from idle to a user task gives back what idle had borrowed", () => {
    const m = new CpuMachine();
    m.turn(0, FIRST);
    expect(m.counts(INIT_MM)).toEqual([2, 2]);
    expect([m.task(0).activeMm, m.task(FIRST).state]).toEqual([NO_MM, "running"]);
  });

  test("from user to kernel takes a reference, kernel to kernel hands it on, kernel to user drops it", () => {
    const m = new CpuMachine();
    const { mm } = m.task(FIRST);
    m.turn(0, FIRST);
    expect(m.counts(mm)).toEqual([1, 1]);
    m.turn(0, 0);
    expect([m.counts(mm), m.task(0).activeMm]).toEqual([[1, 2], mm]);
    m.turn(0, KTHREAD);
    expect([m.counts(mm), m.task(KTHREAD).activeMm, m.task(0).activeMm]).toEqual([[1, 2], mm, NO_MM]);
    expect(m.holders(mm)).toEqual(["task 1", "all users together", "CPU 0 borrows it"]);
    m.turn(0, FIRST, "I");
    expect([m.counts(mm), m.task(KTHREAD).activeMm]).toEqual([[1, 1], NO_MM]);
  });

  test("from user to user takes no reference, whether the address space is the same or not", () => {
    const m = new CpuMachine();
    m.turn(0, FIRST);
    const thread = m.fork(2, FIRST, THREAD);
    const child = m.fork(3);
    m.turn(0, thread);
    expect(m.counts(m.task(FIRST).mm)).toEqual([2, 1]);
    m.turn(0, child);
    expect([m.counts(m.task(FIRST).mm), m.state.cpus.get(0)?.loadedMm]).toEqual([[2, 1], m.task(child).mm]);
  });

  test("leaves two CPUs lazy on one address space with a reference each", () => {
    const m = new CpuMachine();
    m.turn(0, FIRST);
    m.turn(0, 0);
    m.turn(1, FIRST);
    m.turn(1, 0);
    expect(m.counts(m.task(FIRST).mm)).toEqual([1, 3]);
  });

  test("drops what was borrowed only in finish_task_switch", () => {
    const m = new CpuMachine();
    const { mm } = m.task(FIRST);
    m.turn(0, FIRST);
    m.turn(0, 0);
    const child = m.fork(2);
    m.ask({ call: "switch", cpu: 0, next: child, state: "R", unfinished: 1 }, pid(0));
    expect([m.counts(mm), m.state.cpus.get(0)?.prevMm]).toEqual([[1, 2], mm]);
    m.ask({ call: "finish_task_switch", cpu: 0 });
    expect([m.counts(mm), m.state.cpus.get(0)?.prevMm]).toEqual([[1, 1], NO_MM]);
  });

  test("keeps the state in which a task left, and wakes the one that it turns to", () => {
    const m = new CpuMachine();
    for (const [letter, state] of [
      ["S", "interruptible"],
      ["D", "uninterruptible"],
      ["T", "stopped"],
      ["t", "traced"],
      ["R", "runnable"],
    ] as const) {
      m.turn(0, FIRST);
      m.turn(0, 0, letter);
      expect(m.task(FIRST).state).toBe(state);
    }
    m.ask({ call: "wake", target: FIRST });
    expect(m.task(FIRST).state).toBe("runnable");
  });

  test.each([
    ["a CPU that is not there", { cpu: 7, next: FIRST, state: "R" }, "ENODEV"],
    ["a task that is not there", { cpu: 0, next: 99, state: "R" }, "ESRCH"],
    ["a task that runs elsewhere", { cpu: 0, next: 3, state: "R" }, "EBUSY"],
    ["a state that has no letter", { cpu: 0, next: FIRST, state: "?" }, "EINVAL"],
    ["a state that idle cannot be in", { cpu: 0, next: FIRST, state: "S" }, "EINVAL"],
    ["a parent in vfork", { cpu: 0, next: 4, state: "R" }, "EINVAL"],
  ])("to or on %s is refused", (_, request, errno) => {
    const m = new CpuMachine();
    m.turn(1, m.fork(3));
    m.fork(4);
    m.fork(5, pid(4), CLONE.VM | CLONE.VFORK);
    expect(told(m.ask({ call: "switch", ...request }, pid(0)))).toBe(errno);
  });

  test("asked for by a task that does not run there is refused", () => {
    const m = new CpuMachine();
    expect(told(m.ask({ call: "switch", cpu: 0, next: 0, state: "S" }, FIRST))).toBe("EINVAL");
  });
});

describe("exit on a CPU", () => {
  test("leaves the task a borrower of what it had, until its last switch", () => {
    const m = new CpuMachine();
    const child = m.fork(2);
    const { mm } = m.task(child);
    m.turn(0, child);
    m.ask({ call: "exit_group", code: 0 }, child);
    expect([m.task(child).mm, m.task(child).activeMm, m.counts(mm)]).toEqual([NO_MM, mm, [0, 1]]);
    expect(m.state.mms.get(mm)).toMatchObject({ life: "borrowed", totalVm: 0 });
    m.turn(0, FIRST);
    expect(m.counts(mm)).toBeUndefined();
  });

  test("hands a dead address space on to a kernel thread, which keeps it", () => {
    const m = new CpuMachine();
    const child = m.fork(2);
    const { mm } = m.task(child);
    m.turn(0, child);
    m.ask({ call: "exit_group", code: 0 }, child);
    m.turn(0, KTHREAD);
    m.turn(0, 0, "I");
    expect([m.task(0).activeMm, m.counts(mm)]).toEqual([mm, [0, 1]]);
    m.turn(0, FIRST);
    expect(m.counts(mm)).toBeUndefined();
  });

  test("of a task that was waited for already leaves it on its CPU as dead", () => {
    const m = new CpuMachine();
    const child = m.fork(2);
    m.turn(0, child);
    m.ask({ call: "exit_group", code: 0 }, child);
    m.ask({ call: "reap", child });
    expect(m.task(child).state).toBe("dead");
    m.turn(0, 0);
    expect(m.state.tasks.has(child)).toBe(false);
  });

  test("may leave its CPU to wait for something on its way out, and runs again as a borrower", () => {
    const m = new CpuMachine();
    const child = m.fork(2);
    m.turn(0, child);
    m.ask({ call: "exit_group", code: 0 }, child);
    m.ask({ call: "reap", child });
    m.turn(0, FIRST, "D");
    expect([m.task(child).state, m.task(child).activeMm]).toEqual(["dead", NO_MM]);
    m.turn(0, child);
    expect([m.task(child).activeMm, m.counts(m.task(FIRST).mm)]).toEqual([m.task(FIRST).mm, [1, 2]]);
    m.turn(0, FIRST, "X");
    expect(m.state.tasks.has(child)).toBe(false);
    expect(m.counts(m.task(FIRST).mm)).toEqual([1, 1]);
  });

  test("gives a pid free that the kernel hands out again, whatever state it is in", () => {
    const m = new CpuMachine();
    const child = m.fork(2);
    m.turn(0, child);
    const { mm } = m.task(child);
    m.fork(2);
    expect([m.counts(mm), m.state.cpus.get(0)?.current, m.task(child).state]).toEqual([
      [0, 1],
      -1,
      "runnable",
    ]);
  });

  test("of a parent that waits in vfork keeps its child from waking another task of that pid", () => {
    const m = new CpuMachine();
    const parent = m.fork(2);
    const child = m.fork(3, parent, CLONE.VM | CLONE.VFORK);
    m.ask({ call: "kill", signal: "SIGKILL" }, parent);
    m.ask({ call: "reap", child: parent });
    m.fork(2);
    m.fork(4, parent, CLONE.VM | CLONE.VFORK);
    m.ask({ call: "exit_group", code: 0 }, child);
    expect(m.task(parent).state).toBe("vforked");
  });

  test("frees the pid only once its CPU has turned to another", () => {
    const m = new CpuMachine();
    const child = m.fork(2);
    m.turn(0, child);
    m.ask({ call: "exit_group", code: 0 }, child);
    m.fork(2);
    expect([m.task(child).state, m.state.cpus.get(0)?.current]).toEqual(["runnable", -1]);
  });

  test("of one thread leaves the others their address space, and the CPU a borrower of it", () => {
    const m = new CpuMachine();
    const thread = m.fork(2, FIRST, THREAD);
    m.turn(0, FIRST);
    m.turn(1, thread);
    m.ask({ call: "exit", code: 0 }, thread);
    expect([m.counts(m.task(FIRST).mm), m.task(thread).state]).toEqual([[1, 2], "dead"]);
    m.turn(1, 0);
    expect([m.counts(m.task(FIRST).mm), m.state.tasks.has(thread)]).toEqual([[1, 2], false]);
  });
});

describe("exec on a CPU", () => {
  const exec = (m: CpuMachine, who: number) => m.ask({ call: "loaded", comm: "env" }, pid(who));

  test("has the new address space loaded, and the old one is gone", () => {
    const m = new CpuMachine();
    m.turn(0, FIRST);
    const before = m.task(FIRST).mm;
    exec(m, FIRST);
    const { mm, activeMm, comm } = m.task(FIRST);
    expect([m.counts(before), m.counts(mm), comm]).toEqual([undefined, [1, 1], "env"]);
    expect([activeMm, m.state.cpus.get(0)?.loadedMm]).toEqual([mm, mm]);
  });

  test("of a vfork child leaves the parent its address space, and wakes it", () => {
    const m = new CpuMachine();
    m.turn(0, FIRST);
    const child = m.fork(2, FIRST, CLONE.VM | CLONE.VFORK);
    m.turn(0, child, "D");
    expect([m.task(FIRST).state, m.counts(m.task(FIRST).mm)]).toEqual(["vforked", [2, 1]]);
    exec(m, child);
    expect([m.task(FIRST).state, m.counts(m.task(FIRST).mm)]).toEqual(["runnable", [1, 1]]);
  });

  test("of a vfork child lets a parent that has not left its CPU go on running", () => {
    const m = new CpuMachine();
    m.turn(0, FIRST);
    const child = m.fork(2, FIRST, CLONE.VM | CLONE.VFORK);
    m.turn(1, child);
    exec(m, child);
    expect(m.task(FIRST).state).toBe("running");
  });

  test("by a thread takes the leader's pid, while the old leader leaves its CPU as dead", () => {
    const m = new CpuMachine();
    const leader = m.fork(2);
    const thread = m.fork(3, leader, THREAD);
    m.turn(0, leader);
    m.turn(1, thread);
    exec(m, thread);
    expect([m.task(leader).onCpu, m.task(leader).state]).toEqual([1, "running"]);
    expect([m.task(thread).onCpu, m.task(thread).state]).toEqual([0, "dead"]);
    m.turn(0, 0);
    expect(m.state.tasks.has(thread)).toBe(false);
  });

  test("of a kernel thread makes a process of it, which gives back what it had borrowed", () => {
    const m = new CpuMachine();
    m.turn(0, FIRST);
    m.turn(0, KTHREAD);
    exec(m, KTHREAD);
    expect([m.counts(m.task(FIRST).mm), m.task(KTHREAD).kind]).toEqual([[1, 1], undefined]);
    expect(m.counts(m.task(KTHREAD).mm)).toEqual([1, 1]);
  });
});

describe("CPUs", () => {
  test("go offline only when idle, and let go of what they borrow", () => {
    const m = new CpuMachine();
    const { mm } = m.task(FIRST);
    m.turn(1, FIRST);
    expect(told(m.ask({ call: "cpu_offline", cpu: 1 }))).toBe("EBUSY");
    m.turn(1, 0);
    expect(m.counts(mm)).toEqual([1, 2]);
    m.ask({ call: "cpu_offline", cpu: 1 });
    expect([m.counts(mm), m.counts(INIT_MM), m.task(-1).state]).toEqual([[1, 1], [2, 3], "offline"]);
    expect(told(m.turn(1, FIRST))).toBe("ENODEV");
    m.ask({ call: "cpu_online", cpu: 1 });
    m.turn(1, FIRST);
    expect(m.task(FIRST).onCpu).toBe(1);
  });

  test("take tasks over from one another, but not while they run", () => {
    const m = new CpuMachine();
    m.turn(0, FIRST);
    expect(told(m.ask({ call: "migrate", target: FIRST, cpu: 1 }))).toBe("EBUSY");
    m.turn(0, 0, "R");
    m.ask({ call: "migrate", target: FIRST, cpu: 1 });
    expect(m.task(FIRST).cpu).toBe(1);
    expect(m.counts(m.task(FIRST).mm)).toEqual([1, 2]);
  });
});

describe("where borrowers are shot down instead of counted", () => {
  test("a borrower has no reference, and goes on with init_mm when the address space is freed", () => {
    const m = new CpuMachine(2, "shootdown");
    const child = m.fork(2);
    const { mm } = m.task(child);
    m.turn(0, child);
    m.turn(0, 0);
    expect([m.counts(mm), m.task(0).activeMm, m.counts(INIT_MM)]).toEqual([[1, 1], mm, [2, 1]]);
    m.turn(1, child);
    m.ask({ call: "exit_group", code: 0 }, child);
    expect([m.counts(mm), m.task(0).activeMm, m.task(child).activeMm]).toEqual([undefined, INIT_MM, INIT_MM]);
  });

  test("exec frees the old address space at once", () => {
    const m = new CpuMachine(1, "shootdown");
    m.turn(0, FIRST);
    const { mm } = m.task(FIRST);
    m.ask({ call: "loaded", comm: "env" });
    expect(m.counts(mm)).toBeUndefined();
  });
});
