import { Machine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { type Pid, pid } from "../base/index.ts";
import { CLONE } from "./clone-flags.ts";

const PR_SET_CHILD_SUBREAPER = 36;
const SHELL = pid(10);

/** A machine whose processes are descendants of 10, which is nobody's child; 1 is not among them. */
function family(): Machine {
  const m = new Machine();
  m.ask({ call: "exit_group", code: 0 });
  m.ask({ call: "adopt", comm: "shell", tgid: SHELL }, SHELL);
  return m;
}

const fork = (m: Machine, parent: number, child: number, flags = 17): void => {
  m.ask({ call: "clone", flags, child: pid(child) }, pid(parent));
};

const exit = (m: Machine, who: number): void => {
  m.ask({ call: "exit_group", code: 0 }, pid(who));
};

const parentOf = (m: Machine, who: number): number | undefined => m.state.tasks.get(pid(who))?.parent;

const subreaper = (m: Machine, who: number, on = 1): void => {
  m.ask({ call: "prctl", option: PR_SET_CHILD_SUBREAPER, arg: on }, pid(who));
};

describe("children of a process that ends", () => {
  test("go to the nearest ancestor that is a subreaper", () => {
    const m = family();
    subreaper(m, SHELL);
    fork(m, 10, 11);
    fork(m, 11, 12);
    fork(m, 12, 13);
    subreaper(m, 11);
    exit(m, 12);
    expect(parentOf(m, 13)).toBe(11);
    subreaper(m, 11, 0);
    exit(m, 11);
    expect(parentOf(m, 13)).toBe(10);
  });

  test("go to init where no ancestor asked for them, with their threads", () => {
    const m = new Machine();
    fork(m, 1, 11);
    fork(m, 11, 12);
    fork(m, 12, 13, CLONE.VM | CLONE.SIGHAND | CLONE.THREAD);
    exit(m, 11);
    expect([parentOf(m, 12), parentOf(m, 13)]).toEqual([1, 1]);
  });

  test("have no parent that the log knows when it does not have init; their zombies are gone", () => {
    const m = family();
    fork(m, 10, 11);
    fork(m, 11, 12);
    fork(m, 11, 13);
    exit(m, 13);
    expect(m.state.tasks.get(pid(13))?.state).toBe("zombie");
    exit(m, 11);
    expect([parentOf(m, 12), m.state.tasks.has(pid(13))]).toEqual([0, false]);
  });

  test("stay with it as long as one of its threads lives", () => {
    const m = family();
    fork(m, 10, 11);
    fork(m, 11, 12);
    fork(m, 11, 13, CLONE.VM | CLONE.SIGHAND | CLONE.THREAD);
    m.ask({ call: "exit", code: 0 }, pid(11));
    expect(parentOf(m, 12)).toBe(11);
    m.ask({ call: "exit", code: 0 }, pid(13));
    expect(parentOf(m, 12)).toBe(0);
  });
});

describe("a zombie", () => {
  test("waits for its parent, also for one that adopted it", () => {
    const m = family();
    subreaper(m, SHELL);
    fork(m, 10, 11);
    fork(m, 11, 12);
    exit(m, 12);
    exit(m, 11);
    expect([parentOf(m, 12), m.state.tasks.get(pid(12))?.state]).toEqual([10, "zombie"]);
    m.ask({ call: "reap", child: pid(12) }, SHELL);
    expect(m.state.tasks.has(pid(12))).toBe(false);
  });

  test("is not left to a parent that ignores SIGCHLD, nor by its children, who inherit that", () => {
    const m = family();
    m.ask({ call: "autoreap", on: 1 }, SHELL);
    fork(m, 10, 11);
    fork(m, 11, 12);
    exit(m, 12);
    exit(m, 11);
    expect([...m.state.tasks.keys()]).toEqual([10 as Pid]);
    m.ask({ call: "autoreap", on: 0 }, SHELL);
    fork(m, 10, 11);
    exit(m, 11);
    expect(m.state.tasks.get(pid(11))?.state).toBe("zombie");
  });
});

describe("clone's flags", () => {
  test.each([
    ["NEWUSER with FS", CLONE.NEWUSER | CLONE.FS, 10],
    ["PARENT by init", CLONE.PARENT, 1],
    ["a thread in a new pid namespace", CLONE.VM | CLONE.SIGHAND | CLONE.THREAD | CLONE.NEWPID, 10],
  ])("%s are refused", (_, flags, who) => {
    const m = new Machine();
    fork(m, 1, 10);
    const outcome = m.ask({ call: "clone", flags, child: pid(77) }, pid(who));
    expect(outcome).toMatchObject({ errno: "EINVAL" });
  });
});
