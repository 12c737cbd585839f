import { type Event, type KernelState, pid, violations } from "@pagetrail/core";
import { describe, expect, test } from "vitest";
import { importRefcounts } from "./importer.ts";

/** Imports lines without their times, which count up; tells what was found and the calls that the log has. */
function told(...lines: readonly string[]) {
  const events: Event[] = [];
  let state: KernelState | undefined;
  const text = lines.map((line, i) => `${1000 + i} ${line}\n`).join("");
  const summary = importRefcounts(text, {
    start: () => undefined,
    event: (event, after) => {
      events.push(event);
      state = after;
      for (const { where, what } of violations(after)) throw new Error(`${where}: ${what}`);
    },
  });
  const { differences, transients, switches, learned } = summary;
  const seen = Object.fromEntries(Object.entries(transients).filter(([, n]) => n > 0));
  return { differences: differences.first, transients: seen, switches, learned, events, state };
}

const idle = (cpu: number, am = "0:0:0") => `0/0:swapper/${cpu}{K} mm=0:0:0 am=${am}`;
const kernel = (pid: number, am = "0:0:0") => `${pid}/${pid}:kworker{K} mm=0:0:0 am=${am}`;
const user = (pid: number, mm: string, tgid = pid) => `${pid}/${tgid}:prog{} mm=${mm} am=${mm}`;
const exiting = (pid: number, am: string) => `${pid}/${pid}:prog{X} mm=0:0:0 am=${am}`;

describe("counts that are the kernel's", () => {
  test("are found for the four kinds of switches", () => {
    const { differences, transients, switches } = told(
      `0 switch ${user(10, "a0:1:1")} state=S -> ${idle(0)}`,
      `0 switch ${idle(0, "a0:1:2")} state=R -> ${kernel(20)}`,
      `0 switch ${kernel(20, "a0:1:2")} state=I -> ${user(11, "b0:1:1")}`,
      `0 switch ${user(11, "b0:1:1")} state=R -> ${user(10, "a0:1:1")}`,
    );
    expect({ differences, transients }).toEqual({ differences: [], transients: {} });
    expect(switches).toEqual({ total: 4, equal: 4, transient: 0, different: 0 });
  });

  test("that contradict the rules are differences, with their lines", () => {
    const { differences, switches } = told(
      `0 switch ${user(10, "a0:1:1")} state=S -> ${idle(0)}`,
      `0 switch ${idle(0, "a0:1:1")} state=R -> ${kernel(20)}`,
    );
    expect(differences).toEqual([{ line: 2, what: "counts of a0", kernel: "1 and 1", model: "1 and 2" }]);
    expect(switches.different).toBe(1);
  });

  test("of an address space that is borrowed and has no user make an owner that ended", () => {
    const { differences, learned } = told(
      `0 switch ${idle(0, "dead:0:1")} state=R -> ${user(10, "a0:1:1")}`,
      `0 switch ${user(10, "a0:1:1")} state=S -> ${idle(0)}`,
    );
    expect([differences, learned]).toEqual([[], 0]);
  });

  test("from before the capture have holders without names; one who lets go later is a grab", () => {
    const { differences, learned, transients } = told(
      `0 switch ${user(10, "a0:3:2")} state=S -> ${idle(0)}`,
      `0 switch ${idle(0, "a0:3:3")} state=R -> ${user(10, "a0:3:3")}`,
      `0 switch ${user(10, "a0:2:2")} state=S -> ${idle(0)}`,
    );
    expect({ differences, learned, transients }).toEqual({
      differences: [],
      learned: 3,
      transients: { grab: 1 },
    });
  });
});

describe("a holder without a name", () => {
  test("has let go unseen when the kernel uses the descriptor again", () => {
    const { differences, transients } = told(
      `0 switch ${user(10, "a0:1:2")} state=S -> ${user(11, "b0:1:1")}`,
      `0 switch ${user(11, "b0:1:1")} state=S -> ${user(10, "a0:1:2")}`,
      `0 exit ${user(10, "a0:1:2")}`,
      `0 switch ${exiting(10, "a0:0:2")} state=X -> ${user(11, "b0:1:1")}`,
      `0 newtask ${user(11, "b0:1:1")} flags=0x1200000 -> ${user(12, "a0:1:1")}`,
      `0 switch ${user(11, "b0:1:1")} state=S -> ${user(12, "a0:1:1")}`,
    );
    expect({ differences, transients }).toEqual({ differences: [], transients: { grab: 1 } });
  });

  test("of a use may be the last, and takes the mappings down", () => {
    const { differences, transients, state } = told(
      `0 switch ${user(10, "a0:2:1")} state=S -> ${user(11, "b0:1:1")}`,
      `0 switch ${user(11, "b0:1:1")} state=S -> ${user(10, "a0:2:1")}`,
      `0 exit ${user(10, "a0:1:1")}`,
      `0 switch ${exiting(10, "a0:0:1")} state=X -> ${user(11, "b0:1:1")}`,
    );
    expect({ differences, transients }).toEqual({ differences: [], transients: { grab: 1 } });
    expect(state?.mms.size).toBe(2);
  });
});

