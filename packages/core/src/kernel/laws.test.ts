import {
  type Asking,
  askings,
  cpuProfile,
  FIRST,
  history,
  MACHINE,
  MACHINES,
  machineOf,
  memoryRequests,
  PAGE_MACHINE,
  PageMachine,
  RELEASE_NAMES,
  schedulings,
} from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Pid, Step } from "../base/index.ts";
import { maps } from "../procfs/index.ts";
import { diffMaps } from "../timeline/index.ts";
import { advanceState, replayEvents } from "./advance.ts";
import { undoSteps } from "./apply-steps.ts";
import { type Event, isScheduled } from "./event.ts";
import { decodeEvent, encodeEvent } from "./event-json.ts";
import { FirstDigest } from "./first-digest.ts";
import { violations } from "./laws.ts";
import { type Outcome, sameOutcome } from "./request.ts";
import { initialState, type KernelState, mmOf } from "./state.ts";
import type { KernelStep } from "./step.ts";
import "@pagetrail/testing/setup";

const digest = (state: KernelState): string => new FirstDigest((text) => text).of(state);

/** A state without what only numbers things: the names that later files and anon_vmas will get. */
const shape = (state: KernelState): string =>
  digest({ ...state, seq: 0, nextFile: 0, nextAnonVma: 0, nextMm: 0 } as KernelState);

const RUNS = { numRuns: 150 };

