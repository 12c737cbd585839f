import { PAGE_MACHINE, PageMachine } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { fileId, pid } from "../base/index.ts";
import { mmOf, RECORDED_PAGES } from "../kernel/index.ts";
import { MAP, type OpenFile, PROT } from "../mm/index.ts";
import { wouldFault } from "./access.ts";

const HERE = 0x20000;
const FILE: OpenFile = {
  id: fileId(1),
  path: "/srv/file",
  kind: "disk",
  readable: true,
  writable: true,
  deleted: false,
};

/** A machine whose log says nothing of the page cache, with 64 pages of a file mapped. */
function machine(file: Partial<OpenFile> = {}, flags: number = MAP.PRIVATE): PageMachine {
  const m = new PageMachine({ ...PAGE_MACHINE, pages: { ...PAGE_MACHINE.pages, fileCache: "warm" } });
  m.ask({ call: "file", file: { ...FILE, ...file } });
  m.map(HERE, 64, { file: 1, flags });
  return m;
}

describe("a warm page cache", () => {
  test("has the pages around a fault, which then need none of their own", () => {
    const m = machine();
    m.touch("read", HERE + 20);
    expect(m.counts()).toMatchObject({ file: 16, faults: 1 });
    expect(wouldFault(m.pages(), HERE + 31, "read")).toBe(false);
    expect(wouldFault(m.pages(), HERE + 32, "read")).toBe(true);
    expect(m.state.tasks.get(pid(1))?.majFlt).toBe(0);
  });

  test("has none behind the end of a file whose size is known", () => {
    const m = machine({ size: 21 * 4096 - 1 });
    m.touch("read", HERE + 3);
    m.touch("read", HERE + 18);
    expect(m.counts().file).toBe(21);
    expect(m.touch("read", HERE + 21)).toBe("SIGBUS BUS_ADRERR");
  });

  test("has what is copied by a write, which brings in nothing else", () => {
    const m = machine();
    m.touch("write", HERE + 20);
    expect(m.counts()).toMatchObject({ file: 0, anon: 1 });
    expect(wouldFault(m.pages(), HERE + 20, "write")).toBe(false);
    expect(wouldFault(m.pages(), HERE + 21, "read")).toBe(true);
  });

  test("is one for two open files of an inode", () => {
    const m = machine({ mapping: fileId(77) });
    m.ask({ call: "file", file: { ...FILE, id: fileId(2), mapping: fileId(77) } });
    m.map(HERE + 128, 64, { file: 2 });
    m.touch("read", HERE);
    m.touch("read", HERE + 128);
    expect(m.state.memory?.caches.get(fileId(77))?.count).toBe(16);
    expect(m.counts().file).toBe(32);
  });

  test("has nothing of a file that is memory: its pages come with their first use", () => {
    const m = machine({ kind: "shmem" }, MAP.SHARED);
    m.touch("read", HERE + 20);
    expect(m.counts()).toMatchObject({ shmem: 1, file: 0 });
  });
});

describe("an access would fault", () => {
  test("where nothing is mapped, and where what is mapped does not allow it", () => {
    const m = new PageMachine({ ...PAGE_MACHINE, pages: { ...RECORDED_PAGES, frames: 2 ** 16 } });
    m.map(HERE, 2);
    expect(wouldFault(m.pages(), HERE, "read")).toBe(true);
    m.touch("read", HERE);
    expect(wouldFault(m.pages(), HERE, "read")).toBe(false);
    expect(wouldFault(m.pages(), HERE, "write")).toBe(true);
    m.touch("write", HERE);
    expect(wouldFault(m.pages(), HERE, "write")).toBe(false);
    expect(wouldFault(m.pages(), HERE, "exec")).toBe(true);
  });
});

describe("a process that was there before its log", () => {
  const CHILD = pid(2);
  const OLD = pid(50);

  function withOld(): PageMachine {
    const m = new PageMachine();
    m.ask({ call: "adopt", comm: "old", tgid: OLD, pages: "unknown" }, OLD);
    m.map(HERE, 4, { prot: PROT.READ | PROT.WRITE }, OLD);
    return m;
  }

  test("has mappings and no pages, whatever it touches", () => {
    const m = withOld();
    expect(m.touch("write", HERE, OLD)).toBe("ok");
    expect(mmOf(m.state, OLD)?.pages).toBeUndefined();
    expect(mmOf(m.state, OLD)?.vmas.find(HERE)?.anonVma).not.toBe(0);
    m.ask({ call: "munmap", addr: HERE * 4096, length: 4096 }, OLD);
    expect(mmOf(m.state, OLD)?.vmas.find(HERE)).toBeUndefined();
  });

  test("leaves that to its children, and goes as it came", () => {
    const m = withOld();
    m.fork(CHILD, OLD);
    expect(mmOf(m.state, CHILD)?.vmas.find(HERE)).toBeDefined();
    expect(mmOf(m.state, CHILD)?.pages).toBeUndefined();
    m.ask({ call: "exit_group", code: 0 }, CHILD);
    m.ask({ call: "exit_group", code: 0 }, OLD);
    expect(m.state.mms.size).toBe(1);
  });

  test("does not hinder the truncation of a file that it maps", () => {
    const m = withOld();
    m.ask({ call: "file", file: { ...FILE, size: 8 * 4096 } });
    m.map(HERE + 64, 8, { file: 1 });
    m.map(HERE + 64, 8, { file: 1 }, OLD);
    m.touch("read", HERE + 70);
    m.ask({ call: "file", file: { ...FILE, size: 4096 } });
    expect(m.counts().file).toBe(1);
  });
});
