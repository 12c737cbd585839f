import { askings, FIRST, history, MACHINE, MACHINES, PAGE_MACHINE } from "@pagetrail/testing";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isPresent, pfnOf } from "../arch/index.ts";
import { type MmId, PAGE_SIZE } from "../base/index.ts";
import {
  advanceState,
  type Event,
  initialState,
  type KernelState,
  mmOf,
  type Request,
} from "../kernel/index.ts";
import { MAP, type MmStruct, MREMAP } from "../mm/index.ts";
import { type BlameRange, blamePage, blameVma } from "./blame.ts";
import { BlameReplay } from "./blame-replay.ts";

const BASE = 0x20000000;
const at = (page: number): number => BASE + page * PAGE_SIZE;

/** A run whose events are told in words; a row of pages begins at BASE. */
class Story {
  readonly replay: BlameReplay;
  state: KernelState;

  constructor(readonly machine = MACHINE) {
    this.state = initialState(machine);
    this.replay = new BlameReplay(this.state);
    this.ask({ call: "adopt", comm: "t", tgid: FIRST });
  }

  ask(request: Request, tid = FIRST): this {
    const told = { seq: this.state.seq + 1, tid, request };
    const { predicted } = advanceState(this.state, { ...told, outcome: { ret: 0 } });
    const event: Event = { ...told, outcome: predicted };
    this.state = advanceState(this.state, event).state;
    expect(this.replay.take(event)).toBeUndefined();
    return this;
  }

  map(page: number, pages: number, more: { readonly prot?: number; readonly flags?: number } = {}): this {
    const { prot = 3, flags = MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED } = more;
    return this.ask({
      call: "mmap",
      addr: at(page),
      length: pages * PAGE_SIZE,
      prot,
      flags,
      offset: 0,
      file: 0,
    });
  }

  unmap(page: number, pages: number): this {
    return this.ask({ call: "munmap", addr: at(page), length: pages * PAGE_SIZE });
  }

  protect(page: number, pages: number, prot: number): this {
    return this.ask({ call: "mprotect", addr: at(page), length: pages * PAGE_SIZE, prot });
  }

  /** `[0,4) made 2; split 3`: every range, its pages counted from BASE. */
  ranges(tid = FIRST): readonly string[] {
    const mm = mmOf(this.state, tid);
    if (!mm) return [];
    const histories = this.replay.fold.spaces();
    return mm.vmas
      .toArray()
      .flatMap((vma) => blameVma(histories, mm.id, this.state.seq, vma).map((range) => text(range)));
  }

  page(page: number, tid = FIRST) {
    const mm = mmOf(this.state, tid)?.id ?? (0 as MmId);
    return blamePage(this.replay.fold.spaces(), mm, this.state.seq, at(page) / PAGE_SIZE);
  }
}

function text({ start, end, created, way }: BlameRange): string {
  const base = BASE / PAGE_SIZE;
  const stations = way.map(
    ({ marks, seq, times }) => `; ${marks.join("+")}${times > 1 ? ` ×${times}` : ""} ${seq}`,
  );
  return `[${start - base},${end - base}) made ${created.seq}${stations.join("")}`;
}

describe("blame follows memory", () => {
  test("that was mapped", () => {
    expect(new Story().map(0, 4).ranges()).toEqual(["[0,4) made 2"]);
  });

  test("that mprotect split, and what lay around it", () => {
    expect(new Story().map(0, 6).protect(2, 2, 1).ranges()).toEqual([
      "[0,2) made 2; split 3",
      "[2,4) made 2; protected+split 3",
      "[4,6) made 2; split 3",
    ]);
  });

  test("that mprotect made one again", () => {
    expect(new Story().map(0, 6).protect(2, 2, 1).protect(2, 2, 3).ranges()).toEqual([
      "[0,2) made 2; split 3; merged 4",
      "[2,4) made 2; protected+split 3; protected+merged 4",
      "[4,6) made 2; split 3; merged 4",
    ]);
  });

  test("that was mapped between two mappings and joined them", () => {
    expect(new Story().map(0, 2).map(4, 2).map(2, 2).ranges()).toEqual([
      "[0,2) made 2; merged+grown 4",
      "[2,4) made 4",
      "[4,6) made 3; merged+grown 4",
    ]);
  });

  test("that was mapped over other memory with the same attributes", () => {
    expect(new Story().map(0, 6).map(2, 2).ranges()).toEqual([
      "[0,2) made 2; shrunk+grown 3",
      "[2,4) made 3",
      "[4,6) made 2; shrunk+grown 3",
    ]);
  });

  test("of which munmap took away the end", () => {
    expect(new Story().map(0, 4).unmap(3, 1).ranges()).toEqual(["[0,3) made 2; shrunk 3"]);
  });

  test("that mremap moved, grown by a page", () => {
    const s = new Story().map(0, 2).ask({
      call: "mremap",
      addr: at(0),
      oldLength: 2 * PAGE_SIZE,
      newLength: 3 * PAGE_SIZE,
      flags: MREMAP.MAYMOVE | MREMAP.FIXED,
      newAddr: at(10),
    });
    expect(s.ranges()).toEqual(["[10,12) made 2; moved+grown 3", "[12,13) made 3"]);
  });

  test("that a fork copied, and what each side did afterwards", () => {
    const child = 2 as typeof FIRST;
    const s = new Story().map(0, 4).ask({ call: "clone", flags: 17, child });
    s.ask({ call: "mprotect", addr: at(0), length: PAGE_SIZE, prot: 1 }, child).unmap(3, 1);
    expect(s.ranges(child)).toEqual([
      "[0,1) made 2; forked 3; protected+split 4",
      "[1,4) made 2; forked 3; split 4",
    ]);
    expect(s.ranges()).toEqual(["[0,3) made 2; shrunk 5"]);
  });

  test("of a heap that brk makes and grows many times", () => {
    const s = new Story();
    const brk = (pages: number) => s.ask({ call: "brk", addr: at(pages) });
    s.ask({ call: "layout", mmapBase: 0x7ffff7fff as never, brk: at(0) });
    for (const pages of [1, 2, 3, 5]) brk(pages);
    expect(s.ranges()).toEqual([
      "[0,1) made 3; grown ×3 6",
      "[1,2) made 4; grown ×2 6",
      "[2,3) made 5; grown 6",
      "[3,5) made 6",
    ]);
  });

  test("of a stack that grew to where it was touched", () => {
    const s = new Story(PAGE_MACHINE).map(100, 2, {
      flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED | MAP.GROWSDOWN,
    });
    s.ask({ call: "access", addr: at(99), kind: "write" });
    expect(s.ranges()).toEqual(["[99,100) made 3", "[100,102) made 2; grown 3"]);
  });

  test("of a program that exec put into place, whose life ends with the next", () => {
    const s = new Story().map(0, 4).ask({ call: "loaded", comm: "next" });
    expect(s.ranges()).toEqual([]);
    expect(s.map(0, 1).ranges()).toEqual(["[0,1) made 4"]);
  });
});