describe.each(MACHINES)("where %s are modelled", (_, machine) => {
  describe("after every event", () => {
    test("all laws hold", () => {
      fc.assert(
        fc.property(askings(40), (asked) => {
          for (const { after } of history(asked, machine)) expect(after).toSatisfyLaws();
        }),
        RUNS,
      );
    });

    test("earlier states are what they were", () => {
      fc.assert(
        fc.property(askings(30), (asked) => {
          const kept = history(asked, machine).map(({ after }) => ({ after, was: digest(after) }));
          history(asked, machine);
          for (const { after, was } of kept) expect(digest(after)).toBe(was);
        }),
        { numRuns: 60 },
      );
    });
  });

  describe("replay", () => {
    test("in one transaction gives the state that single events gave", () => {
      fc.assert(
        fc.property(askings(40), (asked) => {
          const told = history(asked, machine);
          const replayed = replayEvents(
            initialState(machine),
            told.map((t) => t.event),
          );
          expect(replayed.differs).toBeUndefined();
          const last = told.at(-1)?.after;
          expect(last && digest(replayed.state)).toBe(last && digest(last));
        }),
        RUNS,
      );
    });

    test("of an event whose outcome was recorded otherwise follows the recording, each time the same", () => {
      fc.assert(
        fc.property(memoryRequests(12), fc.nat(15), (requests, page) => {
          const ret = 0x20000000 + page * 4096;
          let state = initialState(machine);
          const events: Event[] = [];
          for (const asking of history(
            requests.map((request) => ({ tid: FIRST, request })),
            machine,
          )) {
            const outcome: Outcome = asking.event.request.call === "mmap" ? { ret } : asking.event.outcome;
            const event = { ...asking.event, outcome };
            const { state: next, predicted } = advanceState(state, event);
            state = next;
            events.push(sameOutcome(predicted, outcome) ? event : { ...event, divergence: predicted });
            expect(state).toSatisfyLaws();
          }
          const replayed = replayEvents(initialState(machine), events);
          expect(replayed.differs).toBeUndefined();
          expect(digest(replayed.state)).toBe(digest(state));
        }),
        RUNS,
      );
    });

    test("stops at the first event that the model answers otherwise", () => {
      const told = history([{ tid: FIRST, request: { call: "munmap", addr: 0, length: 0 } }], machine);
      const events = told.map(({ event }) => event);
      const wrong = events.map((e) => (e.request.call === "munmap" ? { ...e, outcome: { ret: 0 } } : e));
      const { differs } = replayEvents(initialState(machine), wrong);
      expect(differs?.event.seq).toBe(wrong.length);
      expect(differs?.predicted).toMatchObject({ errno: "EINVAL" });
    });
  });

  test("an event comes back from its JSON as it went in", () => {
    fc.assert(
      fc.property(askings(20), (asked) => {
        for (const { event } of history(asked, machine)) {
          const { outcome } = event;
          const plain = { ...event, outcome: "errno" in outcome ? { errno: outcome.errno } : outcome };
          const json = JSON.parse(JSON.stringify(encodeEvent(plain)));
          expect(decodeEvent(json)).toEqual({ ok: true, value: plain });
        }
      }),
      { numRuns: 60 },
    );
  });

  /** Calls that the kernel refuses as a whole or not at all, whatever the errno. */
  const ALL_OR_NOTHING: ReadonlySet<string> = new Set(["clone", "shmdt", "brk"]);

  /** Errnos that are decided before anything is touched. */
  const EARLY: ReadonlySet<string> = new Set(["EBADF", "EEXIST", "EOVERFLOW", "ENODEV"]);

  test("what is refused before anything is touched changes nothing", () => {
    fc.assert(
      fc.property(askings(40), (asked) => {
        for (const { event, before, after } of history(asked, machine)) {
          if (!("errno" in event.outcome)) continue;
          if (ALL_OR_NOTHING.has(event.request.call) || EARLY.has(event.outcome.errno))
            expect(shape(after)).toBe(shape(before));
        }
      }),
      RUNS,
    );
  });

  test("a refused mapping leaves no file, no charge and no page behind", () => {
    fc.assert(
      fc.property(askings(40), (asked) => {
        for (const { event, before, after } of history(asked, machine)) {
          const { request, outcome } = event;
          if (request.call !== "mmap" || !("errno" in outcome) || outcome.errno === "EOPNOTSUPP") continue;
          expect(after.committed).toBe(before.committed);
          expect(mmOf(after, event.tid)?.totalVm).toBe(mmOf(before, event.tid)?.totalVm);
          expect([...after.files.keys()]).toEqual([...before.files.keys()]);
        }
      }),
      RUNS,
    );
  });

  test("the steps of an event, undone from the last to the first, give the state back", () => {
    fc.assert(
      fc.property(askings(25), (asked) => {
        for (const { event, before } of history(asked, machine)) {
          const steps: Step[] = [];
          const { state } = advanceState(before, event, { note: (step) => steps.push(step) });
          expect(digest(undoSteps(state, steps as KernelStep[]))).toBe(digest(before));
        }
      }),
      { numRuns: 80 },
    );
  });

  test("of an event that contradicts the model, only what the recording says is told", () => {
    const mapped = history([], machine).at(-1);
    if (!mapped) throw new Error("the machine has a first process");
    const request = { call: "mmap", addr: 0, length: 4096, prot: 3, flags: 34, offset: 0, file: 0 } as const;
    const event = { seq: mapped.after.seq + 1, tid: FIRST, request, outcome: { ret: 0x10000000 } };
    const steps: Step[] = [];
    const { state } = advanceState(mapped.after, event, { note: (step) => steps.push(step) });
    expect(steps.filter((step) => step.kind === "vma")).toHaveLength(1);
    expect(digest(undoSteps(state, steps as KernelStep[]))).toBe(digest(mapped.after));
  });

  test("fork gives parent and child the same maps, but for what is not copied", () => {
    fc.assert(
      fc.property(memoryRequests(25), (requests) => {
        const child = 9 as Pid;
        const asked = requests.map((request): Asking => ({ tid: FIRST, request }));
        const last = history(
          [...asked, { tid: FIRST, request: { call: "clone", flags: 17, child } }],
          machine,
        ).at(-1);
        const parent = last && mmOf(last.after, FIRST);
        const copy = last && mmOf(last.after, child);
        if (!last || !parent || !copy) throw new Error("fork made a child");
        const inherited = parent.vmas.toArray().filter((v) => (v.flags & 0x20000) === 0);
        const lines = maps(last.after, parent).split("\n");
        const expected = parent.vmas.toArray().flatMap((v, i) => (inherited.includes(v) ? [lines[i]] : []));
        expect(maps(last.after, copy).split("\n").slice(0, -2)).toEqual(expected);
      }),
      RUNS,
    );
  });

  test("an address space does not differ from itself, and differs from another as they are told apart", () => {
    fc.assert(
      fc.property(memoryRequests(25), (requests) => {
        for (const { before, after } of history(
          requests.map((request) => ({ tid: FIRST, request })),
          machine,
        )) {
          const [a, b] = [mmOf(before, FIRST), mmOf(after, FIRST)];
          if (!a || !b) continue;
          expect(diffMaps(b.vmas, b.vmas)).toEqual([]);
          if (maps(before, a) === maps(after, b)) continue;
          expect(diffMaps(a.vmas, b.vmas).length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 80 },
    );
  });
});

describe.each(["refcount", "shootdown"] as const)("where CPUs are told of, with %s", (lazyTlb) => {
  const machine = cpuProfile(2, lazyTlb);

  test("all laws hold after every event", () => {
    fc.assert(
      fc.property(schedulings(80), (asked) => {
        for (const { after } of history(asked, machine)) expect(after).toSatisfyLaws();
      }),
      RUNS,
    );
  });

  test("replay in one transaction gives the state that single events gave, the ledger included", () => {
    fc.assert(
      fc.property(schedulings(80), (asked) => {
        const told = history(asked, machine);
        const { state, differs } = replayEvents(
          initialState(machine),
          told.map(({ event }) => event),
        );
        expect(differs).toBeUndefined();
        const last = told.at(-1)?.after;
        expect(last && digest(state)).toBe(last && digest(last));
      }),
      RUNS,
    );
  });

  test("the steps of an event, undone, give the state back", () => {
    fc.assert(
      fc.property(schedulings(40), (asked) => {
        for (const { event, before } of history(asked, machine)) {
          const steps: Step[] = [];
          const { state } = advanceState(before, event, { note: (step) => steps.push(step) });
          const undone = undoSteps(state, steps as KernelStep[]);
          expect(digest(undone)).toBe(digest(before));
          expect(undone).toSatisfyLaws();
        }
      }),
      { numRuns: 80 },
    );
  });

  test("what is refused changes nothing, and events come back from their JSON", () => {
    fc.assert(
      fc.property(schedulings(60), (asked) => {
        for (const { event, before, after } of history(asked, machine)) {
          expect(decodeEvent(encodeEvent(event))).toMatchObject({
            ok: true,
            value: { request: event.request },
          });
          if ("errno" in event.outcome && isScheduled(event.request))
            expect(shape(after)).toBe(shape(before));
        }
      }),
      RUNS,
    );
  });
});

test("the ledger of a log without CPUs is undone, too", () => {
  fc.assert(
    fc.property(askings(25), (asked) => {
      for (const { event, before } of history(asked, MACHINE)) {
        const steps: Step[] = [];
        const { state } = advanceState(before, event, { note: (step) => steps.push(step) });
        expect([...undoSteps(state, steps as KernelStep[]).refs.values()]).toEqual([...before.refs.values()]);
      }
    }),
    { numRuns: 40 },
  );
});

test.each(RELEASE_NAMES)("all laws hold on Linux %s, and an event as JSON comes back", (release) => {
  fc.assert(
    fc.property(askings(40), (asked) => {
      for (const { event, after } of history(asked, machineOf(release))) {
        expect(after).toSatisfyLaws();
        expect(decodeEvent(encodeEvent(event))).toMatchObject({ ok: true });
      }
    }),
    { numRuns: 50 },
  );
});

test.each(["4-level", "5-level"] as const)(
  "with %s tables, an address space with an entry of its own in the kernel half breaks a law",
  (paging) => {
    const machine = new PageMachine({ ...PAGE_MACHINE, pages: { ...PAGE_MACHINE.pages, paging } });
    machine.map(0x10, 4);
    machine.touch("write", 0x10);
    expect(machine.state).toSatisfyLaws();
    const root = mmOf(machine.state, FIRST)?.pages?.table.root;
    root?.words.set([0x1067, 0], 2 * 300);
    expect([...violations(machine.state)]).toContainEqual({
      law: "kspace",
      where: expect.stringMatching(/^mm \d+$/),
      what: "has 0x1067 at top-level index 300, init_mm has nothing",
    });
  },
);
