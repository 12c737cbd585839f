import { anonymous, flagged, MACHINE, Machine, ranges, strip, told } from "@pagetrail/testing";
import { describe, expect, test } from "vitest";
import { PERSONALITY } from "../arch/index.ts";
import { fileId, PAGE_SIZE } from "../base/index.ts";
import { MAP, PROT } from "./mman.ts";
import type { OpenFile } from "./open-file.ts";
import { VM, VMH } from "./vm-flags.ts";

const TASK_SIZE = 0x7ffffffff000;
const HERE = 0x20000000;
const MINUS_1 = 2n ** 64n - 1n;

const UNPRIVILEGED = {
  ...MACHINE,
  capabilities: { ipcLock: false, sysRawio: false, sysAdmin: false, sysResource: false },
};

function withFile(file: Partial<OpenFile>, machine = new Machine()): Machine {
  const plain = { id: fileId(1), path: "/f", kind: "disk", readable: true, writable: true, deleted: false };
  machine.ask({ call: "file", file: { ...plain, ...file } as OpenFile });
  return machine;
}

const ofFile = (flags: number, prot: number, offset: number | bigint = 0) =>
  anonymous(PAGE_SIZE, { flags, prot, offset, file: 1, addr: HERE });

const flagsOf = (machine: Machine): number => machine.mm().vmas.first()?.flags ?? 0;

describe("mmap checks in the kernel's order", () => {
  test.each([
    ["an unaligned offset, anonymous or not", anonymous(PAGE_SIZE, { offset: 1 }), "EINVAL"],
    ["a bad descriptor before the length", anonymous(0, { flags: MAP.PRIVATE, file: -1 }), "EBADF"],
    ["length 0", anonymous(0), "EINVAL"],
    ["a length that rounds to 0", anonymous(0, { length: MINUS_1 }), "ENOMEM"],
    ["a length beyond user space", anonymous(2 ** 47), "ENOMEM"],
    [
      "a fixed range that is too high before one that is unaligned",
      flagged(2 * PAGE_SIZE, MAP.FIXED, 0x7fffffffe001),
      "ENOMEM",
    ],
    [
      "a fixed range that leaves user space",
      flagged(2 * PAGE_SIZE, MAP.FIXED, TASK_SIZE - PAGE_SIZE),
      "ENOMEM",
    ],
    ["an unaligned fixed address", flagged(PAGE_SIZE, MAP.FIXED, HERE + 1), "EINVAL"],
    ["SHARED_VALIDATE of anonymous memory", anonymous(PAGE_SIZE, { flags: 3 | MAP.ANONYMOUS }), "EINVAL"],
    ["no type at all", anonymous(PAGE_SIZE, { flags: MAP.ANONYMOUS }), "EINVAL"],
    ["a shared mapping that grows down", anonymous(PAGE_SIZE, { flags: 0x121 }), "EINVAL"],
    [
      "a droppable mapping that is locked",
      anonymous(PAGE_SIZE, { flags: 8 | MAP.ANONYMOUS | MAP.LOCKED }),
      "EINVAL",
    ],
  ])("%s", (_, request, answer) => {
    expect(told(new Machine().ask(request))).toBe(answer);
  });

  test("low addresses need a capability: 0 to map, and none from 4096 on", () => {
    expect(told(new Machine(UNPRIVILEGED).ask(flagged(PAGE_SIZE, MAP.FIXED, 0)))).toBe("EPERM");
    expect(told(new Machine(UNPRIVILEGED).ask(flagged(PAGE_SIZE, MAP.FIXED, 0x1000)))).toBe("1000");
    expect(told(new Machine().ask(flagged(PAGE_SIZE, MAP.FIXED, 0)))).toBe("0");
  });

  test("MAP_FIXED_NOREPLACE refuses what overlaps, before it looks at the type", () => {
    const machine = new Machine();
    machine.ask(flagged(PAGE_SIZE, MAP.FIXED, HERE));
    expect(told(machine.ask(flagged(2 * PAGE_SIZE, MAP.FIXED_NOREPLACE, HERE - PAGE_SIZE)))).toBe("EEXIST");
    const untyped = anonymous(PAGE_SIZE, { flags: MAP.ANONYMOUS | MAP.FIXED_NOREPLACE, addr: HERE });
    expect(told(machine.ask(untyped))).toBe("EEXIST");
  });

  test("locked memory is bounded by RLIMIT_MEMLOCK, and forbidden when that is 0", () => {
    const limit = (soft: number) => ({ ...UNPRIVILEGED.limits, memlock: { soft, hard: soft } });
    const locked = flagged(2 * PAGE_SIZE, MAP.LOCKED);
    expect(told(new Machine({ ...UNPRIVILEGED, limits: limit(0) }).ask(locked))).toBe("EPERM");
    expect(told(new Machine({ ...UNPRIVILEGED, limits: limit(PAGE_SIZE) }).ask(locked))).toBe("EAGAIN");
    expect(told(new Machine({ ...UNPRIVILEGED, limits: limit(2 * PAGE_SIZE) }).ask(locked))).toMatch(/^7f/);
    expect(told(new Machine({ ...MACHINE, limits: limit(0) }).ask(locked))).toMatch(/^7f/);
  });
});