describe("blame of a page", () => {
  const write = (page: number): Request => ({ call: "access", addr: at(page), kind: "write" });

  test("tells the fault that populated it, and the write that copied it", () => {
    const child = 2 as typeof FIRST;
    const s = new Story(PAGE_MACHINE).map(0, 2).ask(write(0)).ask({ call: "clone", flags: 17, child });
    expect(s.page(0, child)).toMatchObject({ how: "populated", seq: 3, since: [{ seq: 4, how: "forked" }] });
    s.ask(write(0), child);
    expect(s.page(0, child)).toMatchObject({ how: "replaced", seq: 5, since: [] });
    expect(s.page(0)).toMatchObject({ how: "populated", seq: 3, since: [] });
    expect(s.page(1)).toBeUndefined();
  });

  test("follows it through mremap", () => {
    const s = new Story(PAGE_MACHINE)
      .map(0, 1)
      .ask(write(0))
      .ask({
        call: "mremap",
        addr: at(0),
        oldLength: PAGE_SIZE,
        newLength: PAGE_SIZE,
        flags: MREMAP.MAYMOVE | MREMAP.FIXED,
        newAddr: at(10),
      });
    expect(s.page(10)).toMatchObject({ how: "populated", seq: 3, since: [{ seq: 4, how: "moved" }] });
  });

  test("agrees at every moment with labels on the pages", { timeout: 600_000 }, () => {
    const machine = MACHINES[1]?.[1] ?? PAGE_MACHINE;
    fc.assert(
      fc.property(askings(40), (asked) => {
        const replay = new BlameReplay(initialState(machine));
        const naive = new PageLabels();
        for (const { event, before, after } of history(asked, machine)) {
          replay.take(event);
          naive.event(event, before, after);
          for (const mm of after.mms.values())
            for (const [page, label] of naive.labels.get(mm.id) ?? [])
              expect({ page, seq: blamePage(replay.fold.spaces(), mm.id, event.seq, page)?.seq }).toEqual({
                page,
                seq: label,
              });
        }
      }),
      { numRuns: 300 },
    );
  });
});

/** For every page that is present the event that gave it its frame, by looking at all of them around each event. */
class PageLabels {
  readonly labels = new Map<number, ReadonlyMap<number, number>>();

  event({ seq, tid, request, outcome }: Event, before: KernelState, after: KernelState): void {
    const asking = before.tasks.get(tid)?.mm ?? 0;
    const next = new Map<number, ReadonlyMap<number, number>>();
    for (const mm of after.mms.values()) {
      const old = before.mms.get(mm.id);
      const inherited = !old && request.call === "clone" ? this.labels.get(asking) : undefined;
      const [was, is] = [framesOf(old), framesOf(mm)];
      const known = this.labels.get(mm.id);
      const labels = new Map<number, number>();
      for (const [page, pfn] of is) {
        const origin =
          mm.id === asking ? originOf(page, request, "ret" in outcome ? Number(outcome.ret) : -1) : page;
        const kept = origin === page && was.get(page) !== pfn ? undefined : known?.get(origin);
        labels.set(page, inherited?.get(page) ?? kept ?? seq);
      }
      next.set(mm.id, labels);
    }
    this.labels.clear();
    for (const [id, labels] of next) this.labels.set(id, labels);
  }
}

function originOf(page: number, request: Request, ret: number): number {
  if (request.call !== "mremap" || ret < 0) return page;
  const [to, from] = [ret / PAGE_SIZE, Number(request.addr) / PAGE_SIZE];
  const kept = Math.min(Number(request.oldLength), Number(request.newLength)) / PAGE_SIZE;
  return page >= to && page < to + kept ? page - to + from : page;
}

function framesOf(mm: MmStruct | undefined): ReadonlyMap<number, number> {
  const frames = new Map<number, number>();
  const { table } = mm?.pages ?? {};
  const note = (words: Uint32Array, i: number, page: number, pages: number): void => {
    const [lo = 0, hi = 0] = [words[2 * i], words[2 * i + 1]];
    if (isPresent(lo)) for (let p = 0; p < pages; p++) frames.set(page + p, pfnOf(lo, hi) + p);
  };
  table?.visit(0, Number.MAX_SAFE_INTEGER, {
    leaf: ({ words }, from, to, page) => {
      for (let i = from; i < to; i++) note(words, i, page + i - from, 1);
    },
    large: ({ words }, i, page) => note(words, i, page, 512),
  });
  return frames;
}
