import { anonymous, FIRST, MACHINE, Machine, strip, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { PAGE_SIZE, type Pid, pid } from "../base/index.ts";
import { MADV } from "../mm/index.ts";
import { maps } from "../procfs/index.ts";
import { CLONE } from "./clone-flags.ts";
import "@pagetrail/testing/setup";

const CHILD = pid(2);
const THREAD = CLONE.VM | CLONE.SIGHAND | CLONE.THREAD;
const SIGCHLD = 17;

const clone = (m: Machine, flags: number, child = CHILD, parent: Pid = FIRST): string =>
  told(m.ask({ call: "clone", flags, child }, parent));

const counts = (m: Machine, tid: Pid = FIRST): readonly number[] => [m.mm(tid).mmUsers, m.mm(tid).mmCount];

const stateOf = (m: Machine, tid: Pid): string | undefined => m.state.tasks.get(tid)?.state;

describe("clone's flags", () => {
  test.each([
    ["NEWNS with FS", CLONE.NEWNS | CLONE.FS],
    ["THREAD without SIGHAND", CLONE.THREAD | CLONE.VM],
    ["SIGHAND without VM", CLONE.SIGHAND],
  ])("%s are refused", (_, flags) => {
    expect(clone(new Machine(), flags)).toBe("EINVAL");
  });
});

test("a thread that gets the pid of its process's parent, which is gone, has no parent either", () => {
  const m = new Machine();
  clone(m, SIGCHLD);
  expect(clone(m, THREAD, FIRST, CHILD)).toBe("1");
  expect([m.state.tasks.get(FIRST)?.parent, m.state.tasks.get(CHILD)?.parent]).toEqual([0, 0]);
});

test("a task that has exited makes no other, and runs no program", () => {
  const m = new Machine();
  clone(m, SIGCHLD);
  m.ask({ call: "exit", code: 0 }, CHILD);
  expect(clone(m, SIGCHLD, pid(3), CHILD)).toBe("ESRCH");
  expect(told(m.ask({ call: "loaded", comm: "env" }, CHILD))).toBe("ESRCH");
  expect(m.state).toSatisfyLaws();
});

describe("fork", () => {
  test("gives the child the same maps and an address space of its own", () => {
    const s = strip("AAaa.SS.FF").fork();
    const { machine, process } = s;
    expect(maps(machine.state, machine.mm(process))).toBe(maps(machine.state, machine.mm()));
    expect([counts(machine), counts(machine, process)]).toEqual([
      [1, 1],
      [1, 1],
    ]);
    s.munmap("AAaa......");
    expect(`${s}`).toBe(".....SS.FF");
    s.process = FIRST;
    expect(`${s}`).toBe("AAaa.SS.FF");
  });

  test("leaves out memory that is not to be copied", () => {
    const s = strip("AAAA").madvise(".xx.", MADV.DONTFORK).fork();
    expect(`${s}`).toBe("A..A");
    expect(s.machine.mm(s.process).totalVm).toBe(2);
  });

  test("makes memory that is wiped as if it had never been written to", () => {
    const s = strip("AA").write("^^").madvise("xx", MADV.WIPEONFORK).fork();
    expect(s.vma(0).anonVma).toBe(0);
    expect(`${s}`).toBe("WW");
  });

  test("starts the child's peak at its own size", () => {
    const m = new Machine();
    m.ask(anonymous(100 * PAGE_SIZE));
    m.ask({
      call: "munmap",
      addr: (m.mm().vmas.first()?.start as number) * PAGE_SIZE,
      length: 90 * PAGE_SIZE,
    });
    clone(m, SIGCHLD);
    expect([m.mm().hiwaterVm, m.mm(CHILD).hiwaterVm]).toEqual([100, 10]);
  });

  test("charges the child's memory, and refuses when that is too much", () => {
    const m = new Machine();
    m.ask(anonymous(100 * PAGE_SIZE));
    clone(m, SIGCHLD);
    expect(m.state.committed).toBe(200);
    m.ask({ call: "exit_group", code: 0 }, CHILD);
    expect(m.state.committed).toBe(100);

    const sysctl = {
      ...MACHINE.sysctl,
      overcommitMemory: 2 as const,
      totalPages: 300,
      adminReserveKbytes: 0,
    };
    const strict = new Machine({ ...MACHINE, sysctl });
    strict.ask(anonymous(100 * PAGE_SIZE));
    expect(clone(strict, SIGCHLD)).toBe("ENOMEM");
    expect([strict.state.committed, strict.state.tasks.size]).toEqual([100, 1]);
  });
});

describe("mm_users and mm_count", () => {
  test("a thread shares the address space, and gives its use back when it ends", () => {
    const m = new Machine();
    clone(m, THREAD);
    expect(counts(m)).toEqual([2, 1]);
    m.ask({ call: "exit", code: 0 }, CHILD);
    expect(counts(m)).toEqual([1, 1]);
    expect(stateOf(m, CHILD)).not.toBe("running");
  });

  test("a parent that the recording has call vfork while it sleeps goes on sleeping", () => {
    const m = new Machine();
    for (const child of [pid(2), pid(3)]) m.ask({ call: "clone", flags: 0x4100, child });
    expect([counts(m), stateOf(m, FIRST)]).toEqual([[3, 1], "vforked"]);
  });

  test("a vfork child holds its parent up until it exits", () => {
    const m = new Machine();
    clone(m, CLONE.VM | CLONE.VFORK);
    expect([counts(m), stateOf(m, FIRST)]).toEqual([[2, 1], "vforked"]);
    m.ask({ call: "exit_group", code: 0 }, CHILD);
    expect([counts(m), stateOf(m, FIRST), stateOf(m, CHILD)]).toEqual([[1, 1], "running", "zombie"]);
  });

  test("the last user's exit frees the address space and all that it charged", () => {
    const m = new Machine();
    m.ask(anonymous(8 * PAGE_SIZE));
    m.ask(anonymous(8 * PAGE_SIZE, { flags: 0x21 }));
    clone(m, THREAD);
    m.ask({ call: "exit", code: 0 });
    expect(m.state.mms.size).toBe(1);
    m.ask({ call: "exit", code: 0 }, CHILD);
    expect([m.state.mms.size, m.state.committed, m.state.files.size]).toEqual([0, 0, 0]);
  });

  test("shared memory lives on in the child", () => {
    const s = strip("SS").fork("in the parent");
    s.ask({ call: "exit_group", code: 0 });
    s.process = CHILD;
    expect(`${s}`).toBe("SS");
    expect(s.machine.state.committed).toBe(2);
  });
});

describe("exit", () => {
  test("leaves a zombie without an address space until it is waited for", () => {
    const m = new Machine();
    clone(m, SIGCHLD);
    m.ask({ call: "exit_group", code: 0 }, CHILD);
    expect(stateOf(m, CHILD)).toBe("zombie");
    expect(maps(m.state, undefined)).toBe("");
    expect(told(m.ask(anonymous(PAGE_SIZE), CHILD))).toBe("EFAULT");
    m.ask({ call: "reap", child: CHILD });
    expect([m.state.tasks.has(CHILD), m.state.groups.has(CHILD)]).toEqual([false, false]);
  });

  test("of the leader first leaves the other threads their address space", () => {
    const m = new Machine();
    clone(m, SIGCHLD);
    const thread = pid(3);
    clone(m, THREAD, thread, CHILD);
    m.ask({ call: "exit", code: 0 }, CHILD);
    expect([stateOf(m, CHILD), counts(m, thread)]).toEqual(["zombie", [1, 1]]);
    m.ask({ call: "exit", code: 0 }, thread);
    expect(m.state).toSatisfyLaws();
    expect(m.state.mms.size).toBe(1);
  });

  test("of a group ends all its threads", () => {
    const m = new Machine();
    clone(m, SIGCHLD);
    clone(m, THREAD, pid(3), CHILD);
    m.ask({ call: "exit_group", code: 0 }, pid(3));
    expect([stateOf(m, CHILD), m.state.tasks.has(pid(3)), m.state.mms.size]).toEqual(["zombie", false, 1]);
  });
});
