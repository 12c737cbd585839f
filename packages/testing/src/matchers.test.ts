import { advanceState, type KernelState, MAP, PROT } from "@pagetrail/core";
import { describe, expect, test } from "vitest";
import { testFolder } from "./folder.ts";
import { readRun } from "./log-file.ts";
import { Machine } from "./machine.ts";
import { Recorder } from "./recorder.ts";
import { anonymous } from "./region.ts";
import { momentsOf, type Run } from "./run.ts";
import { strip } from "./strip.ts";
import "./setup.ts";

const FIXED = MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED;

/** Three pages, of which the middle one is only readable. */
const split = (): Machine => {
  const machine = new Machine();
  machine.ask(anonymous(0x3000, { addr: 0x20000000, flags: FIXED }));
  machine.ask({ call: "mprotect", addr: 0x20001000, length: 0x1000, prot: PROT.READ });
  return machine;
};

/** A recording of which event 3 is not what the model says. */
const diverging = (): Recorder => {
  const r = new Recorder();
  r.call(100, { call: "adopt", comm: "demo", tgid: 100 as never });
  r.call(100, anonymous(0x1000));
  r.call(100, anonymous(0x1000, { prot: PROT.READ }), { outcome: { ret: 0x10000000 } });
  r.call(100, anonymous(0x2000));
  return r;
};

/** The same as if nobody had noticed. */
const unnoticed = ({ profile, events }: Run): Run => ({
  profile,
  events: events.map(({ divergence: _, ...event }) => event),
});

