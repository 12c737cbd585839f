import { MAP, MCL, PROT } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { access, flags, refused } from "./looks.ts";
import { FD, map, mlockall, mmap, mmapping, mprotect, munmap } from "./operations.ts";
import { addressOfSpecial, type SpecialName } from "./places.ts";
import { DISK, rule } from "./processes.ts";
import { does, type Part, type Rule, type Step, section } from "./rule.ts";

const ANON = MAP.PRIVATE | MAP.ANONYMOUS;

/** A rule of what VmFlags one mapping gets. */
const has = (name: string, part: Part, codes: string): Rule => rule(name, part, flags(0, codes));

const anonymous = (more: number, prot: number = PROT.READ | PROT.WRITE): Step =>
  mmap({ addr: at(0), flags: ANON | MAP.FIXED | more, prot });

const file = (fd: number, type: number, prot: number): Step =>
  mmap({ addr: at(0), flags: type | MAP.FIXED, prot, fd });

const { READ, WRITE, EXEC } = PROT;
const RW = READ | WRITE;

const special = (name: SpecialName, codes: string): Rule =>
  rule(
    `${name} has the flags ${codes}`,
    flags((scene) => addressOfSpecial(scene, name), codes),
  );

/** Flags that mmap knows and that leave no mark. */
const WITHOUT_EFFECT: readonly (readonly [string, number])[] = [
  ["MAP_DENYWRITE", MAP.DENYWRITE],
  ["MAP_EXECUTABLE", MAP.EXECUTABLE],
  ["MAP_UNINITIALIZED", MAP.UNINITIALIZED],
  ["MAP_NONBLOCK", MAP.NONBLOCK],
  ["MAP_ABOVE4G", MAP.ABOVE4G],
  ["a bit that no flag has", 0x400000],
];