describe("a file's mapping", () => {
  const { READ, WRITE, EXEC } = PROT;
  test.each([
    [
      "shared and writable of a read-only descriptor",
      { writable: false },
      ofFile(MAP.SHARED, WRITE),
      "EACCES",
    ],
    [
      "private and writable of a read-only descriptor",
      { writable: false },
      ofFile(MAP.PRIVATE, 3),
      "20000000",
    ],
    ["of a write-only descriptor", { readable: false }, ofFile(MAP.SHARED, WRITE), "EACCES"],
    ["executable of a noexec mount", { noexec: true }, ofFile(MAP.PRIVATE, READ | EXEC), "EPERM"],
    ["of a directory", { kind: "unmappable" }, ofFile(MAP.PRIVATE, READ), "ENODEV"],
    [
      "executable of a directory on a noexec mount",
      { kind: "unmappable", noexec: true },
      ofFile(MAP.PRIVATE, EXEC),
      "EPERM",
    ],
    [
      "growing down, of a directory",
      { kind: "unmappable" },
      ofFile(MAP.PRIVATE | MAP.GROWSDOWN, READ),
      "ENODEV",
    ],
    ["growing down", {}, ofFile(MAP.PRIVATE | MAP.GROWSDOWN, READ), "EINVAL"],
    ["validated, with FIXED_NOREPLACE", {}, ofFile(3 | MAP.FIXED_NOREPLACE, READ), "EOPNOTSUPP"],
    ["droppable", {}, ofFile(MAP.DROPPABLE, READ), "EINVAL"],
    [
      "beyond the largest offset, before any permission",
      { readable: false },
      ofFile(2, READ, 2n ** 63n - 4096n),
      "EOVERFLOW",
    ],
    [
      "shared and writable of a sealed memfd",
      { kind: "shmem", writeSealed: true },
      ofFile(MAP.SHARED, WRITE),
      "EPERM",
    ],
    [
      "private and writable of a sealed memfd",
      { kind: "shmem", writeSealed: true },
      ofFile(MAP.PRIVATE, WRITE),
      "20000000",
    ],
  ] as const)("%s", (_, file, request, answer) => {
    expect(told(withFile(file).ask(request))).toBe(answer);
  });

  test.each([
    ["private, rw", {}, ofFile(MAP.PRIVATE, 3), 0x73 | VM.ACCOUNT],
    ["private, r", {}, ofFile(MAP.PRIVATE, 1), 0x71],
    ["shared, rw", {}, ofFile(MAP.SHARED, 3), 0xfb],
    ["shared, r", {}, ofFile(MAP.SHARED, 1), 0xf9],
    ["shared, r, of a read-only descriptor", { writable: false }, ofFile(MAP.SHARED, 1), 0xd1],
    ["private, r, of a noexec mount", { noexec: true }, ofFile(MAP.PRIVATE, 1), 0x31],
  ] as const)("%s has the kernel's flags", (_, file, request, flags) => {
    const machine = withFile(file);
    machine.ask(request);
    expect(flagsOf(machine).toString(16)).toBe(flags.toString(16));
  });

  test("replaces the only other mapping of the same file", () => {
    expect(`${strip("FF").mmap("Ff")}`).toBe("Ff");
    expect(`${strip("FF").mmap("FF")}`).toBe("FF");
  });
});

