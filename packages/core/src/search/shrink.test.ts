import { type Asking, askings, FIRST, history, MACHINE, PAGE_MACHINE } from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Event, initialState, type Profile } from "../kernel/index.ts";
import type { Expression } from "./expression.ts";
import { parseExpression } from "./parse.ts";
import { reached, type Shrunk, shrinkLog } from "./shrink.ts";

const eventsOf = (asked: readonly Asking[], machine: Profile): readonly Event[] =>
  history(asked, machine).map(({ event }) => event);

const read = (text: string): Expression => {
  const parsed = parseExpression(text, { pid: 1 });
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error.what}`);
  return parsed.value;
};

function shrunk(machine: Profile, events: readonly Event[], expression: Expression): Shrunk | undefined {
  const shrinking = shrinkLog(initialState(machine), events, expression);
  for (;;) {
    const step = shrinking.next();
    if (step.done) return step.value;
  }
}

const calls = ({ events }: Shrunk): readonly string[] => events.map(({ request }) => request.call);

describe("a log is shrunk", () => {
  const expressions = [
    "vma split",
    "vma merged",
    "vmas > 2",
    "pid 2: vmas > 0",
    "outcome == ENOMEM",
    "signal == SIGSEGV",
    "rss > 1",
    "mm_count == 0",
    "task 2 zombie",
    "pte 0x20004000 dirty",
    "changed total_vm && call == mremap",
  ];

  test.each([
    ["address ranges", MACHINE],
    ["pages", PAGE_MACHINE],
  ] as const)("to events that still lead there, none of which can go (%s)", (_, machine) => {
    const wanted = fc.constantFrom(...expressions);
    const property = fc.property(askings(30), wanted, (asked, text) => {
      const events = eventsOf(asked, machine);
      const expression = read(text);
      const origin = initialState(machine);
      const all = reached(origin, events, expression);
      const small = shrunk(machine, events, expression);
      expect(small === undefined).toBe(all === undefined || all.events.length === 0);
      if (!small) return;
      expect(small.events.length).toBeLessThanOrEqual(all?.events.length ?? 0);
      expect(reached(origin, small.events, expression)?.events).toEqual(small.events);
      small.events.forEach((_, i) => {
        const without = small.operations.filter((__, j) => j !== i);
        expect(reached(origin, without, expression)?.events.length ?? small.events.length).toBe(
          small.events.length,
        );
      });
    });
    fc.assert(property, { numRuns: 60 });
  });

  test("to a handful, out of many that have nothing to do with it", () => {
    const noise: Asking[] = Array.from({ length: 400 }, (_, i) => ({
      tid: FIRST,
      request: { call: "madvise", addr: 0x30000000 + i * 4096, length: 4096, advice: 0 },
    }));
    const map = { call: "mmap", length: 65536, prot: 3, offset: 0, file: 0, flags: 0x32 } as const;
    const asked: Asking[] = [
      ...noise,
      { tid: FIRST, request: { ...map, addr: 0x20000000 } },
      ...noise,
      { tid: FIRST, request: { call: "mprotect", addr: 0x20004000, length: 8192, prot: 1 } },
    ];
    const small = shrunk(MACHINE, eventsOf(asked, MACHINE), read("vma split"));
    expect(small && calls(small)).toEqual(["adopt", "mmap", "mprotect"]);
    expect(small?.events[2]?.request).toMatchObject({ length: 4096 });
  });

  test("with mappings where they were, though what pushed them there is gone", () => {
    const map = { call: "mmap", addr: 0, length: 65536, prot: 3, offset: 0, file: 0, flags: 0x22 } as const;
    const asked: Asking[] = [map, { ...map, prot: 1 }, map].map((request) => ({ tid: FIRST, request }));
    const events = eventsOf(asked, MACHINE);
    const { outcome } = events.at(-1) ?? {};
    const at = outcome && "ret" in outcome ? outcome.ret : 0;
    const small = shrunk(MACHINE, events, read(`vma 0x${at.toString(16)} mapped`));
    expect(small && calls(small)).toEqual(["adopt", "mmap"]);
    expect(small?.events[1]?.outcome).toEqual({ ret: at });
  });

  test("not at all where nothing is found, or nothing is needed", () => {
    const events = eventsOf([], MACHINE);
    expect(shrunk(MACHINE, events, read("vmas > 100"))).toBeUndefined();
    expect(shrunk(MACHINE, events, read("task 1 gone"))).toBeUndefined();
  });
});
