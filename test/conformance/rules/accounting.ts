import { MADV, MAP, MREMAP, PROT } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { changes, flags, size } from "./looks.ts";
import {
  advise,
  attach,
  brk,
  lock,
  map,
  mapped,
  mmap,
  move,
  mremap,
  protect,
  request,
  shmdt,
  touch,
  unmap,
  write,
} from "./operations.ts";
import { addressOfSpecial } from "./places.ts";
import { rule } from "./processes.ts";
import { does, type Rule, section } from "./rule.ts";

const { READ, WRITE, EXEC } = PROT;
const ANON = MAP.PRIVATE | MAP.ANONYMOUS;

type Sizes = Parameters<typeof changes>[0];

/** What four pages of a kind of memory add to each size. */
const counts = (name: string, flagBits: number, prot: number, sizes: Sizes): Rule =>
  rule(
    `${name} counts as ${countedAs(sizes)}`,
    changes(
      { VmSize: 4, VmData: 0, VmStk: 0, VmLib: 0, VmExe: 0, VmLck: 0, ...sizes },
      mmap({ length: pages(4), flags: flagBits, prot }),
    ),
  );

const countedAs = (sizes: Sizes): string => {
  const names = Object.keys(sizes);
  return names.length === 0 ? "nothing but size" : names.map((name) => NAMES[name] ?? name).join(" and ");
};

const NAMES: Readonly<Record<string, string>> = {
  VmData: "data",
  VmStk: "stack",
  VmLib: "code",
  VmLck: "locked",
};

const file = (name: string, more: Parameters<typeof mmap>[0], sizes: Sizes): Rule =>
  rule(
    name,
    changes(
      { VmSize: 4, VmData: 0, VmStk: 0, VmLib: 0, ...sizes },
      mmap({ length: pages(4), fd: 20, ...more }),
    ),
  );

const withoutVdso = does((scene) =>
  request({ call: "munmap", addr: addressOfSpecial(scene, "[vdso]"), length: pages(2) }),
);

