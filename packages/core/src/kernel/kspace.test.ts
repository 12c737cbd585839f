import { FIRST, kernelRequests, MACHINE, Machine, PAGE_MACHINE, PageMachine } from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Step } from "../base/index.ts";
import { advanceState, replayEvents } from "./advance.ts";
import { undoSteps } from "./apply-steps.ts";
import { type Event, isDecided } from "./event.ts";
import { decodeEvent, encodeEvent } from "./event-json.ts";
import { FirstDigest } from "./first-digest.ts";
import { kernelHalf } from "./kspace.ts";
import type { Profile } from "./profile.ts";
import type { Request } from "./request.ts";
import { initialState, type KernelState } from "./state.ts";
import type { KernelStep } from "./step.ts";
import "@pagetrail/testing/setup";

const digest = (state: KernelState): string => new FirstDigest((text) => text).of(state);

/** A 32-bit kernel with high memory, and one of 256 MiB, which has none. */
const I386: Profile = { ...MACHINE, layout: "i386", sysctl: { ...MACHINE.sysctl, totalPages: 2 ** 20 } };
const SMALL: Profile = { ...I386, sysctl: { ...I386.sysctl, totalPages: 2 ** 16 } };

const answers = (machine: Machine, ...requests: readonly Request[]): readonly string[] =>
  requests.map((request) => {
    const outcome = machine.ask(request);
    return "ret" in outcome ? `0x${outcome.ret.toString(16)}` : "errno" in outcome ? outcome.errno : "gone";
  });

describe("kernel code on a 64-bit kernel", () => {
  test("gets the lowest places of the vmalloc range", () => {
    const got = answers(
      new Machine(),
      { call: "vmalloc", bytes: 16384, caller: "kernel_clone" },
      { call: "vmalloc", bytes: 1 },
      { call: "vfree", addr: 0xffffc90000000000n },
      { call: "vfree", addr: 0xffffc90000000000n },
      { call: "vfree", addr: 0xffffc90000005008n },
      { call: "vmalloc", bytes: 1 },
    );
    const places = ["0xffffc90000000000", "0xffffc90000005000"];
    expect(got).toEqual([...places, "0x0", "EINVAL", "EINVAL", "0xffffc90000007000"]);
  });

  test("sees every frame in the direct map", () => {
    const got = answers(
      new Machine(),
      { call: "kmap", pfn: 0x12345 },
      { call: "kmap_local", pfn: 1, cpu: 0 },
    );
    expect(got).toEqual(["0xffff888012345000", "0xffff888000001000"]);
  });

  test("needs no process", () => {
    const machine = new Machine();
    machine.ask({ call: "exit_group", code: 0 });
    machine.ask({ call: "vmalloc", bytes: 1 });
    expect(machine.state.kspace.areas.size).toBe(1);
  });
});

describe("frames that somebody else holds", () => {
  test("are mapped in a row, and stay when they are no longer", () => {
    const got = answers(
      new Machine(),
      { call: "vmap", pfns: [7, 9], caller: "drm_gem_vmap" },
      { call: "vmap", pfns: [7], guard: 0 },
      { call: "vmalloc", bytes: 1 },
      { call: "vunmap", addr: 0xffffc90000004000n },
      { call: "vunmap", addr: 0xffffc90000000000n },
      { call: "vunmap", addr: 0xffffc90000000000n },
      { call: "vmap", pfns: [] },
      { call: "vmap", pfns: [2 ** 52] },
    );
    const places = ["0xffffc90000000000", "0xffffc90000003000", "0xffffc90000004000"];
    expect(got).toEqual([...places, "EINVAL", "0x0", "EINVAL", "ENOMEM", "EINVAL"]);
  });
});

