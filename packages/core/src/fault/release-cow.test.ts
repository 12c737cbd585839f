import { machineOf, onEach, PageMachine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { pid } from "../base/index.ts";
import type { Profile } from "../kernel/index.ts";
import { MADV, PROT } from "../mm/index.ts";
import { CLONE } from "../process/index.ts";
import { frameBehind, readBytes } from "./contents.ts";

const HERE = 0x20000;
const CHILD = pid(2);
const at = (page: number): number => page * 4096;
const frame = (m: PageMachine, page: number, tid = pid(1)): number | undefined =>
  frameBehind(m.pages(tid), page);

const withPages = (profile: Profile): Profile => ({
  ...profile,
  pages: { ...profile.pages, known: true, frames: 2 ** 16 },
});

/** The same story on each release, with 2 MiB that may become a huge page. */
const withRoom = <T>(tell: (m: PageMachine) => T): ReturnType<typeof onEach<T>> =>
  onEach((profile) => {
    const m = new PageMachine(withPages(profile));
    m.map(HERE, 512);
    m.ask({ call: "madvise", addr: at(HERE), length: at(512), advice: MADV.HUGEPAGE });
    return tell(m);
  });

/** The same with 2 MiB that are one huge page. */
const withHuge = <T>(tell: (m: PageMachine) => T): ReturnType<typeof onEach<T>> =>
  withRoom((m) => {
    m.ask({ call: "access", addr: at(HERE + 2), kind: "write", value: "0102" });
    return tell(m);
  });

/** Whether a write of the first process leaves it the frame that it had. */
const keeps = (m: PageMachine, page: number): boolean => {
  const before = frame(m, page);
  m.touch("write", page);
  return frame(m, page) === before;
};

/** Makes the first process map its huge page page by page. */
const split = (m: PageMachine): void => {
  m.ask({ call: "mprotect", addr: at(HERE), length: at(1), prot: PROT.READ });
  m.ask({ call: "mprotect", addr: at(HERE), length: at(1), prot: PROT.READ | PROT.WRITE });
};

const exit = (m: PageMachine): void => {
  m.ask({ call: "exit_group", code: 0 }, CHILD);
};

describe("a huge page that a fork shares", () => {
  test("is copied whole by 5.4, and page by page since", () => {
    const kept = withHuge((m) => {
      m.fork(CHILD);
      m.touch("write", HERE + 3, CHILD);
      return frame(m, HERE + 2, CHILD) === frame(m, HERE + 2);
    });
    expect(kept).toEqual({ "5.4": false, "6.1": true, "6.18": true });
  });

  test("has the same bytes for both, and counts as much, however it was copied", () => {
    const seen = withHuge((m) => {
      m.fork(CHILD);
      m.touch("write", HERE + 3, CHILD);
      const phys = m.state.memory?.phys;
      if (!phys) throw new Error("no memory");
      return [readBytes(phys, m.pages(CHILD), at(HERE + 2), 2), m.counts().anon, m.counts(CHILD).anon];
    });
    expect(seen["5.4"]).toEqual(seen["6.18"]);
    expect(seen["5.4"].slice(1)).toEqual([512, 512]);
  });

  test("stays whole for the one who is left, on every release", () => {
    const kept = withHuge((m) => {
      m.fork(CHILD);
      exit(m);
      return keeps(m, HERE + 3);
    });
    expect(kept).toEqual({ "5.4": true, "6.1": true, "6.18": true });
  });
});

describe("2 MiB of zeros that are written to", () => {
  test("are split by 6.1, and become a huge page before and after it", () => {
    const pages = withRoom((m) => {
      m.touch("read", HERE + 1);
      m.touch("write", HERE + 2);
      return m.counts().anon;
    });
    expect(pages).toEqual({ "5.4": 512, "6.1": 1, "6.18": 512 });
  });

  test("become one in 5.4 only where huge pages are still allowed", () => {
    const pages = withRoom((m) => {
      m.touch("read", HERE + 1);
      m.ask({ call: "madvise", addr: at(HERE), length: at(512), advice: MADV.NOHUGEPAGE });
      m.touch("write", HERE + 2);
      return m.counts().anon;
    });
    expect(pages).toEqual({ "5.4": 1, "6.1": 1, "6.18": 512 });
  });
});

test("5.4's copy of a huge page leaves no CPU of the address space a translation to the old one", () => {
  const THREAD = pid(3);
  const m = new PageMachine({
    ...withPages(machineOf("5.4")),
    scheduling: { cpus: 2, lazyTlb: "refcount" },
    tlb: { entries: 64, ways: 4, replacement: "lru", seed: 0, pcid: true },
  });
  m.ask({ call: "switch", cpu: 0, next: 1, state: "R" }, pid(0));
  m.ask({ call: "clone", flags: CLONE.VM | CLONE.SIGHAND | CLONE.THREAD, child: THREAD });
  m.ask({ call: "switch", cpu: 1, next: THREAD, state: "R" }, pid(0));
  m.map(HERE, 512);
  m.ask({ call: "madvise", addr: at(HERE), length: at(512), advice: MADV.HUGEPAGE });
  m.touch("write", HERE);
  m.fork(CHILD);
  const held = (): (number | undefined)[] =>
    [0, 1].map((cpu) => {
      const record = m.state.tlb?.cpus.get(cpu);
      return record?.tlb.peek(record.loadedAsid, HERE + 9)?.pages;
    });
  m.touch("read", HERE + 9);
  m.touch("read", HERE + 9, THREAD);
  const shared = frame(m, HERE + 9);
  expect(held()).toEqual([512, 512]);
  m.touch("write", HERE + 3);
  expect(frame(m, HERE + 9)).not.toBe(shared);
  // The writer's CPU walked the tables once more; the other one has not.
  expect(held()).toEqual([512, undefined]);
  m.touch("read", HERE + 9, THREAD);
  expect(held()).toEqual([512, 512]);
});

describe("a page of a huge one that is mapped page by page", () => {
  test("is copied by 6.1 although its other user has gone", () => {
    const kept = withHuge((m) => {
      split(m);
      m.fork(CHILD);
      exit(m);
      return keeps(m, HERE + 3);
    });
    expect(kept).toEqual({ "5.4": true, "6.1": false, "6.18": true });
  });

  test("the last that is mapped is copied by 6.18 alone", () => {
    const kept = withHuge((m) => {
      split(m);
      m.fork(CHILD);
      exit(m);
      m.ask({ call: "munmap", addr: at(HERE), length: at(511) });
      return keeps(m, HERE + 511);
    });
    expect(kept).toEqual({ "5.4": true, "6.1": true, "6.18": false });
  });

  test("is copied on every release while another process maps it", () => {
    const kept = withHuge((m) => {
      split(m);
      m.fork(CHILD);
      return keeps(m, HERE + 3);
    });
    expect(kept).toEqual({ "5.4": false, "6.1": false, "6.18": false });
  });

  test("is copied by 5.4, which knows no exclusive pages, for another page that is shared", () => {
    const kept = withHuge((m) => {
      m.ask({ call: "madvise", addr: at(HERE), length: at(1), advice: MADV.DONTFORK });
      split(m);
      m.fork(CHILD);
      m.ask({ call: "mprotect", addr: at(HERE), length: at(1), prot: PROT.READ });
      m.ask({ call: "mprotect", addr: at(HERE), length: at(1), prot: PROT.READ | PROT.WRITE });
      return keeps(m, HERE);
    });
    expect(kept).toEqual({ "5.4": false, "6.1": true, "6.18": true });
  });
});

describe("write access that mprotect gives back", () => {
  /** Faults of a write behind an mprotect to nothing but reads and back, over whole huge pages or parts. */
  const faultsBehind = (count: number): ReturnType<typeof onEach<number>> =>
    withHuge((m) => {
      if (count < 512) m.ask({ call: "mprotect", addr: at(HERE), length: at(1), prot: PROT.READ });
      for (const prot of [PROT.READ, PROT.READ | PROT.WRITE])
        m.ask({ call: "mprotect", addr: at(HERE), length: at(count), prot });
      const before = m.counts().faults;
      m.touch("write", HERE + 2);
      return m.counts().faults - before;
    });

  test("costs small pages a fault in 5.4", () => {
    expect(faultsBehind(8)).toEqual({ "5.4": 1, "6.1": 0, "6.18": 0 });
  });

  test("costs huge pages a fault until 6.1", () => {
    expect(faultsBehind(512)).toEqual({ "5.4": 1, "6.1": 1, "6.18": 0 });
  });

  test("costs 6.1 a fault where the page is clean", () => {
    const faults = withHuge((m) => {
      split(m);
      m.ask({ call: "madvise", addr: at(HERE + 2), length: at(1), advice: MADV.FREE });
      for (const prot of [PROT.READ, PROT.READ | PROT.WRITE])
        m.ask({ call: "mprotect", addr: at(HERE), length: at(8), prot });
      const before = m.counts().faults;
      m.touch("write", HERE + 2);
      return m.counts().faults - before;
    });
    expect(faults).toEqual({ "5.4": 1, "6.1": 1, "6.18": 0 });
  });
});
