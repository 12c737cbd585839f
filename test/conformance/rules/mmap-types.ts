import { MAP, PROT } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { access, changes, flags, named, offset, refused, shows } from "./looks.ts";
import { FD, map, mapped, mmap, mprotect, protect } from "./operations.ts";
import { DISK, rule } from "./processes.ts";
import { type Rule, section } from "./rule.ts";

const { READ, WRITE, EXEC } = PROT;
const RW = READ | WRITE;
const { PRIVATE, SHARED, SHARED_VALIDATE, GROWSDOWN } = MAP;

/** All values of the four bits of a mapping's type. */
const ALL_TYPES = Array.from({ length: 16 }, (_, type) => type);
const ANONYMOUS_TYPES: ReadonlySet<number> = new Set([SHARED, PRIVATE, MAP.DROPPABLE]);
const FILE_TYPES: ReadonlySet<number> = new Set([SHARED, PRIVATE, SHARED_VALIDATE]);

const typeRule = (type: number, fd: number | undefined, isOne: boolean): Rule => {
  const what = fd === undefined ? "anonymous memory" : "a file";
  const step = fd === undefined ? mapped(type, { prot: READ }) : mmap({ flags: type, prot: READ, fd });
  return rule(
    `type ${type} ${isOne ? "is one" : "is EINVAL"} for ${what}`,
    isOne ? step : refused("EINVAL", step),
  );
};

/** A file, how it is mapped, and the errno. */
const refusal = (
  name: string,
  errno: string,
  fd: number,
  more: {
    readonly flags: number;
    readonly prot?: number;
    readonly offset?: bigint;
    readonly length?: number;
  },
): Rule => rule(name, refused(errno, mmap({ prot: READ, ...more, fd })));

