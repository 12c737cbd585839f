import { PAGE_MACHINE, PageMachine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { pid } from "../base/index.ts";
import { MADV, MAP, PROT } from "../mm/index.ts";
import { frameBehind, readBytes } from "./contents.ts";

const HERE = 0x20000;
const CHILD = pid(2);
const at = (page: number): number => page * 4096;

const frame = (m: PageMachine, page: number, tid = pid(1)): number | undefined =>
  frameBehind(m.pages(tid), page);

describe("private anonymous memory", () => {
  test("read for the first time shares the page of zeros, which counts nowhere", () => {
    const m = new PageMachine();
    m.map(HERE, 4);
    expect(m.touch("read", HERE)).toBe("ok");
    expect(m.counts()).toEqual({ anon: 0, file: 0, shmem: 0, tables: 3, faults: 1 });
    expect(m.mm().vmas.find(HERE)?.anonVma).toBe(0);
  });

  test("written to gets a page of its own, once", () => {
    const m = new PageMachine();
    m.map(HERE, 4);
    for (const kind of ["read", "write", "write", "read"] as const) m.touch(kind, HERE + 1);
    expect(m.counts()).toEqual({ anon: 1, file: 0, shmem: 0, tables: 3, faults: 2 });
  });

  test("goes with its mapping, and the tables that nothing else needs with it", () => {
    const m = new PageMachine();
    m.map(HERE, 4);
    m.touch("write", HERE);
    m.ask({ call: "munmap", addr: at(HERE), length: at(4) });
    expect(m.counts()).toEqual({ anon: 0, file: 0, shmem: 0, tables: 0, faults: 1 });
  });

  test("executed without the right first gets its page, and then refuses", () => {
    const m = new PageMachine();
    m.map(HERE, 1);
    expect(m.touch("exec", HERE)).toBe("SIGSEGV SEGV_ACCERR");
    expect(m.counts().faults).toBe(1);
  });

  test.each([
    ["read", 0, "SIGSEGV SEGV_ACCERR"],
    ["read", PROT.WRITE, "ok"],
    ["read", PROT.EXEC, "ok"],
    ["write", PROT.READ, "SIGSEGV SEGV_ACCERR"],
    ["exec", PROT.EXEC, "ok"],
  ] as const)("a %s with protection %i ends in %s", (kind, prot, end) => {
    const m = new PageMachine();
    m.map(HERE, 1, { prot });
    expect(m.touch(kind, HERE)).toBe(end);
  });

  test("nothing mapped is SEGV_MAPERR, an address that is not canonical has no address at all", () => {
    const m = new PageMachine();
    expect(m.touch("read", HERE)).toBe("SIGSEGV SEGV_MAPERR");
    const outcome = m.ask({ call: "access", addr: 2n ** 63n, kind: "read" });
    expect(outcome).toEqual({ signal: "SIGSEGV", code: "SI_KERNEL", addr: 0 });
  });
});

describe("after fork", () => {
  test("the first writer copies the page, the second keeps the frame", () => {
    const m = new PageMachine();
    m.map(HERE, 2);
    m.touch("write", HERE);
    const before = frame(m, HERE);
    m.fork(CHILD);
    expect(frame(m, HERE, CHILD)).toBe(before);
    m.touch("write", HERE, CHILD);
    expect(frame(m, HERE, CHILD)).not.toBe(before);
    m.touch("write", HERE);
    expect(frame(m, HERE)).toBe(before);
    expect([m.counts().anon, m.counts(CHILD).anon]).toEqual([1, 1]);
  });

  test("a child does not see what its parent writes later", () => {
    const m = new PageMachine();
    m.map(HERE, 1);
    const write = (value: string): void => {
      m.ask({ call: "access", addr: at(HERE) + 4094, kind: "write", value });
    };
    m.map(HERE + 1, 1);
    write("0102");
    m.fork(CHILD);
    write("aabbccdd");
    const phys = m.state.memory?.phys;
    if (!phys) throw new Error("memory is modelled");
    const read = (tid = pid(1)): string => readBytes(phys, m.pages(tid), at(HERE) + 4093, 5);
    expect(read()).toBe("00aabbccdd");
    expect(read(CHILD)).toBe("0001020000");
  });

  test("memory that was only read is not copied, and shared memory is brought in again by faults", () => {
    const m = new PageMachine();
    m.map(HERE, 4);
    m.map(HERE + 8, 4, { flags: MAP.SHARED });
    m.touch("read", HERE);
    m.touch("write", HERE + 8);
    m.fork(CHILD);
    expect(m.counts(CHILD)).toEqual({ anon: 0, file: 0, shmem: 0, tables: 0, faults: 0 });
    m.touch("read", HERE + 8, CHILD);
    expect(frame(m, HERE + 8, CHILD)).toBe(frame(m, HERE + 8));
    expect(m.counts(CHILD).shmem).toBe(1);
  });

  test("a child that could not be made leaves no frame behind, not even its top table", () => {
    const strict = { ...PAGE_MACHINE.sysctl, overcommitMemory: 2, totalPages: 1024 } as const;
    const m = new PageMachine({ ...PAGE_MACHINE, sysctl: strict });
    m.map(HERE, 300);
    m.touch("write", HERE);
    const free = m.state.memory?.phys.zones.map((z) => z.free);
    expect(m.fork(CHILD)).toMatchObject({ errno: "ENOMEM" });
    expect(m.state.memory?.phys.zones.map((z) => z.free)).toEqual(free);
  });

  test("a parent writes to the frame itself once its child has gone", () => {
    const m = new PageMachine();
    m.map(HERE, 1);
    m.touch("write", HERE);
    const before = frame(m, HERE);
    m.fork(CHILD);
    m.ask({ call: "exit_group", code: 0 }, CHILD);
    m.touch("write", HERE);
    expect(frame(m, HERE)).toBe(before);
  });
});

describe("transparent huge pages, where advised", () => {
  const huge = (m: PageMachine): void => {
    m.map(HERE, 1024);
    m.ask({ call: "madvise", addr: at(HERE), length: at(1024), advice: MADV.HUGEPAGE });
  };

  test("a write brings 2 MiB in one fault, with a table laid aside", () => {
    const m = new PageMachine();
    huge(m);
    m.touch("write", HERE + 5);
    expect(m.counts()).toEqual({ anon: 512, file: 0, shmem: 0, tables: 3, faults: 1 });
  });

  test("part of one that goes leaves the rest in small pages", () => {
    const m = new PageMachine();
    huge(m);
    m.touch("write", HERE);
    m.ask({ call: "munmap", addr: at(HERE + 1), length: at(1) });
    expect(m.counts().anon).toBe(511);
  });

  test("a write to one that is shared since fork copies one page", () => {
    const m = new PageMachine();
    huge(m);
    m.touch("write", HERE);
    m.fork(CHILD);
    m.touch("write", HERE + 3, CHILD);
    expect([m.counts().anon, m.counts(CHILD).anon]).toEqual([512, 512]);
    expect(frame(m, HERE + 2, CHILD)).toBe(frame(m, HERE + 2));
    expect(frame(m, HERE + 3, CHILD)).not.toBe(frame(m, HERE + 3));
  });

  test("a read shares 2 MiB of zeros", () => {
    const m = new PageMachine();
    huge(m);
    m.touch("read", HERE + 600);
    expect(m.counts()).toEqual({ anon: 0, file: 0, shmem: 0, tables: 3, faults: 1 });
    m.touch("write", HERE + 600);
    expect(m.counts().anon).toBe(512);
  });
});
