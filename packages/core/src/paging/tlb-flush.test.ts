import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BrokenInvariant, INIT_MM, type MmId } from "../base/index.ts";
import { small, TlbTestMachine } from "../testing/tlb-machine.ts";
import type { TlbShape } from "./tlb.ts";
import { flushTlbAll, flushTlbFunc, flushTlbKernelRange, kernPcid, userPcid } from "./tlb-flush.ts";

const SHAPE: TlbShape = { entries: 64, ways: 4, replacement: "lru" };
const A = 2;
const B = 3;

/** A machine on which each CPU runs the address space of the list, which has pages 0 to 99, all touched. */
function running(mms: readonly number[], pcid = true): TlbTestMachine {
  const machine = new TlbTestMachine(mms.length, { ...SHAPE, entries: 256 }, 9, pcid);
  for (const [cpu, mm] of mms.entries()) {
    machine.run(cpu, mm);
    for (let vpn = 0; vpn < 100; vpn++) machine.map(mm, small(vpn, mm * 1000 + vpn));
    for (let vpn = 0; vpn < 100; vpn++) machine.touch(cpu, vpn);
  }
  return machine;
}

const mask = (machine: TlbTestMachine, mm: number): readonly number[] =>
  machine.peekContext(mm as MmId).cpumask;

describe("a switch", () => {
  test("gives each address space an ASID in turn, and finds its translations when it comes back", () => {
    const machine = running([A]);
    expect(machine.run(0, B)).toEqual({ loaded: true, asid: 2, flushed: true });
    expect(machine.run(0, A)).toEqual({ loaded: true, asid: 1, flushed: false });
    expect(machine.touch(0, 5).hit).toBe(true);
  });

  test("to a seventh takes the ASID of the first, which is init_mm's from the boot", () => {
    const machine = new TlbTestMachine(1, SHAPE, 9);
    const asids = [2, 3, 4, 5, 6, 7, 8, 2].map((mm) => machine.run(0, mm).asid);
    expect(asids).toEqual([1, 2, 3, 4, 5, 0, 1, 2]);
  });

  test("without PCIDs always flushes, and always takes ASID 0", () => {
    const machine = running([A], false);
    expect(machine.run(0, B)).toEqual({ loaded: true, asid: 0, flushed: true });
    expect(machine.peekCpu(0).tlb.size).toBe(0);
  });

  test("to the address space that is loaded does nothing", () => {
    const machine = running([A]);
    expect(machine.run(0, A)).toEqual({ loaded: false, asid: 1, flushed: false });
  });

  test("leaves the CPU in the mask of the address space before", () => {
    const machine = running([A, A]);
    machine.run(0, B);
    expect([mask(machine, A), mask(machine, B)]).toEqual([[0, 1], [0]]);
  });

  test("flushes an address space that was flushed elsewhere meanwhile", () => {
    const machine = running([A, A]);
    machine.run(0, B);
    machine.unmap(1, A, 3, 4);
    expect(machine.run(0, A)).toMatchObject({ asid: 1, flushed: true });
    expect(machine.touch(0, 3).entry).toBeUndefined();
  });
});

test("the PCID of an ASID is one more, and for user code 2,048 more than that", () => {
  expect([kernPcid(0), userPcid(0), kernPcid(5), userPcid(5)]).toEqual([1, 2049, 6, 2054]);
});