describe("anonymous memory", () => {
  test.each([
    ["rw", anonymous(PAGE_SIZE), 0x73 | VM.ACCOUNT],
    ["r", anonymous(PAGE_SIZE, { prot: 1 }), 0x71],
    ["none", anonymous(PAGE_SIZE, { prot: 0 }), 0x70],
    ["w", anonymous(PAGE_SIZE, { prot: 2 }), 0x72 | VM.ACCOUNT],
    ["with unknown protection bits, which mmap ignores", anonymous(PAGE_SIZE, { prot: 0xf0 }), 0x70],
    ["NORESERVE", flagged(PAGE_SIZE, MAP.NORESERVE), 0x73 | VM.NORESERVE],
    ["STACK", flagged(PAGE_SIZE, MAP.STACK), 0x73 | VM.ACCOUNT | VM.NOHUGEPAGE],
    ["GROWSDOWN", flagged(PAGE_SIZE, MAP.GROWSDOWN), 0x73 | VM.ACCOUNT | VM.GROWSDOWN],
    ["LOCKED", flagged(PAGE_SIZE, MAP.LOCKED), 0x73 | VM.ACCOUNT | VM.LOCKED],
    ["shared", anonymous(PAGE_SIZE, { flags: 0x21 }), 0xfb],
    ["droppable", anonymous(PAGE_SIZE, { flags: 0x28 }), 0x73 | VM.NORESERVE | VM.WIPEONFORK | VM.DONTDUMP],
  ])("%s has the kernel's flags", (_, request, flags) => {
    const machine = new Machine();
    machine.ask(request);
    expect(flagsOf(machine).toString(16)).toBe(flags.toString(16));
    expect(machine.mm().vmas.first()?.high).toBe((request.flags & 0xf) === 8 ? VMH.DROPPABLE : 0);
  });

  test("with READ_IMPLIES_EXEC is executable where it is readable", () => {
    const machine = new Machine();
    machine.ask({ call: "personality", persona: PERSONALITY.READ_IMPLIES_EXEC });
    machine.ask(anonymous(PAGE_SIZE, { prot: 1 }));
    machine.ask(anonymous(PAGE_SIZE, { prot: 2 }));
    expect(
      machine
        .mm()
        .vmas.toArray()
        .map((v) => v.flags & 7),
    ).toEqual([2, 5]);
  });

  test("that is shared is charged whole while it lives, even read-only", () => {
    const machine = new Machine();
    machine.ask(
      anonymous(8 * PAGE_SIZE, { flags: MAP.SHARED | MAP.ANONYMOUS | MAP.FIXED, addr: HERE, prot: 1 }),
    );
    expect(machine.state.committed).toBe(8);
    machine.ask({ call: "munmap", addr: HERE, length: PAGE_SIZE });
    expect(machine.state.committed).toBe(8);
    machine.ask({ call: "munmap", addr: HERE, length: 8 * PAGE_SIZE });
    expect(machine.state.committed).toBe(0);
  });
});

