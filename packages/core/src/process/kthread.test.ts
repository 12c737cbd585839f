import { anonymous, CpuMachine, FIRST, KTHREAD, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { pid } from "../base/index.ts";
import { NO_MM } from "./task.ts";

const use = (m: CpuMachine, target = FIRST) => told(m.ask({ call: "use_mm", target }, KTHREAD));
const unuse = (m: CpuMachine) => told(m.ask({ call: "unuse_mm" }, KTHREAD));

describe("kthread_use_mm", () => {
  test("takes a reference to the descriptor but no use, and gives back what was borrowed", () => {
    const m = new CpuMachine();
    const other = m.fork(2);
    m.turn(0, other);
    m.turn(0, KTHREAD);
    expect(m.counts(m.task(other).mm)).toEqual([1, 2]);
    use(m);
    const { mm } = m.task(FIRST);
    expect([m.counts(mm), m.counts(m.task(other).mm)]).toEqual([
      [1, 2],
      [1, 1],
    ]);
    expect(m.holders(mm)).toContain("kernel thread 50 uses it");
    expect([m.task(KTHREAD).mm, m.task(KTHREAD).activeMm, m.state.cpus.get(0)?.loadedMm]).toEqual([
      mm,
      mm,
      mm,
    ]);
  });

  test("makes the scheduler take the thread for a user task", () => {
    const m = new CpuMachine();
    m.turn(0, KTHREAD);
    use(m);
    const { mm } = m.task(FIRST);
    m.turn(0, 0);
    expect([m.counts(mm), m.task(KTHREAD).activeMm]).toEqual([[1, 3], mm]);
    m.turn(0, KTHREAD);
    expect(m.counts(mm)).toEqual([1, 2]);
  });

  test("ends with kthread_unuse_mm, which leaves the thread a borrower", () => {
    const m = new CpuMachine();
    m.turn(0, KTHREAD);
    use(m);
    unuse(m);
    const { mm } = m.task(FIRST);
    expect([m.counts(mm), m.task(KTHREAD).mm, m.task(KTHREAD).activeMm]).toEqual([[1, 2], NO_MM, mm]);
    expect(m.holders(mm)).toContain("CPU 0 borrows it");
  });

  test("keeps the descriptor of a process that ends meanwhile", () => {
    const m = new CpuMachine();
    const child = m.fork(2);
    const { mm } = m.task(child);
    m.turn(0, KTHREAD);
    use(m, child);
    m.ask({ call: "exit_group", code: 0 }, child);
    expect(m.counts(mm)).toEqual([0, 1]);
    unuse(m);
    m.turn(0, FIRST);
    expect(m.counts(mm)).toBeUndefined();
  });

  test("lets the thread reach the process's memory", () => {
    const m = new CpuMachine();
    m.turn(0, KTHREAD);
    use(m);
    expect(told(m.ask(anonymous(4096), KTHREAD))).toBe("7ffff7ffe000");
    unuse(m);
    expect(told(m.ask(anonymous(4096), KTHREAD))).toBe("EFAULT");
  });

  test("is refused to tasks, to threads that do not run or use one already, and for what has no mm", () => {
    const m = new CpuMachine();
    expect(use(m)).toBe("EINVAL");
    m.turn(0, KTHREAD);
    expect(use(m, KTHREAD)).toBe("ESRCH");
    expect(use(m, pid(77))).toBe("ESRCH");
    expect(unuse(m)).toBe("EINVAL");
    use(m);
    expect(use(m)).toBe("EINVAL");
    expect(told(m.ask({ call: "use_mm", target: FIRST }, FIRST))).toBe("EINVAL");
  });
});

describe("a kernel thread", () => {
  test("is a child of kthreadd, and so are those that it makes", () => {
    const m = new CpuMachine();
    m.ask({ call: "kthread", child: pid(2), comm: "kthreadd" });
    m.ask({ call: "clone", flags: 0x800f00, child: pid(60) }, pid(2));
    expect(m.task(60)).toMatchObject({ kind: "kthread", parent: 2, mm: NO_MM, state: "runnable" });
    expect(told(m.ask({ call: "kthread", child: pid(60), comm: "again" }))).toBe("EEXIST");
  });

  test("gets no pid of a leader whose thread lives; a task that does ends the thread", () => {
    const m = new CpuMachine();
    m.fork(60, KTHREAD, 0x10900);
    m.ask({ call: "exit", code: 0 }, KTHREAD);
    expect(told(m.ask({ call: "kthread", child: KTHREAD, comm: "again" }))).toBe("EEXIST");
    m.fork(KTHREAD);
    expect(m.task(KTHREAD).kind).toBeUndefined();
    expect(m.state.tasks.get(pid(60))).toBeUndefined();
  });

  test("that ends is no zombie, and gives back what it used", () => {
    const m = new CpuMachine();
    m.turn(0, KTHREAD);
    use(m);
    m.ask({ call: "exit", code: 0 }, KTHREAD);
    expect([m.task(KTHREAD).state, m.counts(m.task(FIRST).mm)]).toEqual(["dead", [1, 2]]);
    m.turn(0, 0);
    expect([m.state.tasks.has(KTHREAD), m.counts(m.task(FIRST).mm)]).toEqual([false, [1, 2]]);
  });

  test("that sleeps while it uses one can be ended, too", () => {
    const m = new CpuMachine();
    m.turn(0, KTHREAD);
    use(m);
    m.turn(0, 0);
    m.ask({ call: "exit", code: 0 }, KTHREAD);
    expect(m.counts(m.task(FIRST).mm)).toEqual([1, 2]);
    expect(m.state.tasks.has(KTHREAD)).toBe(false);
  });
});

describe("a named holder", () => {
  const holder = "less 77's /proc/1/maps";

  test("of mm_count keeps the descriptor, of mm_users also the mappings", () => {
    const m = new CpuMachine();
    const child = m.fork(2);
    const { mm } = m.task(child);
    m.ask(anonymous(4096), child);
    m.ask({ call: "hold", target: child, counter: "count", holder });
    m.ask({ call: "hold", target: child, counter: "users", holder: "ptrace" });
    expect(m.counts(mm)).toEqual([2, 2]);
    m.ask({ call: "exit_group", code: 0 }, child);
    expect([m.counts(mm), m.state.mms.get(mm)?.totalVm]).toEqual([[1, 2], 1]);
    m.ask({ call: "release", holder: "ptrace" });
    expect([m.counts(mm), m.state.mms.get(mm)?.totalVm]).toEqual([[0, 1], 0]);
    m.ask({ call: "release", holder });
    expect(m.counts(mm)).toBeUndefined();
  });

  test("stands in the ledger with the event since which it holds", () => {
    const m = new CpuMachine();
    m.ask({ call: "hold", target: FIRST, counter: "count", holder });
    const [ref] = [...m.state.refs.values()].filter(
      (r) => r.holder.kind === "named" && r.holder.name === holder,
    );
    expect(ref).toMatchObject({ mm: m.task(FIRST).mm, counter: "count", since: m.state.seq });
  });

  test("has a name of its own, and something to hold", () => {
    const m = new CpuMachine();
    m.ask({ call: "hold", target: FIRST, counter: "count", holder });
    expect(told(m.ask({ call: "hold", target: FIRST, counter: "users", holder }))).toBe("EEXIST");
    expect(told(m.ask({ call: "hold", target: KTHREAD, counter: "users", holder: "x" }))).toBe("ESRCH");
    expect(told(m.ask({ call: "release", holder: "x" }))).toBe("ENOENT");
  });
});

describe("a kernel thread of which somebody wants something", () => {
  test("is woken to stop, out of its park too, and ends by itself", () => {
    const m = new CpuMachine();
    m.turn(0, KTHREAD);
    m.turn(0, 0, "P");
    expect(m.task(KTHREAD).state).toBe("parked");
    expect(m.ask({ call: "kthread_stop", target: KTHREAD })).toEqual({ ret: 0 });
    expect(m.task(KTHREAD)).toMatchObject({ state: "runnable", asked: "stop" });
    m.ask({ call: "exit", code: 0 }, KTHREAD);
    expect(m.state.tasks.get(KTHREAD)).toBeUndefined();
  });

  test("parks when it runs, and goes on when it need not any more", () => {
    const m = new CpuMachine();
    m.turn(0, KTHREAD);
    m.turn(0, 0, "S");
    m.ask({ call: "kthread_park", target: KTHREAD });
    expect(m.task(KTHREAD)).toMatchObject({ state: "runnable", asked: "park" });
    m.turn(0, KTHREAD);
    m.turn(0, 0, "P");
    m.ask({ call: "kthread_park", target: KTHREAD });
    expect(m.task(KTHREAD).state).toBe("parked");
    m.ask({ call: "kthread_unpark", target: KTHREAD });
    expect(m.task(KTHREAD)).toMatchObject({ state: "runnable", asked: undefined });
  });

  test.each(["kthread_stop", "kthread_park", "kthread_unpark"] as const)(
    "%s is for kernel threads that live",
    (call) => {
      const m = new CpuMachine();
      expect(m.ask({ call, target: FIRST })).toMatchObject({ errno: "EINVAL" });
      expect(m.ask({ call, target: pid(77) })).toMatchObject({ errno: "ESRCH" });
    },
  );
});

test("the pid of a kernel thread is free again when it has ended, also with kthreadd there as its parent", () => {
  const m = new CpuMachine();
  const made = (child: number) =>
    told(m.ask({ call: "kthread", child: pid(child), comm: "kworker" }, pid(0)));
  made(2);
  made(7);
  m.turn(0, 7);
  m.ask({ call: "exit", code: 0 }, pid(7));
  m.turn(0, 0);
  expect(m.state.groups.has(pid(7))).toBe(false);
  expect(made(7)).toBe("7");
});