describe("a flush request", () => {
  test.each([
    [1, false],
    [33, false],
    [34, true],
  ])("for %i pages flushes everything: %s", (pages, full) => {
    const machine = running([A]);
    expect(machine.unmap(0, A, 0, pages)).toEqual({ full, ipis: [] });
    const { counts } = machine.peekCpu(0);
    expect(counts.pageFlushes).toBe(full ? 0 : pages);
    expect(machine.touch(0, 50).hit).toBe(!full);
  });

  test("counts large entries, not their pages", () => {
    const machine = running([A]);
    expect(machine.unmap(0, A, 1024, 1024 + 33 * 512, { stride: 512 }).full).toBe(false);
    expect(machine.peekCpu(0).counts.pageFlushes).toBe(33);
  });

  test("asks the other CPUs that run the address space", () => {
    const machine = running([A, B, A, A]);
    expect(machine.unmap(0, A, 3, 5).ipis).toEqual([2, 3]);
    expect([0, 1, 2, 3].map((cpu) => machine.peekCpu(cpu).counts.ipisReceived)).toEqual([0, 0, 1, 1]);
    expect(machine.peekCpu(0).counts).toMatchObject({ shootdowns: 1, ipisSent: 2 });
    for (const cpu of [0, 2, 3]) expect(machine.touch(cpu, 3).entry).toBeUndefined();
  });

  test("skips a CPU that is lazy, which catches up when it takes the address space again", () => {
    const machine = running([A, A]);
    machine.idle(1);
    expect(machine.unmap(0, A, 3, 4).ipis).toEqual([]);
    expect(machine.run(1, A)).toEqual({ loaded: true, asid: 1, flushed: true });
    expect(machine.touch(1, 3).entry).toBeUndefined();
  });

  test("leaves a lazy CPU's translations alone when nothing was asked meanwhile", () => {
    const machine = running([A]);
    machine.idle(0);
    expect(machine.run(0, A)).toEqual({ loaded: false, asid: 1, flushed: false });
    expect(machine.touch(0, 3).hit).toBe(true);
  });

  test("also asks a lazy CPU when tables were freed, and it takes init_mm", () => {
    const machine = running([A, A]);
    machine.idle(1);
    expect(machine.unmap(0, A, 3, 4, { freedTables: true }).ipis).toEqual([1]);
    expect(machine.peekCpu(1)).toMatchObject({ loadedMm: INIT_MM, isLazy: false });
  });

  test("that finds another address space loaded takes the CPU out of the mask", () => {
    const machine = running([A, A]);
    machine.run(1, B);
    expect(machine.unmap(0, A, 3, 4).ipis).toEqual([]);
    expect(mask(machine, A)).toEqual([0, 1]);
    expect(machine.unmap(0, A, 4, 5, { trim: true }).ipis).toEqual([1]);
    expect(mask(machine, A)).toEqual([0]);
  });

  test("from a CPU that does not run the address space leaves its own translations for later", () => {
    const machine = running([A]);
    machine.run(0, B);
    machine.unmap(0, A, 3, 4);
    expect(machine.peekCpu(0).counts.pageFlushes).toBe(0);
    expect(machine.violations()).toEqual([]);
    expect(machine.run(0, A).flushed).toBe(true);
  });
});

test("of two requests that reach a CPU in the wrong order the first flushes everything, and the second nothing", () => {
  const machine = running([A, A]);
  machine.context(A as MmId).tlbGen = 2;
  const request = { mm: A as MmId, initiatingCpu: 0, full: false };
  flushTlbFunc(machine, 1, { ...request, start: 3, end: 4, newTlbGen: 2 });
  expect(machine.touch(1, 50).hit).toBe(false);
  flushTlbFunc(machine, 1, { ...request, start: 50, end: 51, newTlbGen: 1 });
  expect(machine.touch(1, 50).hit).toBe(true);
  expect(machine.peekCpu(1).ctxs[1]).toEqual({ ctxId: 2, tlbGen: 2 });
});

describe("a flush of the kernel half", () => {
  const G = 0x103;
  const K = 0xffffc90000000;

  test("reaches every CPU, whatever it runs, page by page up to the ceiling", () => {
    const machine = running([A, B]);
    machine.map(INIT_MM, small(K, 7, G));
    const walk = machine.walk.bind(machine);
    for (const cpu of [0, 1]) machine.cpu(cpu).tlb.fill(1, walk(INIT_MM, K) ?? small(0, 0));
    machine.tables.get(INIT_MM)?.clear();
    expect(machine.violations()).toHaveLength(2);
    expect(flushTlbKernelRange(machine, 0, K, K + 33)).toEqual({ full: false, ipis: [1] });
    expect(machine.violations()).toEqual([]);
    expect(machine.touch(0, 5).hit).toBe(true);
    expect(flushTlbKernelRange(machine, 0, K, K + 34)).toEqual({ full: true, ipis: [1] });
    expect(machine.peekCpu(1).tlb.size).toBe(0);
  });

  test("of everything empties every TLB", () => {
    const machine = running([A, B]);
    flushTlbAll(machine, 1);
    expect([machine.peekCpu(0).tlb.size, machine.peekCpu(1).tlb.size]).toEqual([0, 0]);
  });
});

