import { CpuMachine, PageMachine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { pid } from "../base/index.ts";
import { CLONE } from "./clone-flags.ts";

const HERE = 0x20000;
const VICTIM = pid(2);

function machine(): PageMachine {
  const m = new PageMachine();
  m.fork(VICTIM);
  m.map(HERE, 4, {}, VICTIM);
  for (let page = HERE; page < HERE + 4; page++) m.touch("write", page, VICTIM);
  return m;
}

describe("a process that the OOM killer chose", () => {
  test("keeps its address space pinned until it was waited for", () => {
    const m = new CpuMachine();
    const victim = m.fork(10);
    const { mm } = m.task(victim);
    m.ask({ call: "oom_kill", target: victim });
    expect(m.counts(mm)).toEqual([1, 2]);
    expect(m.holders(mm)).toContain("process 10 was chosen by the OOM killer");
    m.ask({ call: "kill", signal: "SIGKILL" }, victim);
    expect(m.counts(mm)).toEqual([0, 1]);
    m.ask({ call: "reap", child: victim });
    expect(m.counts(mm)).toBeUndefined();
  });

  test("loses its memory to the reaper before it exits, mappings stay, and what is gone is SIGBUS", () => {
    const m = machine();
    m.ask({ call: "oom_kill", target: VICTIM });
    m.ask({ call: "oom_reap", target: VICTIM });
    expect(m.counts(VICTIM).anon).toBe(0);
    expect(m.mm(VICTIM).vmas.find(HERE)?.pages).toBe(4);
    expect(m.touch("read", HERE, VICTIM)).toBe("SIGBUS BUS_ADRERR");
    expect(m.mm(VICTIM)).toMatchObject({ unstable: true, oomSkip: true });
  });

  test("is reaped once: what it has later stays", () => {
    const m = machine();
    m.ask({ call: "oom_kill", target: VICTIM });
    m.ask({ call: "oom_reap", target: VICTIM });
    const { committed } = m.state;
    m.ask({ call: "oom_reap", target: VICTIM });
    expect(m.state.committed).toBe(committed);
  });

  test("is left alone by the reaper when it has taken its mappings down itself", () => {
    const m = machine();
    m.ask({ call: "oom_kill", target: VICTIM });
    m.ask({ call: "kill", signal: "SIGKILL" }, VICTIM);
    expect(m.ask({ call: "oom_reap", target: VICTIM })).toEqual({ ret: 0 });
    const [left] = [...m.state.mms.values()].filter(({ mmUsers }) => mmUsers === 0);
    expect(left?.unstable).toBeUndefined();
  });

  test("is not reaped while init shares its memory", () => {
    const m = new PageMachine();
    m.map(HERE, 1);
    m.touch("write", HERE);
    m.ask({ call: "clone", flags: CLONE.VM | 17, child: VICTIM });
    m.ask({ call: "oom_kill", target: VICTIM });
    m.ask({ call: "oom_reap", target: VICTIM });
    expect(m.counts().anon).toBe(1);
  });

  test("passes nothing of that to a child", () => {
    const m = machine();
    m.ask({ call: "oom_kill", target: VICTIM });
    m.fork(pid(3), VICTIM);
    expect(m.state.groups.get(pid(3))?.oomMm).toBeUndefined();
  });

  test.each([
    ["init", 1, "EPERM"],
    ["nobody", 77, "ESRCH"],
  ])("cannot be %s", (_, target, errno) => {
    expect(machine().ask({ call: "oom_kill", target: pid(target) })).toMatchObject({ errno });
  });

  test("cannot be chosen twice, nor reaped unless it was chosen", () => {
    const m = machine();
    expect(m.ask({ call: "oom_reap", target: VICTIM })).toMatchObject({ errno: "ESRCH" });
    m.ask({ call: "oom_kill", target: VICTIM });
    expect(m.ask({ call: "oom_kill", target: VICTIM })).toMatchObject({ errno: "EBUSY" });
  });
});