describe("a kernel half of old", () => {
  test("of 64 bits has its direct map lower", () => {
    const machine = new Machine({ ...MACHINE, kernelHalf: "classic" });
    expect(answers(machine, { call: "kmap", pfn: 1 })).toEqual(["0xffff880000001000"]);
  });

  test("of 32 bits has a slot for each purpose, and no stack of them; the present one has it the other way", () => {
    const asked: readonly Request[] = [
      { call: "kmap_atomic", pfn: 0x38000, cpu: 1, type: "KM_USER0" },
      { call: "kmap_atomic", pfn: 0x38001, cpu: 1, type: "KM_USER0" },
      { call: "kmap_atomic", pfn: 0x38001, cpu: 1, type: "KM_SOMETHING" },
      { call: "kunmap_atomic", cpu: 1, type: "KM_USER0" },
      { call: "kmap_atomic", pfn: 0x38001, cpu: 1, type: "KM_USER0" },
      { call: "kmap_local", pfn: 0x38001, cpu: 1 },
    ];
    const typed = answers(new Machine({ ...I386, kernelHalf: "classic" }), ...asked);
    expect(typed).toEqual(["0xfffa4000", "EBUSY", "EINVAL", "0x0", "0xfffa4000", "EINVAL"]);
    expect(answers(new Machine(I386), ...asked).slice(0, 4)).toEqual([
      "EINVAL",
      "EINVAL",
      "EINVAL",
      "EINVAL",
    ]);
  });

  test("with PAE has half the slots of kmap, and the rest of the kernel half moves along", () => {
    const pae: Profile = { ...I386, pages: { ...I386.pages, paging: "pae" } };
    expect(kernelHalf(pae)).toMatchObject({ name: "i386-pae", pkmap: { slots: 512 } });
    expect(kernelHalf(I386)).toMatchObject({ name: "i386", pkmap: { slots: 1024 } });
  });
});

describe("kernel code on a 32-bit kernel", () => {
  test("gets slots for high memory", () => {
    const got = answers(
      new Machine(I386),
      { call: "vmalloc", bytes: 1 },
      { call: "kmap", pfn: 0x38000 },
      { call: "kunmap", pfn: 0x38000 },
      { call: "kunmap", pfn: 0x38000 },
      { call: "kmap_local", pfn: 0x38000, cpu: 1 },
      { call: "kunmap_local", addr: 0xfffab000, cpu: 1 },
    );
    expect(got).toEqual(["0xf8800000", "0xff801000", "0x0", "EINVAL", "0xfffab000", "0x0"]);
  });

  test("with 256 MiB has no high memory, and vmalloc begins right above what there is", () => {
    const got = answers(new Machine(SMALL), { call: "vmalloc", bytes: 1 }, { call: "kmap", pfn: 0xffff });
    expect(got).toEqual(["0xd0800000", "0xcffff000"]);
  });
});

test("a state in which nothing of the kernel half was used has the digest that it had before there was one", () => {
  const counters = { committed: 0, nextAnonVma: 1, nextFile: 2 ** 31, nextMm: 1, seq: 0 };
  expect(digest(initialState(MACHINE))).toBe(JSON.stringify(counters));
  const machine = new Machine();
  const before = digest({ ...machine.state, seq: 0 });
  for (const request of [
    { call: "vfree", addr: 8 },
    { call: "kunmap", pfn: 5 },
  ] as const)
    machine.ask(request);
  expect(digest({ ...machine.state, seq: 0 })).toBe(before);
  machine.ask({ call: "vmalloc", bytes: 1 });
  expect(digest({ ...machine.state, seq: 0 })).not.toBe(before);
});

describe("where pages are modelled", () => {
  /** A 32-bit kernel with 1 GiB, of which the last 128 MiB are high memory. */
  const high: Profile = {
    ...PAGE_MACHINE,
    layout: "i386",
    pages: { ...PAGE_MACHINE.pages, frames: 2 ** 18, paging: "2-level" },
    sysctl: { ...PAGE_MACHINE.sysctl, totalPages: 2 ** 18 },
  };

  test("vmalloc has its frames from the buddy allocator, of high memory first, and vfree gives them back", () => {
    const machine = new PageMachine(high);
    const free = machine.state.memory?.phys.freePages ?? 0;
    machine.ask({ call: "vmalloc", bytes: 3 * 4096 });
    const [area] = machine.state.kspace.areas.toArray();
    expect(area?.frames.every((pfn) => pfn >= 0x38000)).toBe(true);
    expect(machine.state.memory?.phys.freePages).toBe(free - 3);
    machine.ask({ call: "vfree", addr: 0xf8800000 });
    expect(machine.state.memory?.phys.freePages).toBe(free);
  });

  test("vmalloc that runs out of frames gives all of them back, and leaves the last reserve alone", () => {
    const machine = new PageMachine(PAGE_MACHINE);
    const free = machine.state.memory?.phys.freePages;
    expect(answers(machine, { call: "vmalloc", bytes: 2 ** 28 })).toEqual(["ENOMEM"]);
    expect(machine.state.memory?.phys.freePages).toBe(free);
    expect(machine.state.kspace.lazyPages).toBe(0);
    expect(machine.state.kspace.purges).toBe(1);
  });
});

