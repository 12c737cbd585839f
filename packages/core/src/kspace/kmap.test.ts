import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KERNEL_HALF, KERNEL_HALF_I386, KERNEL_HALF_I386_PAE, kernelHalf32 } from "../arch/index.ts";
import { brief, KspaceTestMachine, smallHalf } from "../testing/kspace.ts";
import { fixedSlots } from "./fixmap.ts";
import {
  kmap,
  kmapAtomicTyped,
  kmapLocal,
  kmapLocalAddress,
  kunmap,
  kunmapAtomicTyped,
  kunmapLocal,
} from "./kmap.ts";
import { emptyKspace, kspaceText } from "./kspace.ts";

/** The first frame of high memory, and others by number. */
const HIGH = 0x38000;

/** A machine with a few slots; frames are named by their distance from the first high one. */
class Slots extends KspaceTestMachine {
  constructor(slots = 4) {
    super(smallHalf(16, slots));
  }

  /** The slot that a frame got, or how it was refused. */
  kmap(frame: number, tid = 1): number | string {
    const got = kmap(this.draft, this.env, HIGH + frame, tid);
    return got.ok ? Number(got.value - (this.half.pkmap?.start ?? 0n)) / 4096 : got.error.errno;
  }

  kunmap(frame: number): string {
    return brief(kunmap(this.draft, this.env, HIGH + frame));
  }

  /** Slot by slot, `.` for a free one, else frame and pkmap_count. */
  slots(): string {
    const slots = Array.from({ length: this.half.pkmap?.slots ?? 0 }, (_, slot) =>
      this.draft.pkmap.get(slot),
    );
    return slots.map((s) => (s ? `${s.pfn - HIGH}:${s.count}` : ".")).join(" ");
  }
}

describe("kmap", () => {
  test("answers low memory from the direct map, and takes no slot", () => {
    const machine = new Slots();
    expect(brief(kmap(machine.draft, machine.env, 0x1234, 1))).toBe("0xc1234000");
    expect(brief(kmap(machine.draft, machine.env, HIGH - 1, 1))).toBe("0xf7fff000");
    expect(brief(kunmap(machine.draft, machine.env, 0x1234))).toBe("ok");
    expect(kspaceText(machine.draft)).toBe(kspaceText(emptyKspace()));
  });

  test("on 64-bit answers every frame from the direct map", () => {
    const { draft, env } = new KspaceTestMachine(KERNEL_HALF, { totalPages: 2 ** 24 });
    expect(brief(kmap(draft, env, 0x123456, 1))).toBe("0xffff888123456000");
    expect(brief(kmapLocal(draft, env, 0, 0x123456))).toBe("0xffff888123456000");
    expect(brief(kunmapLocal(draft, env, 0, 0xffff888123456000n))).toBe("ok");
    expect(kspaceText(draft)).toBe("");
  });

  test("refuses a frame that the machine lacks", () => {
    const machine = new Slots();
    expect(brief(kmap(machine.draft, machine.env, 2 ** 20, 1))).toBe("EINVAL");
    expect(brief(kmap(machine.draft, machine.env, -1, 1))).toBe("EINVAL");
  });

  test("gives slots in turn, beginning behind the one handed out last, and one frame one slot", () => {
    const machine = new Slots();
    expect([machine.kmap(10), machine.kmap(11), machine.kmap(10)]).toEqual([1, 2, 1]);
    expect(machine.slots()).toBe(". 10:3 11:2 .");
  });

  test("leaves a slot without users mapped until the search comes round, and then flushes all of them", () => {
    const machine = new Slots();
    for (const frame of [1, 2, 3]) machine.kmap(frame);
    machine.kunmap(1);
    machine.kunmap(2);
    expect(machine.slots()).toBe(". 1:1 2:1 3:2");
    expect(machine.kmap(4)).toBe(0);
    expect(machine.slots()).toBe("4:2 . . 3:2");
    expect(machine.draft.pkmapFlushes).toBe(1);
  });

  test("finds a frame in its slot again as long as that was not flushed", () => {
    const machine = new Slots();
    machine.kmap(1);
    machine.kunmap(1);
    expect(machine.kmap(1)).toBe(1);
    expect(machine.slots()).toBe(". 1:2 . .");
  });

  test("lets a task wait when all slots are in use, and a kunmap gives it the slot", () => {
    const machine = new Slots();
    for (const frame of [1, 2, 3, 4]) machine.kmap(frame);
    expect(machine.slots()).toBe("4:2 1:2 2:2 3:2");
    expect([machine.kmap(5, 50), machine.kmap(6, 60)]).toEqual(["EAGAIN", "EAGAIN"]);
    expect(machine.kmap(2)).toBe(2);
    machine.kunmap(2);
    expect(machine.draft.waiters).toHaveLength(2);
    machine.kunmap(2);
    expect(machine.slots()).toBe("4:2 1:2 5:2 3:2");
    expect(machine.draft.waiters).toEqual([{ tid: 60, pfn: HIGH + 6 }]);
    expect(machine.violations()).toEqual([]);
  });

  test("wakes everybody who waits for the same frame with one slot", () => {
    const machine = new Slots(2);
    for (const frame of [1, 2]) machine.kmap(frame);
    for (const tid of [50, 60]) machine.kmap(3, tid);
    machine.kunmap(1);
    expect(machine.slots()).toBe("2:2 3:3");
    expect(machine.draft.waiters).toEqual([]);
  });

  test("kunmap of a high frame without users is refused", () => {
    const machine = new Slots();
    expect(machine.kunmap(1)).toBe("EINVAL");
    machine.kmap(1);
    expect([machine.kunmap(1), machine.kunmap(1)]).toEqual(["ok", "EINVAL"]);
  });

  test.each([
    [KERNEL_HALF_I386, 1024, "0xff801000"],
    [KERNEL_HALF_I386_PAE, 512, "0xffc01000"],
  ])("has $1 slots on $0.name", (half, slots, first) => {
    const { draft, env } = new KspaceTestMachine(half);
    expect(brief(kmap(draft, env, HIGH, 1))).toBe(first);
    for (let i = 1; i < slots; i++) expect(kmap(draft, env, HIGH + i, 1).ok).toBe(true);
    expect(brief(kmap(draft, env, HIGH + slots, 1))).toBe("EAGAIN");
  });
});