describe("limits", () => {
  const limited = (resource: "as" | "data", pages: number): Machine => {
    const machine = new Machine();
    machine.ask(flagged(6 * PAGE_SIZE, MAP.FIXED, HERE));
    const soft = pages * PAGE_SIZE;
    machine.ask({ call: "setrlimit", target: 0, resource, soft, hard: 2 ** 40 });
    return machine;
  };

  test("RLIMIT_AS credits the pages that are replaced", () => {
    expect(told(limited("as", 6).ask(flagged(6 * PAGE_SIZE, MAP.FIXED, HERE)))).toBe("20000000");
    expect(told(limited("as", 6).ask(flagged(7 * PAGE_SIZE, MAP.FIXED, HERE)))).toBe("ENOMEM");
  });

  test("a refusal by a limit leaves the splits at the borders of the range", () => {
    const machine = limited("as", 6);
    expect(told(machine.ask(flagged(20 * PAGE_SIZE, MAP.FIXED, HERE + 2 * PAGE_SIZE)))).toBe("ENOMEM");
    expect(ranges(machine)).toEqual(["20000000-20002000", "20002000-20006000"]);
  });

  test("RLIMIT_DATA counts private writable memory only", () => {
    const machine = limited("data", 6);
    expect(told(machine.ask(anonymous(PAGE_SIZE)))).toBe("ENOMEM");
    expect(told(machine.ask(anonymous(PAGE_SIZE, { prot: 1 })))).toMatch(/^7f/);
    expect(told(machine.ask(anonymous(PAGE_SIZE, { flags: 0x21 })))).toMatch(/^7f/);
    expect(told(machine.ask(flagged(PAGE_SIZE, MAP.GROWSDOWN)))).toMatch(/^7f/);
  });

  test("a seal under MAP_FIXED refuses it, with the splits made", () => {
    const s = strip("AAAAAA").mseal("...x..").mmap("..NN..");
    expect(s.last).toBe("EPERM");
    expect(`${s}`).toBe("AA|AEAA");
  });

  test("overcommit refuses one request larger than the machine, and nothing else", () => {
    const pages = MACHINE.sysctl.totalPages;
    expect(told(new Machine().ask(anonymous((pages + 1) * PAGE_SIZE)))).toBe("ENOMEM");
    expect(told(new Machine().ask(anonymous(pages * PAGE_SIZE)))).toMatch(/^7f/);
    expect(told(new Machine().ask(flagged((pages + 1) * PAGE_SIZE, MAP.NORESERVE)))).toMatch(/^7f/);
  });

  test("a file system that refuses leaves a hole", () => {
    const s = strip("AAAAAA").mmap("..FF", { flags: MAP.SYNC });
    expect(s.last).toBe("EOPNOTSUPP");
    expect(`${s}`).toBe("AA..AA");
  });
});

describe("a file that may not be written to everywhere", () => {
  const shared = (file: Partial<OpenFile>, prot: number): string =>
    told(withFile(file).ask(ofFile(MAP.SHARED, prot)));

  test("a swap file is ETXTBSY, shared and writable, and may be read and written privately", () => {
    expect(shared({ swapFile: true }, PROT.READ | PROT.WRITE)).toBe("ETXTBSY");
    expect(shared({ swapFile: true }, PROT.READ)).toBe("20000000");
    const machine = withFile({ swapFile: true });
    expect(told(machine.ask(ofFile(MAP.PRIVATE, PROT.READ | PROT.WRITE)))).toBe("20000000");
  });

  test("an append-only file is EACCES shared, unless it is only open for reading", () => {
    expect(shared({ appendOnly: true }, PROT.READ)).toBe("EACCES");
    expect(shared({ appendOnly: true, writable: false }, PROT.READ)).toBe("20000000");
  });

  test("of the refusals for writing EACCES comes first, then ETXTBSY, then EACCES for appending", () => {
    expect(shared({ swapFile: true, writable: false }, PROT.WRITE)).toBe("EACCES");
    expect(shared({ swapFile: true, appendOnly: true }, PROT.WRITE)).toBe("ETXTBSY");
  });
});

describe("replacing", () => {
  test("read-write, read-only and shared pieces keeps the total and moves the offsets on", () => {
    const s = strip("AAaaSS").mmap(".aaaa.");
    expect(`${s}`).toBe("AaaaaS");
    expect(s.machine.mm().totalVm).toBe(6);
    expect(s.machine.mm().dataVm).toBe(1);
    expect(s.vma(5).pgoff).toBe(1);
  });
});