describe("the laws", () => {
  test("a table that grants less than a TLB is found, one that grants more is fine", () => {
    const machine = running([A]);
    machine.map(A, small(3, A * 1000 + 3, 0x5));
    expect(machine.violations()).toEqual(["CPU 0 keeps page 0x3 of mm 2, which the tables do not grant"]);
    machine.map(A, { ...small(3, A * 1000 + 3), hi: 0x80000000 });
    expect(machine.violations()).toHaveLength(1);
    machine.map(A, small(3, 9));
    expect(machine.violations()).toHaveLength(1);
    machine.map(A, small(3, A * 1000 + 3, 0x67));
    expect(machine.violations()).toEqual([]);
  });

  test("a large translation needs all of its pages, from entries of whatever size", () => {
    const machine = new TlbTestMachine(1, SHAPE, 2);
    machine.run(0, A);
    const large = { vpn: 512, pages: 512, lo: 512 * 4096 + 0x87, hi: 0 };
    machine.map(A, large);
    machine.touch(0, 600);
    machine.tables.get(A as MmId)?.clear();
    for (let vpn = 512; vpn < 1024; vpn++) machine.map(A, small(vpn, vpn));
    expect(machine.violations()).toEqual([]);
    machine.tables.get(A as MmId)?.delete(700);
    expect(machine.violations()).toHaveLength(1);
  });

  test("a CPU without a place in the mask is found", () => {
    const machine = running([A]);
    machine.context(A as MmId).cpumask = [];
    expect(machine.violations()).toEqual(["CPU 0 is missing in the mask of mm 2"]);
  });

  test("a flush that a CPU did not do is found", () => {
    const machine = running([A]);
    machine.context(A as MmId).tlbGen += 1;
    expect(machine.violations()).toEqual(["CPU 0 has seen flush 0 of 1 of mm 2"]);
  });

  test("a kernel thread that touches user memory is a mistake of ours", () => {
    const machine = running([A]);
    machine.idle(0);
    expect(() => machine.touch(0, 3)).toThrow(BrokenInvariant);
  });
});

type Op =
  | { readonly do: "run"; readonly cpu: number; readonly mm: number }
  | { readonly do: "idle"; readonly cpu: number }
  | { readonly do: "touch"; readonly cpu: number; readonly vpn: number }
  | {
      readonly do: "unmap" | "protect";
      readonly cpu: number;
      readonly mm: number;
      readonly vpn: number;
      readonly pages: number;
      readonly freedTables: boolean;
      readonly trim: boolean;
    };

const cpu = fc.nat(3);
/** Mostly one of two, so that CPUs come back to them; sometimes one of more than there are ASIDs. */
const mm = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 2, max: 3 }) },
  { weight: 1, arbitrary: fc.integer({ min: 2, max: 9 }) },
);
const vpn = fc.nat(7);

const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("run" as const), cpu, mm }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("run" as const), cpu, mm: fc.constant<number>(INIT_MM) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("idle" as const), cpu }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("touch" as const), cpu, vpn }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("unmap" as const, "protect" as const),
      cpu,
      mm,
      vpn,
      pages: fc.constantFrom(1, 2, 40),
      freedTables: fc.boolean(),
      trim: fc.boolean(),
    }),
  },
);

const shape: fc.Arbitrary<TlbShape> = fc.record({
  entries: fc.constantFrom(4, 16),
  ways: fc.constantFrom(1, 2, 4),
  replacement: fc.oneof(fc.constantFrom("lru" as const, "fifo" as const), fc.record({ seed: fc.nat() })),
});