describe("what is on its way", () => {
  test("is a switch of another CPU that has been told and has not acted", () => {
    const { differences, transients } = told(
      `0 switch ${idle(0, "a0:2:2")} state=R -> ${kernel(20)}`,
      `1 switch ${user(10, "a0:2:2")} state=S -> ${idle(1)}`,
      `0 switch ${kernel(20, "a0:2:2")} state=I -> ${idle(0)}`,
      `1 switch ${idle(1, "a0:2:3")} state=R -> ${user(10, "a0:2:3")}`,
    );
    expect({ differences, transients }).toEqual({ differences: [], transients: { "in flight": 1 } });
  });

  test("is an exit that has been told, until the task has no mm", () => {
    const { differences, transients } = told(
      `0 switch ${idle(0, "a0:2:2")} state=R -> ${kernel(20)}`,
      `1 exit ${user(10, "a0:2:2")}`,
      `0 switch ${kernel(20, "a0:1:3")} state=I -> ${idle(0)}`,
      `1 switch ${exiting(10, "a0:1:3")} state=X -> ${idle(1)}`,
    );
    expect({ differences, transients }).toEqual({ differences: [], transients: { "exit/exec": 1 } });
  });

  test("is the teardown behind the last user, which a task may be preempted in", () => {
    const { differences, transients } = told(
      `0 exit ${user(10, "a0:1:1")}`,
      `0 switch ${exiting(10, "a0:0:2")} state=R -> ${kernel(20)}`,
      `0 switch ${kernel(20, "a0:0:2")} state=I -> ${exiting(10, "0:0:0").replace("am=a0:0:2", "am=0:0:0")}`,
      `0 switch ${exiting(10, "a0:0:1")} state=Z -> ${idle(0)}`,
      `0 switch ${idle(0, "a0:0:1")} state=R -> ${kernel(20)}`,
    );
    expect({ differences, transients }).toEqual({ differences: [], transients: { put: 2 } });
  });

  test("is an exec whose parent in vfork runs before the exec is told", () => {
    const { differences, events } = told(
      `0 newtask ${user(10, "a0:2:1")} flags=0x4100 -> ${user(11, "a0:2:1")}`,
      `0 switch ${user(10, "a0:2:1")} state=D -> ${idle(0)}`,
      `1 switch ${idle(1, "b0:1:2")} state=R -> ${user(11, "a0:2:2")}`,
      `0 switch ${idle(0, "a0:1:2")} state=R -> ${user(10, "a0:1:2")}`,
      `1 switch ${user(11, "c0:1:1")} state=D -> ${idle(1)}`,
      `1 switch ${idle(1, "c0:1:2")} state=R -> ${user(11, "c0:1:2")}`,
      `1 exec ${user(11, "c0:1:1").replace(":prog", ":ls")}`,
      `1 switch ${user(11, "c0:1:1")} state=R -> ${idle(1)}`,
    );
    expect(differences).toEqual([]);
    const loads = events.filter(({ request }) => request.call === "loaded");
    expect(loads).toMatchObject([{ tid: 11, line: 4, request: { comm: "ls" } }]);
  });
});

describe("a switch that was not told", () => {
  test("is put in where the CPU runs another task than it turned to", () => {
    const { differences, transients, events } = told(
      `0 switch ${user(10, "a0:1:1")} state=S -> ${user(11, "b0:1:1")}`,
      `0 switch ${idle(0, "b0:1:2")} state=R -> ${user(10, "a0:1:1")}`,
      `0 switch ${user(10, "a0:1:1")} state=S -> ${idle(0)}`,
    );
    expect({ differences, transients }).toEqual({ differences: [], transients: { hidden: 1 } });
    expect(events.find(({ assumed }) => assumed?.[0] === "switch")).toMatchObject({
      tid: 11,
      request: { call: "switch", cpu: 0, next: 0 },
    });
  });

  test("is put in where a task runs here that never left its CPU", () => {
    const { differences, transients } = told(
      `0 switch ${user(10, "a0:1:1")} state=S -> ${user(11, "b0:1:2")}`,
      `1 switch ${kernel(20, "b0:1:3")} state=I -> ${user(11, "b0:1:3")}`,
      `1 switch ${user(11, "b0:1:2")} state=S -> ${idle(1)}`,
      `0 switch ${idle(0, "b0:1:3")} state=R -> ${user(10, "a0:1:1")}`,
      `0 switch ${user(10, "a0:1:1")} state=S -> ${idle(0)}`,
    );
    expect(differences).toEqual([]);
    expect(transients).toEqual({ hidden: 1 });
  });
});