describe("kmap_local", () => {
  const machine = (): KspaceTestMachine => new KspaceTestMachine(KERNEL_HALF_I386);
  const { from } = fixedSlots(KERNEL_HALF_I386.fixmap, "FIX_KMAP");

  test("gives each CPU a stack of slots, downwards in the fixmap", () => {
    const { draft, env } = machine();
    const top = 0xfffff000n - BigInt(from) * 4096n;
    const got = [0, 0, 1].map((cpu, i) => brief(kmapLocal(draft, env, cpu, HIGH + i)));
    expect(got).toEqual([top, top - 0x1000n, top - 0x10000n].map((a) => `0x${a.toString(16)}`));
  });

  test("has 16 of them, and stops at the next", () => {
    const { draft, env } = machine();
    for (let i = 0; i < 16; i++) expect(kmapLocal(draft, env, 0, HIGH).ok).toBe(true);
    expect(brief(kmapLocal(draft, env, 0, HIGH))).toBe("EBUSY");
    expect(kmapLocal(draft, env, 1, HIGH).ok).toBe(true);
    expect([brief(kmapLocal(draft, env, 8, HIGH)), brief(kmapLocal(draft, env, -1, HIGH))]).toEqual([
      "EINVAL",
      "EINVAL",
    ]);
  });

  test("takes slots back in the reverse order only", () => {
    const { draft, env, half } = machine();
    kmapLocal(draft, env, 0, HIGH);
    kmapLocal(draft, env, 0, HIGH + 1);
    const [first, second] = [kmapLocalAddress(half, 0), kmapLocalAddress(half, 1)];
    expect(kunmapLocal(draft, env, 0, first)).toMatchObject({
      error: { errno: "EINVAL", why: `not nested: CPU 0 took 0x${second.toString(16)} last` },
    });
    expect([second, first, first].map((a) => brief(kunmapLocal(draft, env, 0, a)))).toEqual([
      "ok",
      "ok",
      "EINVAL",
    ]);
  });

  test("of low memory takes no slot, and nothing is to be taken back", () => {
    const { draft, env } = machine();
    expect(brief(kmapLocal(draft, env, 0, 5))).toBe("0xc0005000");
    expect(brief(kunmapLocal(draft, env, 0, 0xc0005000n))).toBe("ok");
    expect(brief(kunmapLocal(draft, env, 0, 0xbffff000n))).toBe("EINVAL");
    expect(kspaceText(draft)).toBe("");
  });
});

