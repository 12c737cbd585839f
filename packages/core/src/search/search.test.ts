import {
  type Asking,
  askings,
  cpuProfile,
  FIRST,
  history,
  MACHINE,
  MACHINES as MODELLED,
  PAGE_MACHINE,
  schedulings,
} from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type MmId, type Pid, pageRange, pid } from "../base/index.ts";
import { type Event, initialState, type KernelState, type Profile } from "../kernel/index.ts";
import { Timeline } from "../timeline/index.ts";
import { holds, valueAt } from "./evaluate.ts";
import { type Expression, isMomentary } from "./expression.ts";
import { buildIndex } from "./index-builder.ts";
import { indexOfTexts, indexTexts } from "./index-texts.ts";
import { parseExpression, parseSum } from "./parse.ts";
import { type Found, type Search, search } from "./search.ts";
import type { SearchIndex } from "./search-index.ts";
import { series } from "./series.ts";
import { ScannedSpaces, Walk } from "./walk.ts";
import { anyChangeAt, watch } from "./watch.ts";

/** A log of these requests, with the state behind every event. */
function logOf(asked: readonly Asking[], machine: Profile): { events: Event[]; states: KernelState[] } {
  const told = history(asked, machine);
  const events = told.map(({ event }) => ({ ...event, line: event.seq * 2, time: 100 + event.seq / 8 }));
  return { events, states: [initialState(machine), ...told.map(({ after }) => after)] };
}

/** Every place at which an expression is found, by looking at each event with nothing remembered. */
function naively(
  e: Expression,
  { events, states }: { events: readonly Event[]; states: readonly KernelState[] },
  { from, to, edge = "becomes" }: Pick<Search, "from" | "to" | "edge">,
): readonly number[] {
  const at = (n: number): boolean =>
    holds(e, {
      event: events[n - 1],
      before: states[Math.max(0, n - 1)] as KernelState,
      after: states[n] as KernelState,
      started: events[0]?.time,
      lastSpace: (pid) => lastSpace(pid, n),
    });
  const lastSpace = (pid: Pid, n: number): MmId | undefined => {
    const had = states.slice(0, n + 1).map((state) => state.tasks.get(pid)?.mm);
    return had.findLast((mm) => mm !== undefined && mm !== 0);
  };
  const found: number[] = [];
  if (from === 0 && edge === "becomes" && !isMomentary(e) && at(0)) found.push(0);
  for (let n = from + 1; n <= to; n++) {
    const isFound = isMomentary(e) ? at(n) : at(n) !== at(n - 1) && (at(n) || edge === "changes");
    if (isFound) found.push(n);
  }
  return found;
}

const seqs = (found: Iterable<Found>): readonly number[] =>
  [...found].flatMap((one) => (one.kind === "found" ? [one.seq] : []));