test("what is asked in the kernel half counts as predicted", () => {
  expect(isDecided({ request: { call: "vmalloc", bytes: 1 } })).toBe(true);
});

test("an area that a recording has elsewhere is put there, and one that cannot be there nowhere", () => {
  const { state } = new Machine();
  const asked = { seq: state.seq + 1, tid: FIRST, request: { call: "vmalloc", bytes: 8192 } } as const;
  const there = advanceState(state, { ...asked, outcome: { ret: 0xffffc90000100000n } });
  expect(there.predicted).toEqual({ ret: 0xffffc90000000000n });
  expect(there.state.kspace.areas.toArray()).toMatchObject([
    { start: 0xffffc90000100, end: 0xffffc90000103 },
  ]);
  const again = advanceState(there.state, { ...asked, outcome: { ret: 0xffffc90000102000n } });
  expect(again.state.kspace.areas.size).toBe(1);
  expect(advanceState(state, { ...asked, outcome: { ret: 0x1000 } }).state.kspace.areas.size).toBe(0);
});

describe.each([
  ["64-bit", MACHINE],
  ["32-bit", I386],
])("whatever kernel code asks of a %s kernel", (_, profile) => {
  const runs = { numRuns: 60 };

  /** One event at a time, each with the model's own answer. */
  function history(requests: readonly Request[]): { events: Event[]; states: KernelState[] } {
    const machine = new Machine(profile);
    const events: Event[] = [];
    const states = [machine.state];
    for (const request of requests) {
      const outcome = machine.ask(request);
      events.push({ seq: machine.state.seq, tid: FIRST, request, outcome });
      states.push(machine.state);
    }
    return { events, states };
  }

  test("the laws hold after it", () => {
    fc.assert(
      fc.property(kernelRequests(60), (requests) => {
        for (const state of history(requests).states) expect(state).toSatisfyLaws();
      }),
      runs,
    );
  });

  test("in one transaction gives the state that single events gave, and leaves earlier states alone", () => {
    fc.assert(
      fc.property(kernelRequests(60), (requests) => {
        const { events, states } = history(requests);
        const [first, last] = [states[0], states.at(-1)];
        if (!first || !last) throw new Error("a machine has a state");
        const was = digest(first);
        const replayed = replayEvents(first, events);
        expect(replayed.differs).toBeUndefined();
        expect(digest(replayed.state)).toBe(digest(last));
        expect(digest(first)).toBe(was);
      }),
      runs,
    );
  });

  test("its steps, undone from the last to the first, give the state back", () => {
    fc.assert(
      fc.property(kernelRequests(40), (requests) => {
        const { events, states } = history(requests);
        for (const [i, event] of events.entries()) {
          const before = states[i] ?? initialState(profile);
          const steps: Step[] = [];
          const { state } = advanceState(before, event, { note: (step) => steps.push(step) });
          expect(digest(undoSteps(state, steps as KernelStep[]))).toBe(digest(before));
        }
      }),
      runs,
    );
  });

  test("comes back from its JSON as it went in", () => {
    fc.assert(
      fc.property(kernelRequests(20), (requests) => {
        for (const event of history(requests).events) {
          const { outcome } = event;
          const plain = { ...event, outcome: "errno" in outcome ? { errno: outcome.errno } : outcome };
          expect(decodeEvent(JSON.parse(JSON.stringify(encodeEvent(plain))))).toEqual({
            ok: true,
            value: plain,
          });
        }
      }),
      runs,
    );
  });
});