describe("kmap_atomic up to 2.6.36", () => {
  const machine = (): KspaceTestMachine =>
    new KspaceTestMachine(kernelHalf32({ pae: false, kmapSlots: "typed", memory: 1n << 32n }));

  test("has one slot a purpose and CPU, in no order", () => {
    const { draft, env, half } = machine();
    const user = kmapAtomicTyped(draft, env, 1, { type: "KM_USER0", pfn: HIGH });
    expect(user).toEqual({ ok: true, value: kmapLocalAddress(half, 3 + 20) });
    kmapAtomicTyped(draft, env, 1, { type: "KM_PTE0", pfn: HIGH + 1 });
    expect(brief(kunmapAtomicTyped(draft, 1, "KM_USER0"))).toBe("ok");
    expect([...draft.locals]).toEqual([[27, HIGH + 1]]);
  });

  test("does not overwrite a purpose's slot, and answers low memory from the direct map", () => {
    const { draft, env } = machine();
    const typed = { type: "KM_USER0", pfn: HIGH } as const;
    expect(kmapAtomicTyped(draft, env, 0, typed).ok).toBe(true);
    expect(brief(kmapAtomicTyped(draft, env, 0, typed))).toBe("EBUSY");
    expect(kmapAtomicTyped(draft, env, 1, typed).ok).toBe(true);
    expect(brief(kmapAtomicTyped(draft, env, 0, { type: "KM_USER0", pfn: 5 }))).toBe("0xc0005000");
    expect(brief(kmapAtomicTyped(draft, env, 9, typed))).toBe("EINVAL");
    expect(brief(kunmapAtomicTyped(draft, 9, "KM_USER0"))).toBe("EINVAL");
  });
});

type Op = readonly ["kmap" | "kunmap", number];
const ops: fc.Arbitrary<readonly Op[]> = fc.array(
  fc.tuple(fc.constantFrom("kmap", "kmap", "kunmap"), fc.nat(6)) as fc.Arbitrary<Op>,
  { maxLength: 80, size: "max" },
);

describe("whatever is mapped by kmap and taken back", () => {
  test("has as many users as a plain count of both says, and the laws hold", () => {
    fc.assert(
      fc.property(ops, (list) => {
        const machine = new Slots();
        const users = new Map<number, number>();
        const waiting: number[] = [];
        for (const [op, frame] of list) {
          const has = users.get(frame) ?? 0;
          if (op === "kmap") {
            const got = machine.kmap(frame);
            const busy = [...users.values()].filter((n) => n > 0).length;
            expect(got === "EAGAIN").toBe(has === 0 && busy === 4);
            if (got === "EAGAIN") waiting.push(frame);
            else users.set(frame, has + 1);
          } else {
            expect(machine.kunmap(frame)).toBe(has > 0 ? "ok" : "EINVAL");
            if (has > 0) users.set(frame, has - 1);
            if (has === 1 && waiting.length > 0) serve(users, waiting);
          }
          for (const [frame, n] of users) {
            const slot = machine.draft.pageAddress.get(HIGH + frame);
            const count = slot === undefined ? 1 : machine.draft.pkmap.get(slot)?.count;
            expect(count).toBe(n + 1);
          }
          expect(machine.draft.waiters.map(({ pfn }) => pfn - HIGH)).toEqual(waiting);
          expect(machine.violations()).toEqual([]);
        }
      }),
      { numRuns: 200 },
    );
  });
});

/** One slot became free: the first who waits gets it, and with him all who wait for the same frame. */
function serve(users: Map<number, number>, waiting: number[]): void {
  const [first] = waiting;
  if (first === undefined) return;
  const served = waiting.filter((frame) => frame === first).length;
  users.set(first, (users.get(first) ?? 0) + served);
  waiting.splice(0, waiting.length, ...waiting.filter((frame) => frame !== first));
}