export const ACCOUNTING = section("The sizes of status", [
  counts("private writable memory", ANON, READ | WRITE, { VmData: 4 }),
  counts("private memory that may only be written", ANON, WRITE, { VmData: 4 }),
  counts("private readable memory", ANON, READ, {}),
  counts("memory without access", ANON, 0, {}),
  counts("executable memory", ANON, READ | EXEC, { VmLib: 4 }),
  counts("memory that may only be executed", ANON, EXEC, { VmLib: 4 }),
  counts("memory that is writable and executable", ANON, 7, { VmData: 4 }),
  counts("shared writable memory", MAP.SHARED | MAP.ANONYMOUS, READ | WRITE, {}),
  counts("shared executable memory", MAP.SHARED | MAP.ANONYMOUS, READ | EXEC, { VmLib: 4 }),
  counts("shared memory that is writable and executable", MAP.SHARED | MAP.ANONYMOUS, 7, {}),
  counts("writable memory that grows down", ANON | MAP.GROWSDOWN, READ | WRITE, { VmStk: 4 }),
  counts("executable memory that grows down", ANON | MAP.GROWSDOWN, READ | EXEC, { VmStk: 4 }),
  counts("memory without access that grows down", ANON | MAP.GROWSDOWN, 0, { VmStk: 4 }),
  counts("memory that grows down and is writable and executable", ANON | MAP.GROWSDOWN, 7, { VmStk: 4 }),
  counts("droppable memory", MAP.DROPPABLE | MAP.ANONYMOUS, READ | WRITE, { VmData: 4 }),
  counts("MAP_NORESERVE memory", ANON | MAP.NORESERVE, READ | WRITE, { VmData: 4 }),
  counts("MAP_STACK memory", ANON | MAP.STACK, READ | WRITE, { VmData: 4 }),
  counts("locked memory", ANON | MAP.LOCKED, READ | WRITE, { VmData: 4, VmLck: 4 }),
  counts("locked memory without access", ANON | MAP.LOCKED, 0, { VmLck: 4 }),
  file("a private writable file counts as data", { prot: READ | WRITE }, { VmData: 4 }),
  file("a private readable file counts as nothing but size", { prot: READ }, {}),
  file("a private executable file counts as code", { prot: READ | EXEC }, { VmLib: 4 }),
  file("a shared writable file counts as nothing but size", { flags: MAP.SHARED }, {}),
  file("a shared executable file counts as code", { flags: MAP.SHARED, prot: READ | EXEC }, { VmLib: 4 }),
  rule("a segment counts as nothing but size", changes({ VmSize: 2, VmData: 0 }, attach(0, pages(2)))),
  rule(
    "huge pages count as any other memory",
    changes({ VmSize: 512, VmData: 512 }, mapped(ANON | MAP.HUGETLB | MAP.NORESERVE)),
  ),
  rule("the heap counts as data", changes({ VmSize: 3, VmData: 3 }, brk(pages(3)))),
  rule(
    "VmExe is what the program's code has, and VmLib what other code has",
    changes({ VmExe: 0, VmLib: 1 }, mmap({ prot: READ | EXEC })),
  ),
  rule(
    "mprotect sorts memory anew",
    map("AA"),
    changes({ VmData: -1, VmSize: 0 }, protect("a")),
    changes({ VmData: 1 }, protect("A")),
  ),
  rule(
    "VmPeak follows VmSize up, and stays",
    changes({ VmPeak: 4, VmSize: 4 }, map("AAAA")),
    changes({ VmPeak: 0, VmSize: -2 }, unmap("xx")),
    changes({ VmPeak: 0, VmSize: 1 }, map("A")),
    changes({ VmPeak: 2, VmSize: 3 }, map("....AAA")),
  ),
  rule(
    "a fixed mapping in place of another raises no peak",
    map("AAAA"),
    changes({ VmPeak: 0, VmSize: 0 }, map("aaaa")),
  ),
  rule(
    "a move raises no peak, though for a moment there is both",
    map("AAAA"),
    changes({ VmPeak: 0 }, move("AAAA", "......AAAA", MREMAP.MAYMOVE | MREMAP.FIXED)),
  ),
  rule(
    "MREMAP_DONTUNMAP adds what it copies",
    map("AA"),
    changes({ VmSize: 2, VmPeak: 2 }, mremap(at(0), pages(2), pages(2), MREMAP.MAYMOVE | MREMAP.DONTUNMAP)),
  ),
  rule(
    "a stack that grows adds to stack and size",
    map("....G"),
    changes({ VmStk: 2, VmSize: 2, VmPeak: 2 }, touch(at(2))),
  ),
  rule(
    "locks count by the page, and follow what is unmapped",
    map("AAAA"),
    changes({ VmLck: 4 }, lock("AAAA")),
    changes({ VmLck: -2 }, unmap("xx")),
  ),
  rule(
    "advice changes no size",
    map("AAAA"),
    changes({ VmSize: 0, VmData: 0 }, advise(".AA", MADV.DONTFORK)),
    changes({ VmSize: 0 }, advise("AAAA", MADV.DONTNEED)),
  ),
  rule("VmPin is 0", size("VmPin", 0)),
  rule(
    "what shmdt takes goes from the size",
    attach(at(0), pages(2)),
    changes({ VmSize: -2, VMAs: -1 }, shmdt(at(0))),
  ),
  rule(
    "writable private memory is accounted, and mprotect to readable gives back what nobody wrote to",
    map("AA"),
    write("A"),
    protect("aa"),
    flags(0, "rd mr mw me ac"),
  ),
  rule(
    "memory that is accounted stays so when a part that nobody wrote to is made readable first",
    map("AA"),
    protect("a"),
    flags(0, "rd mr mw me"),
    flags(1, "rd wr mr mw me ac"),
  ),
  rule(
    "MAP_NORESERVE memory is never accounted",
    map("N"),
    write("N"),
    protect("n"),
    protect("N"),
    flags(0, "rd wr mr mw me nr"),
  ),
  rule(
    "private files are accounted where they are writable",
    map("f"),
    protect("F"),
    flags(0, "rd wr mr mw me ac"),
  ),
  rule(
    "memory without access is accounted once it is writable",
    map("_"),
    protect("A"),
    flags(0, "rd wr mr mw me ac"),
    protect("_"),
    flags(0, "mr mw me"),
  ),
  rule(
    "what grows by mremap is accounted as what it grows from",
    map("AA"),
    move("AA", "AAAA", 0),
    flags(3, "rd wr mr mw me ac"),
  ),
  rule(
    "the kernel's own mappings count as size, and the vdso as code",
    size("VmLib", 2),
    changes({ VmLib: -2, VmSize: -2 }, withoutVdso),
  ),
]);