const read = (text: string): Expression => {
  const parsed = parseExpression(text, { pid: 1 });
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error.what}`);
  return parsed.value;
};

const ATOMS: readonly string[] = [
  "call == mmap",
  "call == access",
  "outcome != ok",
  "outcome == ENOMEM",
  "signal == SIGSEGV",
  "tid == 2",
  "pid == 2",
  "pid 2: call == munmap",
  "pid 3: diverged",
  "line > 40",
  "time < 2",
  "seq == 17",
  "length > 8K",
  "ret >= 0x20004000",
  "(flags & MAP_FIXED) != 0",
  "vmas > 2",
  "vmas == 0",
  "maps <= 1",
  "total_vm > 16K",
  "pid 2: total_vm + 1 > 4",
  "pid 2: locked_vm != 0",
  "mm 2: vmas < 3",
  "mm 3: total_vm * 2 > 5",
  "rss > 2",
  "rss_anon + swap >= 3",
  "pte > 2",
  "pid 2: pte == 0",
  "faults > 2",
  "pid 2: faults - min_flt == 0",
  "pid 2: threads == 1",
  "threads > 1",
  "mm_users > 1",
  "mm_count == 0",
  "pid 2: mm_count == 0",
  "pid 3: mm_users == 0",
  "mm 3: mm_count == 0",
  "mm 3: mm_count > 1",
  "committed > 4",
  "tasks > 2",
  "spaces <= 2",
  "free < 60000",
  "swap_used > 0",
  "state == zombie",
  "pid 2: state == zombie",
  'comm == "t"',
  "task 2 exists",
  "task 2 gone",
  "task 3 zombie",
  "task 2 vforked",
  "cpu 0 idle",
  "cpu 1 runs 2",
  "cpu 0 lazy",
  "cpu 1 online",
  "vma created",
  "pid 2: vma removed",
  "vma split",
  "vma merged",
  "vma 0x20004000 changed",
  "vma 0x20002000..0x20006000 protected",
  "vma 0x20003000 created",
  "pid 2: vma 0x20003000 removed",
  "vma 0x20000000..0x20008000 grown",
  "vma moved",
  "vma 0x20004000 mapped",
  "vma 0x20004000 unmapped",
  "vma 0x20000000..0x20004000 writable",
  "pid 2: vma 0x20001000 shared",
  "mm 3: vma 0x20001000 mapped",
  "pte 0x20004000 present",
  "pte 0x20004000 writable dirty",
  "pte 0x20004000 exclusive",
  "pid 2: pte 0x20001000..0x20003000 absent",
  "pte 0x20003000 changed",
  "changed vmas",
  "changed rss",
  "pid 2: changed comm",
  "changed total_vm + rss",
];

/** Conditions, and what can be made of two or three of them. */
const expressions: fc.Arbitrary<string> = fc.letrec<{ any: string; atom: string }>((tie) => ({
  atom: fc.constantFrom(...ATOMS),
  any: fc.oneof(
    { weight: 3, arbitrary: tie("atom") },
    { weight: 1, arbitrary: tie("any").map((a) => `!(${a})`) },
    { weight: 1, arbitrary: fc.tuple(tie("any"), tie("any")).map(([a, b]) => `(${a}) && (${b})`) },
    { weight: 1, arbitrary: fc.tuple(tie("any"), tie("any")).map(([a, b]) => `(${a}) || (${b})`) },
  ),
})).any;

const MACHINES: readonly (readonly [string, Profile, (n: number) => fc.Arbitrary<readonly Asking[]>])[] = [
  ...MODELLED.map(([name, machine]) => [name, machine, askings] as const),
  ["CPUs", cpuProfile(2), schedulings],
];

describe.each(MACHINES)("in a log of %s", (_, machine, requests) => {
  const places = fc.record({
    blockEvents: fc.constantFrom(1, 3, 8, 64),
    ends: fc.tuple(fc.nat(60), fc.nat(60)),
    edge: fc.constantFrom("becomes" as const, "changes" as const),
  });

  test("a search finds what looking at every event finds, forward and backward, with an index and without", () => {
    fc.assert(
      fc.property(
        requests(50),
        fc.array(expressions, { minLength: 1, maxLength: 8 }),
        places,
        (asked, texts, how) => {
          const log = logOf(asked, machine);
          const timeline = new Timeline(log.states[0] as KernelState, log.events);
          const [a, b] = how.ends.map((end) => Math.min(end, timeline.last)) as [number, number];
          const range = { from: Math.min(a, b), to: Math.max(a, b), edge: how.edge };
          const index = built(timeline, how.blockEvents);
          for (const text of texts) {
            const expression = read(text);
            const expected = naively(expression, log, range);
            for (const more of [{ blockEvents: how.blockEvents }, { index }]) {
              const forward = search(timeline, { expression, direction: "forward", ...range, ...more });
              const backward = search(timeline, { expression, direction: "backward", ...range, ...more });
              expect({ text, found: seqs(forward) }).toEqual({ text, found: expected });
              expect({ text, found: seqs(backward) }).toEqual({ text, found: [...expected].reverse() });
            }
          }
        },
      ),
      { numRuns: 250 },
    );
  });

  test("every condition is searched for", () => {
    const asked = fc.sample(requests(120), { seed: 7, numRuns: 6 });
    for (const one of asked) {
      const log = logOf(one, machine);
      const timeline = new Timeline(log.states[0] as KernelState, log.events);
      const index = built(timeline, 5);
      for (const text of ATOMS)
        for (const edge of ["becomes", "changes"] as const) {
          const expression = read(text);
          const range = { from: 0, to: timeline.last, edge };
          const found = seqs(search(timeline, { expression, direction: "backward", index, ...range }));
          expect({ text, found: [...found].reverse() }).toEqual({
            text,
            found: naively(expression, log, range),
          });
        }
    }
  });
});

describe("a number over time", () => {
  const sums = [
    "vmas",
    "total_vm",
    "rss",
    "faults",
    "pid 2: mm_count",
    "committed + tasks",
    "pid 2: threads",
    "ret",
    "seq",
  ];

  test("has a point wherever it is another, with an index and without", () => {
    const property = fc.property(askings(40), fc.constantFrom(...sums), (asked, text) => {
      const [subject, what] = text.startsWith("pid 2: ") ? [2, text.slice(7)] : [1, text];
      const sum = parseSum(what, { pid: subject });
      if (!sum.ok) throw new Error(sum.error.what);
      const log = logOf(asked, PAGE_MACHINE);
      const timeline = new Timeline(log.states[0] as KernelState, log.events);
      const expected: unknown[] = [];
      let last: unknown;
      let isFirst = true;
      for (const moment of new Walk(timeline, new ScannedSpaces(timeline), [1, 2].map(pid)).from(
        0,
        timeline.last,
      )) {
        const value = valueAt(sum.value, moment);
        const ofEvents = what === "ret" || what === "seq";
        if (ofEvents ? value !== undefined : isFirst || value !== last)
          expected.push([moment.event?.seq ?? 0, value]);
        last = value;
        isFirst = false;
      }
      for (const more of [{ blockEvents: 4 }, { index: built(timeline, 4) }]) {
        const points = [...series(timeline, sum.value, more)].flatMap((item) =>
          item.kind === "point" ? [[item.seq, item.value]] : [],
        );
        expect(points).toEqual(expected);
      }
    });
    fc.assert(property, { numRuns: 150 });
  });
});

describe("a watchpoint", () => {
  const map = {
    call: "mmap",
    addr: 0x20000000,
    length: 8192,
    prot: 3,
    offset: 0,
    file: 0,
    flags: 0x32,
  } as const;
  const protect = (prot: number) => ({ call: "mprotect", addr: 0x20000000, length: 4096, prot }) as const;
  const requests = [map, protect(1), { call: "munlockall" } as const, protect(3), protect(0)];
  const log = logOf(
    requests.map((request) => ({ tid: FIRST, request })),
    MACHINE,
  );
  const timeline = new Timeline(log.states[0] as KernelState, log.events);

  /** Every stop from a place on. */
  function stops(expression: Expression, from: number, direction: "forward" | "backward"): readonly number[] {
    const found: number[] = [];
    for (let at = from; ; ) {
      const watching = watch(timeline, { expression, at, direction });
      let step = watching.next();
      while (!step.done) step = watching.next();
      if (step.value?.kind !== "found") return found;
      at = step.value.seq;
      found.push(at);
    }
  }

  test("stops where an address's mapping changes, forward and in reverse, never where one stands", () => {
    const expression = anyChangeAt({ kind: "pid", pid: FIRST }, pageRange(0x20000, 0x20001));
    expect(stops(expression, 0, "forward")).toEqual([3, 4, 6, 7]);
    expect(stops(expression, timeline.last, "backward")).toEqual([6, 4, 3]);
    expect(stops(expression, 5, "backward")).toEqual([4, 3]);
  });

  test("stops where what is so of states becomes another", () => {
    expect(stops(read("vma 0x20000000 writable"), 0, "forward")).toEqual([3, 4, 6, 7]);
    expect(stops(read("vmas == 2"), timeline.last, "backward")).toEqual([6, 4]);
  });
});

/** An index as it comes back from a file. */
function built(timeline: Timeline, blockEvents: number): SearchIndex {
  const building = buildIndex(timeline, blockEvents);
  for (;;) {
    const step = building.next();
    if (step.done) {
      const texts = indexTexts(step.value);
      return indexOfTexts((n) => texts[n] ?? "");
    }
  }
}