export const MMAP_TYPES = section("mmap: types of mappings, and what files allow", [
  ...ALL_TYPES.map((type) => typeRule(type, undefined, ANONYMOUS_TYPES.has(type))),
  ...ALL_TYPES.map((type) => typeRule(type, FD.file, FILE_TYPES.has(type))),
  rule("shared anonymous memory cannot grow down", refused("EINVAL", mapped(SHARED | GROWSDOWN))),
  rule(
    "MAP_DROPPABLE goes with neither MAP_LOCKED nor MAP_GROWSDOWN nor MAP_HUGETLB",
    refused("EINVAL", mapped(MAP.DROPPABLE | MAP.LOCKED)),
    refused("EINVAL", mapped(MAP.DROPPABLE | GROWSDOWN)),
    refused("EINVAL", mapped(MAP.DROPPABLE | MAP.HUGETLB | MAP.NORESERVE)),
  ),
  rule(
    "shared anonymous memory is a new file /dev/zero (deleted), from its start",
    map("..S"),
    named(2, "/dev/zero (deleted)"),
    offset(2, 0),
    access(2, "rw-s"),
  ),
  rule("private anonymous memory has no name and shows no offset", map("..A"), named(2, ""), offset(2, 0)),
  rule(
    "the offset of anonymous memory is passed over",
    mapped(PRIVATE | MAP.FIXED, { addr: at(0), offset: pages(7) }),
    mapped(SHARED | MAP.FIXED, { addr: at(2), offset: pages(7) }),
    offset(0, 0),
    offset(2, 0),
  ),
  rule(
    "a private mapping of /dev/zero keeps its file and its offset",
    map("...Z"),
    named(3, "/dev/zero"),
    offset(3, 3),
    access(3, "rw-p"),
  ),
  rule(
    "a shared mapping of /dev/zero is a new file as shared anonymous memory is",
    mmap({ addr: at(0), flags: SHARED | MAP.FIXED, fd: FD.zero, offset: pages(3) }),
    named(0, "/dev/zero (deleted)"),
    access(0, "rw-s"),
  ),
  rule("a memfd is named as a deleted file", map("T"), named(0, "/memfd:live (deleted)")),
  rule("a file is mapped from the offset given", map("...F"), offset(3, 3)),
  rule(
    "a mapping may go beyond the end of its file",
    mmap({ prot: READ, flags: PRIVATE, fd: FD.memfd, offset: pages(2 ** 20) }),
    mmap({ prot: READ, flags: SHARED, fd: FD.file, offset: pages(2 ** 20) }),
  ),
  refusal("a range beyond the largest offset of a file is EOVERFLOW", "EOVERFLOW", FD.file, {
    flags: PRIVATE,
    offset: 2n ** 63n - 4096n,
    length: pages(2),
  }),
  refusal("EOVERFLOW comes before the file's permissions", "EOVERFLOW", FD.memfdWriteOnly, {
    flags: SHARED,
    offset: 2n ** 63n - 4096n,
    length: pages(2),
  }),
  refusal("EOVERFLOW comes before the type", "EOVERFLOW", FD.file, {
    flags: 0,
    offset: 2n ** 63n - 4096n,
    length: pages(2),
  }),
  rule(
    "the range up to the largest offset can be mapped",
    { needs: [DISK] },
    mmap({ prot: READ, flags: PRIVATE, fd: FD.file, offset: 2n ** 63n - 4096n * 2n, length: pages(1) }),
  ),
  refusal("MAP_SHARED_VALIDATE refuses a flag that it does not know: EOPNOTSUPP", "EOPNOTSUPP", FD.file, {
    flags: SHARED_VALIDATE | 0x400000,
  }),
  refusal("MAP_SHARED_VALIDATE does not know MAP_FIXED_NOREPLACE", "EOPNOTSUPP", FD.file, {
    flags: SHARED_VALIDATE | MAP.FIXED_NOREPLACE,
  }),
  refusal("MAP_SHARED_VALIDATE with MAP_SYNC is EOPNOTSUPP without DAX", "EOPNOTSUPP", FD.file, {
    flags: SHARED_VALIDATE | MAP.SYNC,
  }),
  rule(
    "MAP_SHARED passes over flags that it does not know",
    mmap({ prot: READ, flags: SHARED | 0x400000, fd: FD.file }),
  ),
  rule(
    "MAP_SHARED_VALIDATE knows the flags of old",
    mmap({ prot: READ, flags: SHARED_VALIDATE | MAP.NORESERVE | MAP.STACK | MAP.DENYWRITE, fd: FD.file }),
  ),
  refusal(
    "shared and writable, of a file that is not open for writing, is EACCES",
    "EACCES",
    FD.fileReadOnly,
    {
      flags: SHARED,
      prot: RW,
    },
  ),
  refusal("the same with a memfd", "EACCES", FD.memfdReadOnly, { flags: SHARED, prot: RW }),
  rule(
    "private and writable, of a file that is not open for writing, is granted",
    mmap({ flags: PRIVATE, prot: RW, fd: FD.fileReadOnly }),
    mmap({ flags: PRIVATE, prot: RW, fd: FD.memfdReadOnly }),
  ),
  refusal("a file that is not open for reading is EACCES, private or shared", "EACCES", FD.memfdWriteOnly, {
    flags: PRIVATE,
  }),
  refusal(
    "a file that is not open for reading is EACCES, even if it only is written",
    "EACCES",
    FD.memfdWriteOnly,
    {
      flags: SHARED,
      prot: WRITE,
    },
  ),
  refusal("a directory cannot be mapped: ENODEV", "ENODEV", FD.directory, { flags: PRIVATE }),
  refusal("a directory is ENODEV rather than EINVAL for MAP_GROWSDOWN", "ENODEV", FD.directory, {
    flags: PRIVATE | GROWSDOWN,
  }),
  refusal("a directory that would be writable and shared is EACCES", "EACCES", FD.directory, {
    flags: SHARED,
    prot: RW,
  }),
  refusal("the reading end of a pipe cannot be mapped: ENODEV", "ENODEV", FD.pipe, { flags: PRIVATE }),
  refusal("execution of a file on a noexec mount is EPERM rather than ENODEV", "EPERM", FD.pipe, {
    flags: PRIVATE,
    prot: READ | EXEC,
  }),
  refusal("MAP_GROWSDOWN of a file is EINVAL", "EINVAL", FD.file, { flags: PRIVATE | GROWSDOWN }),
  refusal("MAP_GROWSDOWN of a file that is not open for reading is EACCES", "EACCES", FD.memfdWriteOnly, {
    flags: PRIVATE | GROWSDOWN,
  }),
  refusal("a memfd that is sealed against writing is EPERM, shared and writable", "EPERM", FD.sealed, {
    flags: SHARED,
    prot: RW,
  }),
  rule(
    "a memfd that is sealed against writing may be mapped shared to be read, and never written then",
    map("r"),
    access(0, "r--s"),
    refused("EACCES", protect("R")),
  ),
  rule(
    "a memfd that is sealed against writing may be mapped private and written",
    map("Q"),
    access(0, "rw-p"),
  ),
  rule(
    "a shared file that is mapped for reading may be executed later, unless the mount forbids it",
    map("m"),
    mprotect(at(0), pages(1), READ | EXEC),
    access(0, "r-xs"),
  ),
  rule(
    "a mapping without access is made of a file like any other",
    mmap({ addr: at(0), flags: PRIVATE | MAP.FIXED, prot: 0, fd: FD.file }),
    flags(0, "mr mw me"),
  ),
  rule(
    "of the parts of a file that mappings show, each has its own offset",
    map("FFFF"),
    map(".a.."),
    shows("FaFF"),
    offset(2, 2),
  ),
  rule(
    "shared mappings count in no size but VmSize",
    changes({ VmSize: 2, VmData: 0, VmStk: 0 }, map("SS")),
    changes({ VmSize: 2, VmData: 0 }, map("..MM")),
  ),
]);
