import { anonymous, flagged, MACHINE, Machine } from "@pagetrail/testing";
import { execOf, fixed } from "@pagetrail/testing/images";
import { describe, expect, test } from "vitest";
import { fileId, PAGE_SIZE } from "../base/index.ts";
import type { OpenFile } from "../mm/index.ts";
import { MAP } from "../mm/index.ts";
import { maps } from "./maps.ts";

const HERE = 0x20000000;

function linesOf(machine: Machine): readonly string[] {
  return maps(machine.state, machine.mm()).split("\n");
}

function mappedFile(file: Partial<OpenFile>, offset = 0): string {
  const machine = new Machine();
  const plain = { id: fileId(1), path: "/f", kind: "disk", readable: true, writable: true, deleted: false };
  machine.ask({ call: "file", file: { ...plain, ...file } as OpenFile });
  machine.ask(anonymous(PAGE_SIZE, { flags: MAP.PRIVATE | MAP.FIXED, addr: HERE, file: 1, offset, prot: 1 }));
  return linesOf(machine)[0] ?? "";
}

describe("/proc/PID/maps", () => {
  test("ends a line without a name with the space after the inode", () => {
    const machine = new Machine();
    machine.ask(flagged(PAGE_SIZE, MAP.FIXED, HERE));
    expect(linesOf(machine)[0]).toBe("20000000-20001000 rw-p 00000000 00:00 0 ");
  });

  test("begins names at column 73", () => {
    const line = mappedFile({ device: "fe:00", inode: 2150267 });
    expect(line).toBe(`${"20000000-20001000 r--p 00000000 fe:00 2150267 ".padEnd(73)}/f`);
  });

  test("pads low addresses and offsets to eight digits, and prints longer ones whole", () => {
    expect(mappedFile({}, 0x1000)).toContain(" r--p 00001000 ");
    expect(mappedFile({}, 2 ** 40)).toContain(" r--p 10000000000 ");
    const machine = new Machine();
    machine.ask(flagged(PAGE_SIZE, MAP.FIXED, 0x1000));
    expect(linesOf(machine)[0]).toMatch(/^00001000-00002000 /);
  });

  test("marks files that are gone, and writes a newline in a name as \\012", () => {
    expect(mappedFile({ deleted: true })).toMatch(/ {2}\/f \(deleted\)$/);
    expect(mappedFile({ path: "/a\nb c" })).toMatch(/ {2}\/a\\012b c$/);
  });

  test("names shared anonymous memory for its file", () => {
    const machine = new Machine();
    machine.ask(anonymous(PAGE_SIZE, { flags: MAP.SHARED | MAP.ANONYMOUS }));
    expect(linesOf(machine)[0]).toMatch(/ rw-s 00000000 00:01 0 +\/dev\/zero \(deleted\)$/);
  });

  test("names a segment by its key", () => {
    const machine = new Machine();
    machine.ask({ call: "shmget", key: 42, size: PAGE_SIZE, shm: 7 });
    machine.ask({ call: "shmat", shm: 7, addr: 0, flags: 0 });
    expect(linesOf(machine)[0]).toMatch(/ rw-s 00000000 00:01 7 +\/SYSV0000002a \(deleted\)$/);
  });

  test("names everything without a file in the break's range [heap]", () => {
    const machine = new Machine();
    machine.ask({ call: "execve", path: "/p", load: execOf(fixed) });
    machine.ask({ call: "brk", addr: 0x4b1000 });
    machine.ask({ ...flagged(PAGE_SIZE, MAP.FIXED, 0x4ae000), prot: 0 });
    const heap = linesOf(machine).filter((line) => line.endsWith("[heap]"));
    expect(heap.map((line) => line.slice(0, 22))).toEqual([
      "004ad000-004ae000 rw-p",
      "004ae000-004af000 ---p",
      "004af000-004b1000 rw-p",
    ]);
  });

  test("ends with the vsyscall page as the machine has it", () => {
    const last = (vsyscall: "xonly" | "emulate" | "none"): string =>
      maps(new Machine({ ...MACHINE, vsyscall }).state, new Machine().mm());
    const column = "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 ".padEnd(73);
    expect(last("xonly")).toBe(`${column}[vsyscall]\n`);
    expect(last("emulate")).toBe(`${column.replace("--xp", "r-xp")}[vsyscall]\n`);
    expect(last("none")).toBe("");
  });

  test("of a process without an address space is empty", () => {
    expect(maps(new Machine().state, undefined)).toBe("");
  });
});