/** What a failing expectation says. */
function said(expectation: () => void): string {
  try {
    expectation();
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  throw new Error("this expectation fails");
}

describe("toHaveMapping", () => {
  test("finds a mapping by what is told of it", () => {
    expect(split()).toHaveMapping({ at: 0x20001234, permissions: "r--p" });
    expect(split()).toHaveMapping({ start: 0x20000000, size: 0x1000, permissions: "?w?p" });
    expect(split()).not.toHaveMapping({ at: 0x20001234, permissions: "?w??" });
    expect(split()).not.toHaveMapping({ at: 0x20003000 });
    expect(split()).toHaveMapping({ end: 0x20003000n });
  });

  test("finds it by name, whole or by an expression", () => {
    const text =
      "555555554000-555555555000 r-xp 00001000 fe:00 42    /usr/bin/true\n7ff000-800000 rw-p [stack]";
    expect(text).toHaveMapping({ name: "[stack]" });
    expect(text).toHaveMapping({ name: /true$/, offset: 0x1000 });
    expect(text).not.toHaveMapping({ name: "true" });
  });

  test("takes a line of maps for a pattern", () => {
    expect(strip("A..A")).toHaveMapping("20000000-20001000 rw-p");
    expect(strip("A..A")).not.toHaveMapping("20000000-20002000 rw-p");
  });

  test("shows what comes nearest, and how it is otherwise", () => {
    expect(said(() => expect(split()).toHaveMapping({ at: 0x20001000, permissions: "rw-p" }))).toBe(
      [
        "expected a mapping at 20001000, with rw-p",
        "",
        "nearest:",
        "  20000000-20001000 rw-p 00000000 00:00 0",
        "    does not hold 20001000",
        "  20001000-20002000 r--p 00000000 00:00 0",
        "    permissions r--p, not rw-p",
        "  20002000-20003000 rw-p 00000000 00:00 0",
        "    does not hold 20001000",
        "",
        "in 4 mappings of 12K:",
        "  20000000-20001000 rw-p 00000000 00:00 0",
        "  20001000-20002000 r--p 00000000 00:00 0",
        "  20002000-20003000 rw-p 00000000 00:00 0",
        "  ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
      ].join("\n"),
    );
  });

  test("asks which process is meant where there are several", () => {
    const machine = split();
    machine.ask({ call: "clone", flags: 17, child: 2 as never });
    expect(said(() => expect(machine).toHaveMapping({ name: "[heap]" }))).toMatch(
      /^which process\? 1, 2 have/,
    );
    expect({ state: machine.state, process: 2 }).toHaveMapping({ at: 0x20001000 });
  });
});

describe("toMatchMaps", () => {
  test("compares with lines that may be short", () => {
    expect(split()).toMatchMaps(`
      20000000-20001000 rw-p
      20001000-20002000 r--p
      20002000-20003000 rw-p
    `);
    expect(split()).not.toMatchMaps("20000000-20003000 rw-p");
  });

  test("compares two of whatever has maps", () => {
    expect(strip("AaA")).toMatchMaps(split());
    expect(strip("AA")).not.toMatchMaps(strip("A"));
    expect(strip("..A")).not.toMatchMaps(strip("A"));
  });

  test("leaves device and inode aside, unless told otherwise", () => {
    const one = "00400000-00401000 r-xp 00001000 fe:00 42    /usr/bin/true";
    const other = "00400000-00401000 r-xp 00001000 fe:01 43    /usr/bin/true";
    expect(one).toMatchMaps(other);
    expect(one).not.toMatchMaps(other, { columns: ["range", "inode"] });
    expect(one).not.toMatchMaps(other.replace("00001000", "00002000"));
  });

  test("shows both sides of what differs, and why", () => {
    const machine = split();
    machine.ask({ call: "munmap", addr: 0x20002000, length: 0x1000 });
    const expected = "20000000-20001000 rw-p\n20001000-20003000 r--p\n30000000-30001000 rw-p [heap]";
    expect(said(() => expect(machine).toMatchMaps(expected))).toBe(
      [
        "2 mappings of 3 differ (- expected, + received):",
        "",
        "  20000000-20001000 rw-p 00000000 00:00 0",
        "- 20001000-20003000 r--p",
        "+ 20001000-20002000 r--p 00000000 00:00 0   (4K shorter)",
        "- 30000000-30001000 rw-p [heap]",
      ].join("\n"),
    );
  });

  test("leaves out what is equal and far away", () => {
    const lines = Array.from({ length: 9 }, (_, i) => `${i + 1}0000000-${i + 1}0001000 rw-p`);
    const message = said(() => expect(lines.join("\n")).toMatchMaps(lines.slice(0, -1).join("\n")));
    expect(message.split("\n").slice(2)).toEqual([
      "  … 6 equal lines",
      "  70000000-70001000 rw-p",
      "  80000000-80001000 rw-p",
      "+ 90000000-90001000 rw-p",
    ]);
  });

  test("refuses what is no text of maps", () => {
    expect(() => expect("hello").toMatchMaps("")).toThrow("this is no line of maps: hello");
  });
});

describe("toReplay", () => {
  test("holds for what was recorded, its divergences too", () => {
    expect(split()).toReplay();
    expect(diverging()).toReplay();
  });

  test("shows the first event that ends otherwise, what led there, and both answers", () => {
    const run = unnoticed(diverging());
    expect(run).not.toReplay();
    expect(said(() => expect(run).toReplay())).toBe(
      [
        "expected 4 events to replay, but event 3 ends otherwise:",
        "",
        "       1    100 adopt(comm demo, tgid 100) = 0",
        "       2    100 mmap(addr 0, length 0x1000, prot rw-, flags 0x22, offset 0, file 0) = 0x7ffff7ffe000",
        ">      3    100 mmap(addr 0, length 0x1000, prot r--, flags 0x22, offset 0, file 0) = 0x10000000",
        "- recorded  0x10000000",
        "+ model     0x7ffff7ffd000",
      ].join("\n"),
    );
  });

  test("compares the states that a log has sealed", () => {
    const run = readRun(diverging().write(`${testFolder()}/a.ptlog`));
    expect(run).toReplay();
    const seals = run.seals.map((seal) => ({ ...seal, state: `2:${"0".repeat(64)}` }));
    expect(said(() => expect({ ...run, seals }).toReplay())).toContain(
      "behind event 4 the state is not the sealed one",
    );
  });
});

describe("toDivergeAt", () => {
  test("finds where model and recording part first", () => {
    expect(diverging()).toDivergeAt(3);
    expect(diverging()).toDivergeAt(3, { ret: 0x7ffff7ffd000 });
    expect(diverging()).not.toDivergeAt(2);
    expect(diverging()).not.toDivergeAt(3, { errno: "ENOMEM" });
    expect(split()).not.toDivergeAt(1);
  });

  test("shows where they do", () => {
    expect(said(() => expect(diverging()).toDivergeAt(2))).toMatch(
      /^expected event 2 to be the first to diverge, but event 3 is:\n\n.*\n.*\n> {6}3 .*\n- recorded {2}0x10000000\n\+ model/,
    );
    expect(said(() => expect(split()).toDivergeAt(2))).toBe(
      "expected event 2 to diverge, but all 3 events are as the model has them",
    );
    expect(said(() => expect(diverging()).toDivergeAt(3, { errno: "ENOMEM" }))).toMatch(
      /^expected the model to answer -ENOMEM at event 3:/,
    );
  });
});

describe("toSatisfyLaws", () => {
  /** A state whose process counts a page too many. */
  const broken = (): KernelState => {
    const { state } = split();
    const [mm] = state.mms.values();
    if (!mm) throw new Error("there is an address space");
    return { ...state, mms: withMm(state, { ...mm, totalVm: mm.totalVm + 1 }) };
  };
  const withMm = (state: KernelState, mm: object): KernelState["mms"] => {
    const mms = state.mms.clone();
    for (const [id] of state.mms.entries()) mms.set(id, mm as never);
    return mms;
  };

  test("holds on states, machines and runs", () => {
    expect(split().state).toSatisfyLaws();
    expect(split()).toSatisfyLaws();
    expect(diverging()).toSatisfyLaws();
  });

  test("names each law that does not hold", () => {
    expect(broken()).not.toSatisfyLaws();
    expect(said(() => expect(broken()).toSatisfyLaws())).toMatch(
      /^expected every law to hold, but there is 1 violation:\n {2}accounting, .*totalVm/,
    );
  });
});

test("the moments of a run are what the recorder saw", () => {
  const recorder = diverging();
  const moments = [...momentsOf(recorder)];
  expect(moments.map(({ after }) => after.seq)).toEqual([1, 2, 3, 4]);
  expect(moments.at(-1)?.after).toEqual(recorder.state);
  const [first] = moments;
  expect(first && advanceState(first.before, first.event).state.seq).toBe(1);
  expect(recorder.states).toHaveLength(5);
});