export const MMAP_FLAGS = section("mmap: the flags of a new mapping", [
  has("private anonymous memory, writable, is accounted", anonymous(0), "rd wr mr mw me ac"),
  has("private anonymous memory, readable, is not accounted", anonymous(0, READ), "rd mr mw me"),
  has("private anonymous memory without access may have any later", anonymous(0, 0), "mr mw me"),
  has("memory that may only be executed is not marked readable", anonymous(0, EXEC), "ex mr mw me"),
  has("memory that may only be written is accounted", anonymous(0, WRITE), "wr mr mw me ac"),
  has("MAP_NORESERVE is nr in place of ac", anonymous(MAP.NORESERVE), "rd wr mr mw me nr"),
  has("MAP_NORESERVE of memory that is not writable is nr", anonymous(MAP.NORESERVE, READ), "rd mr mw me nr"),
  has("MAP_STACK only keeps huge pages away", anonymous(MAP.STACK), "rd wr mr mw me ac nh"),
  has("MAP_GROWSDOWN is gd, and accounted", anonymous(MAP.GROWSDOWN), "rd wr mr mw me gd ac"),
  has("MAP_LOCKED is lo", anonymous(MAP.LOCKED), "rd wr mr mw me lo ac"),
  has(
    "MAP_DROPPABLE is wiped at fork, left out of dumps, and not accounted",
    mmap({ addr: at(0), flags: MAP.DROPPABLE | MAP.ANONYMOUS | MAP.FIXED }),
    "rd wr mr mw me nr wf dd dp",
  ),
  has("shared anonymous memory is not accounted", map("S"), "rd wr sh mr mw me ms"),
  has("shared anonymous memory that is not writable is", map("s"), "rd sh mr mw me ms"),
  has(
    "shared anonymous memory with MAP_NORESERVE is nr",
    map("S", { flags: MAP.NORESERVE }),
    "rd wr sh mr mw me ms nr",
  ),
  has("a private file, writable, is accounted", map("F"), "rd wr mr mw me ac"),
  has("a private file, readable, is not", map("f"), "rd mr mw me"),
  has("a private file with MAP_NORESERVE is nr", map("F", { flags: MAP.NORESERVE }), "rd wr mr mw me nr"),
  has("a shared file, writable, is not accounted", map("M"), "rd wr sh mr mw me ms"),
  has(
    "a shared file opened for writing keeps sh when it is mapped to be read",
    map("m"),
    "rd sh mr mw me ms",
  ),
  has("the same with a memfd", map("u"), "rd sh mr mw me ms"),
  has(
    "a shared file that is not open for writing has neither sh nor mw",
    file(FD.fileReadOnly, MAP.SHARED, READ),
    "rd mr me ms",
  ),
  rule(
    "a shared file that is not open for writing still prints s",
    file(FD.fileReadOnly, MAP.SHARED, READ),
    access(0, "r--s"),
  ),
  rule(
    "a shared file that is not open for writing cannot become writable",
    file(FD.fileReadOnly, MAP.SHARED, READ),
    refused("EACCES", mprotect(at(0), pages(1), RW)),
  ),
  rule(
    "a shared file that was mapped to be read can become writable if it was opened so",
    map("m"),
    mprotect(at(0), pages(1), RW),
    flags(0, "rd wr sh mr mw me ms"),
  ),
  has(
    "MAP_PRIVATE of a file that is only readable may be written",
    file(FD.fileReadOnly, MAP.PRIVATE, RW),
    "rd wr mr mw me ac",
  ),
  has(
    "MAP_SHARED_VALIDATE of a file is MAP_SHARED",
    file(FD.file, MAP.SHARED_VALIDATE, RW),
    "rd wr sh mr mw me ms",
  ),
  has("a private mapping of /dev/zero is accounted like anonymous memory", map("Z"), "rd wr mr mw me ac"),
  has(
    "a shared mapping of a memfd that is sealed against writing may never be written",
    file(FD.sealed, MAP.SHARED, READ),
    "rd sh mr me ms",
  ),
  has("a private mapping of such a memfd may", file(FD.sealed, MAP.PRIVATE, RW), "rd wr mr mw me ac"),
  has(
    "huge pages that are not reserved are de, ht and nr",
    mmap({
      addr: at(0),
      length: pages(512),
      flags: ANON | MAP.FIXED | MAP.HUGETLB | MAP.NORESERVE,
    }),
    "rd wr mr mw me de nr ht",
  ),
  has(
    "mlockall(MCL_FUTURE) locks what is mapped from then on",
    [mlockall(MCL.FUTURE), map("A")],
    "rd wr mr mw me lo ac",
  ),
  has(
    "mlockall(MCL_FUTURE|MCL_ONFAULT) locks it at its faults",
    [mlockall(MCL.FUTURE | MCL.ONFAULT), map("A")],
    "rd wr mr mw me lo lf ac",
  ),
  has(
    "MAP_LOCKED under MCL_FUTURE|MCL_ONFAULT has both flags",
    [mlockall(MCL.FUTURE | MCL.ONFAULT), map("L")],
    "rd wr mr mw me lo lf ac",
  ),
  has(
    "a droppable mapping never keeps a lock",
    [mlockall(MCL.FUTURE), map("D")],
    "rd wr mr mw me nr wf dd dp",
  ),
  ...WITHOUT_EFFECT.map(([name, flag]) =>
    has(`${name} leaves no mark`, anonymous(flag), "rd wr mr mw me ac"),
  ),
  rule(
    "flags without effect do not keep neighbours apart",
    map("A"),
    map(".A", { flags: MAP.DENYWRITE | MAP.EXECUTABLE | MAP.NONBLOCK }),
    munmap(at(5), pages(1)),
    flags(1, "rd wr mr mw me ac"),
  ),
  special("[stack]", "rd wr mr mw me gd ac"),
  special("[vdso]", "rd ex mr mw me de"),
  special("[vvar]", "rd mr pf io de dd"),
  special("[vvar_vclock]", "rd mr pf io de dd"),
  rule(
    "the heap has the flags of anonymous memory",
    does(({ start }) => ({ request: { call: "brk", addr: start.brk + pages(1) } })),
    flags(({ start }) => start.brk, "rd wr mr mw me ac"),
  ),
  rule(
    "a System V segment that is writable is shared memory without an account",
    does({ attach: { addr: at(0), flags: 0, size: pages(2) } }),
    flags(0, "rd wr sh mr mw me ms"),
  ),
  rule(
    "a System V segment attached to be read may never be written",
    does({ attach: { addr: at(0), flags: 0o10000, size: pages(2) } }),
    flags(0, "rd mr me ms"),
    refused("EACCES", mprotect(at(0), pages(1), RW)),
  ),
  rule(
    "each of the flags of a mapping is there at once when several are given",
    does(
      mmapping({
        addr: at(0),
        flags: ANON | MAP.FIXED | MAP.STACK | MAP.LOCKED | MAP.GROWSDOWN | MAP.NORESERVE,
      }),
    ),
    flags(0, "rd wr mr mw me gd lo nr nh"),
  ),
  has("MAP_SYNC is granted where no file system is asked", anonymous(MAP.SYNC), "rd wr mr mw me ac sf"),
  has("MAP_SYNC of a private memfd is granted too", map("T", { flags: MAP.SYNC }), "rd wr mr mw me ac sf"),
  rule(
    "MAP_SYNC of a file on disk is EOPNOTSUPP without DAX",
    { needs: [DISK] },
    refused("EOPNOTSUPP", map("f", { flags: MAP.SYNC })),
  ),
]);