describe("a task that has exited", () => {
  test("may sleep on its way out, and run again as a borrower", () => {
    const { differences, state } = told(
      `0 exit ${user(10, "a0:1:1")}`,
      `0 switch ${exiting(10, "a0:0:1")} state=D -> ${user(11, "b0:1:1")}`,
      `0 switch ${user(11, "b0:1:1")} state=S -> ${exiting(10, "0:0:0")}`,
      `0 switch ${exiting(10, "b0:1:2")} state=Z -> ${user(11, "b0:1:2")}`,
      `0 switch ${user(11, "b0:1:1")} state=S -> ${idle(0)}`,
    );
    expect(differences).toEqual([]);
    expect([...(state?.tasks.keys() ?? [])]).not.toContain(10);
  });

  test("frees the descriptor, so that the kernel may use it again", () => {
    const { differences } = told(
      `0 exit ${user(10, "a0:1:1")}`,
      `0 switch ${exiting(10, "a0:0:1")} state=X -> ${user(11, "b0:1:1")}`,
      `0 newtask ${user(11, "b0:1:1")} flags=0x1200000 -> ${user(12, "a0:1:1")}`,
      `0 switch ${user(11, "b0:1:1")} state=S -> ${user(12, "a0:1:1")}`,
    );
    expect(differences).toEqual([]);
  });

  test("but whose address space the model still has, while the kernel uses it again, is a difference", () => {
    const { differences } = told(
      `0 switch ${user(10, "a0:1:1")} state=S -> ${user(11, "b0:1:1")}`,
      `0 newtask ${user(11, "b0:1:1")} flags=0x1200000 -> ${user(12, "a0:1:1")}`,
      `0 switch ${user(11, "b0:1:1")} state=S -> ${user(12, "a0:1:1")}`,
    );
    expect(differences[0]).toMatchObject({ line: 2, what: "mm a0", model: "held, counts 1 and 1" });
  });
});

describe("a kernel thread", () => {
  test("that has an mm uses it, and lets go of it again", () => {
    const using = (counts: string) => `20/20:kworker{K} mm=${counts} am=${counts}`;
    const { differences, events } = told(
      `0 switch ${idle(0, "a0:1:2")} state=R -> ${kernel(20)}`,
      `0 switch ${using("b0:1:2")} state=R -> ${user(11, "b0:1:2")}`,
      `0 switch ${user(11, "b0:1:2")} state=S -> ${using("b0:1:2")}`,
      `0 switch ${kernel(20, "b0:1:2")} state=I -> ${user(10, "a0:1:1")}`,
      `0 switch ${user(10, "a0:1:1")} state=S -> ${idle(0)}`,
    );
    expect(differences).toEqual([]);
    expect(events.map(({ request }) => request.call)).toEqual(expect.arrayContaining(["use_mm", "unuse_mm"]));
  });
});

test("a kernel thread that exits is gone behind its last switch", () => {
  const { differences, state } = told(
    `0 exit ${kernel(20, "a0:1:2")}`,
    `0 switch ${kernel(20, "a0:1:2")} state=X -> ${user(10, "a0:1:2")}`,
    `0 switch ${user(10, "a0:1:1")} state=S -> ${idle(0)}`,
  );
  expect([differences, state?.tasks.has(pid(20))]).toEqual([[], false]);
});

test("what is told behind the last switch cannot be followed, and is left out", () => {
  const { events } = told(
    `0 switch ${user(10, "a0:1:1")} state=S -> ${user(11, "b0:1:1")}`,
    `0 newtask ${user(12, "c0:1:1")} flags=0x1200000 -> ${user(13, "d0:1:1")}`,
  );
  expect(events.some(({ request }) => request.call === "clone")).toBe(false);
});

describe("an exit from before the first that is told", () => {
  const reused = [
    `0 switch ${user(10, "a0:1:1")} state=S -> ${user(11, "b0:1:1")}`,
    `0 switch ${user(11, "b0:1:1")} state=S -> ${user(12, "c0:1:1")}`,
    // What 10 had is handed out anew, to a child of 12.
    `0 newtask ${user(12, "c0:1:1")} flags=0x0 -> ${user(13, "a0:1:1")}`,
    `0 switch ${user(12, "c0:1:1")} state=S -> ${user(13, "a0:1:1")}`,
  ];
  const exits = [
    `0 exit ${user(13, "a0:1:1")}`,
    `0 switch ${exiting(13, "a0:0:1")} state=X -> ${user(12, "c0:1:1")}`,
  ];

  test("is put in where the kernel hands out what the task had", () => {
    const { differences, transients, events } = told(...reused, ...exits);
    expect(differences).toEqual([]);
    expect(transients.hidden).toBe(1);
    expect(events.find(({ assumed }) => assumed?.[0] === "exit")).toMatchObject({
      tid: 10,
      request: { call: "exit" },
    });
  });

  test("is none of a task that does something behind the first exit: that is a difference", () => {
    const again = `0 switch ${user(12, "c0:1:1")} state=S -> ${user(10, "a0:1:1")}`;
    const { differences } = told(...reused, ...exits, again);
    expect(differences[0]).toMatchObject({ line: 3, kernel: "free, and used again" });
  });
});