/** Does a list of things on 4 CPUs and 8 address spaces; `seen` hears of each access. */
function play(
  machine: TlbTestMachine,
  list: readonly Op[],
  naive: NaiveTlbs,
  seen: (what: string) => void,
): void {
  let frame = 1;
  for (const o of list) {
    switch (o.do) {
      case "run":
        machine.run(o.cpu, o.mm);
        break;
      case "idle":
        machine.idle(o.cpu);
        break;
      case "touch": {
        const { loadedMm, isLazy } = machine.peekCpu(o.cpu);
        if (isLazy || loadedMm === INIT_MM) break;
        if (!machine.walk(loadedMm, o.vpn)) machine.map(loadedMm, small(o.vpn, frame++));
        const { hit, entry } = machine.touch(o.cpu, o.vpn);
        expect(entry?.lo).toBe(machine.walk(loadedMm, o.vpn)?.lo);
        if (hit) expect(naive.has(o.cpu, loadedMm, o.vpn)).toBe(true);
        naive.add(o.cpu, loadedMm, o.vpn);
        seen(`${hit} ${entry?.lo}`);
        break;
      }
      default: {
        const end = o.vpn + o.pages;
        const { freedTables, trim } = o;
        for (let page = o.vpn; page < end && o.do === "protect"; page++) {
          const entry = machine.walk(o.mm as MmId, page);
          if (entry) machine.map(o.mm, { ...entry, lo: (entry.lo & ~2) >>> 0 });
        }
        const kept = new Map(machine.tables.get(o.mm as MmId));
        machine.unmap(o.cpu, o.mm, o.vpn, end, { freedTables, trim });
        if (o.do === "protect") machine.tables.set(o.mm as MmId, kept);
        naive.drop(o.mm, o.vpn, end);
      }
    }
  }
}

/** What each CPU could know: a plain set without bounds, from which a request takes pages at once, everywhere. */
class NaiveTlbs {
  readonly #known = new Set<string>();

  has(cpu: number, mm: number, vpn: number): boolean {
    return this.#known.has(`${cpu} ${mm} ${vpn}`);
  }

  add(cpu: number, mm: number, vpn: number): void {
    this.#known.add(`${cpu} ${mm} ${vpn}`);
  }

  drop(mm: number, start: number, end: number): void {
    for (let cpu = 0; cpu < 4; cpu++)
      for (let vpn = start; vpn < end; vpn++) this.#known.delete(`${cpu} ${mm} ${vpn}`);
  }
}

describe("whatever four CPUs do with eight address spaces", () => {
  const runs = { numRuns: 300 };

  test("no access finds what the tables no longer say, and the laws hold after everything", () => {
    fc.assert(
      fc.property(shape, fc.array(op, { maxLength: 120, size: "max" }), fc.boolean(), (s, list, pcid) => {
        const machine = new TlbTestMachine(4, s, 8, pcid);
        const naive = new NaiveTlbs();
        for (const o of list) {
          play(machine, [o], naive, () => undefined);
          expect(machine.violations()).toEqual([]);
          for (const { tlb } of machine.commit()) expect(tlb.size).toBeLessThanOrEqual(s.entries);
        }
      }),
      runs,
    );
  });

  test("the same again gives the same hits, misses, victims and counts", () => {
    fc.assert(
      fc.property(shape, fc.array(op, { maxLength: 120, size: "max" }), (s, list) => {
        const told = (): string => {
          const machine = new TlbTestMachine(4, s, 8);
          const heard: string[] = [];
          play(machine, list, new NaiveTlbs(), (what) => heard.push(what));
          const ends = machine.commit().map((c) => `${c.tlb.text()} ${JSON.stringify({ ...c, tlb: 0 })}`);
          return [...heard, ...ends].join("\n");
        };
        expect(told()).toBe(told());
      }),
      runs,
    );
  });

  test("a committed record is what it was, however the CPU goes on", () => {
    fc.assert(
      fc.property(
        shape,
        fc.array(op, { maxLength: 60, size: "max" }),
        fc.array(op, { maxLength: 60, size: "max" }),
        (s, a, b) => {
          const machine = new TlbTestMachine(4, s, 8);
          const naive = new NaiveTlbs();
          play(machine, a, naive, () => undefined);
          const kept = machine.commit();
          const text = (): string =>
            kept.map((c) => `${c.tlb.text()} ${JSON.stringify({ ...c, tlb: 0 })}`).join("\n");
          const was = text();
          play(machine, b, naive, () => undefined);
          expect(text()).toBe(was);
        },
      ),
      runs,
    );
  });
});
