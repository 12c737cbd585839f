import { MADV, MAP, MREMAP, MS, PROT, type Word } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { access, changes, dies, flags, gives, heap, named, offset, refused, shows, size } from "./looks.ts";
import {
  advise,
  brk,
  brkTo,
  FD,
  fork,
  ioDestroy,
  ioSetup,
  limit,
  lock,
  map,
  mlockall,
  mmap,
  move,
  mprotect,
  mremap,
  msync,
  munlockall,
  now,
  prctl,
  processMadvise,
  processMrelease,
  protect,
  read,
  request,
  seal,
  unlock,
  unmap,
  unprivileged,
  write,
} from "./operations.ts";
import { answered, TOP } from "./places.ts";
import { NARROW, NO_SYS_RESOURCE, ROOT, rule } from "./processes.ts";
import { does, type Scene, type Step, section } from "./rule.ts";

const P = pages(1);
const TO = MREMAP.MAYMOVE | MREMAP.FIXED;

/** Secret memory over the pages from one of the window on, at their place in the file. */
const secret = (page: number, count: number, more: Parameters<typeof mmap>[0] = {}): Step =>
  mmap({
    addr: at(page),
    length: pages(count),
    flags: MAP.SHARED | MAP.FIXED,
    fd: FD.secret,
    offset: pages(page),
    ...more,
  });

export const SECRET_MEMORY = section("Secret memory: memfd_secret", [
  rule(
    "secret memory is locked, and left out of dumps",
    changes({ VmLck: 2 }, secret(0, 2)),
    flags(0, "rd wr sh mr mw ms lo dd"),
    named(0, "/secretmem (deleted)"),
  ),
  rule(
    "it cannot be mapped privately: EINVAL, which leaves a hole",
    map("AAA"),
    refused("EINVAL", secret(1, 1, { flags: MAP.PRIVATE | MAP.FIXED })),
    shows("A.A"),
  ),
  rule("it may be mapped to be read", secret(0, 1, { prot: PROT.READ }), flags(0, "rd sh mr mw ms lo dd")),
  rule(
    "it can never be executed",
    refused("EPERM", secret(0, 1, { prot: 5 })),
    secret(0, 1),
    refused("EACCES", mprotect(at(0), P, 5)),
  ),
  rule("it joins its continuation", secret(0, 2), secret(2, 2), shows("IIII")),
  rule(
    "more than RLIMIT_MEMLOCK is EAGAIN without CAP_IPC_LOCK",
    { needs: [ROOT] },
    limit("memlock", P, P),
    unprivileged(),
    refused("EAGAIN", secret(0, 2)),
    secret(0, 1),
  ),
  rule("munlock and munlockall leave it locked", secret(0, 2), unlock("II"), munlockall(), size("VmLck", 2)),
  rule("mlock is ENOMEM: its pages cannot be brought in", secret(0, 2), refused("ENOMEM", lock("II"))),
  rule(
    "mlockall passes over it",
    secret(0, 1),
    mlockall(1),
    mlockall(5),
    flags(0, "rd wr sh mr mw ms lo dd"),
  ),
  rule(
    "MADV_POPULATE is EINVAL",
    secret(0, 1),
    refused("EINVAL", advise("I", MADV.POPULATE_READ)),
    refused("EINVAL", advise("I", MADV.POPULATE_WRITE)),
  ),
  rule("MAP_POPULATE is passed over", secret(0, 1, { flags: MAP.SHARED | MAP.FIXED | MAP.POPULATE })),
  rule("it can be written and read", secret(0, 1), write("I"), read("I")),
  rule(
    "MS_SYNC is EINVAL, MS_ASYNC is not",
    secret(0, 1),
    refused("EINVAL", msync(at(0), P, MS.SYNC)),
    msync(at(0), P, MS.ASYNC),
  ),
  rule(
    "a child has it without the lock, and cannot lock it",
    secret(0, 1),
    fork(),
    flags(0, "rd wr sh mr mw ms dd"),
    size("VmLck", 0),
    refused("ENOMEM", lock("I")),
    flags(0, "rd wr sh mr mw ms dd"),
  ),
  rule(
    "its pages go only unlocked, and its holes never: EINVAL, EOPNOTSUPP",
    secret(0, 1),
    refused("EINVAL", advise("I", MADV.DONTNEED)),
    refused("EINVAL", advise("I", MADV.REMOVE)),
    fork(),
    advise("I", MADV.DONTNEED),
    refused("EOPNOTSUPP", advise("I", MADV.REMOVE)),
  ),
  rule(
    "it may be dumped after all",
    secret(0, 1),
    advise("I", MADV.DODUMP),
    flags(0, "rd wr sh mr mw ms lo"),
  ),
  rule(
    "it moves and grows with its lock",
    secret(0, 1),
    changes({ VmLck: 0 }, move("I", "....I", TO)),
    changes({ VmLck: 1 }, mremap(at(4), P, pages(2), 0)),
    shows("....II"),
  ),
  rule(
    "it can be protected and sealed",
    secret(0, 2),
    protect("i"),
    seal("ii"),
    refused("EPERM", unmap("x")),
    shows("iI"),
  ),
]);

const onRing = (advice: number): Step =>
  does(({ answers }) => request({ call: "madvise", addr: Number(answers[0]), length: P, advice }));

/** The ring's own address, as io_setup answered it. */
const ring = answered(0);

export const RINGS = section("Rings of asynchronous I/O: io_setup", [
  rule(
    "io_setup maps a ring and answers its address",
    gives(TOP - pages(3), ioSetup(128)),
    flags(TOP - P, "rd wr sh mr mw ms de"),
    named(TOP - P, "/[aio] (deleted)"),
    access(TOP - P, "rw-s"),
  ),
  rule(
    "a ring has 32 bytes for each of twice its events and two more, and 32 in front",
    gives(TOP - P, ioSetup(62)),
    gives(TOP - pages(3), ioSetup(63)),
    gives(TOP - pages(19), ioSetup(1000)),
  ),
  rule("no events are EINVAL", refused("EINVAL", ioSetup(0))),
  rule(
    "more events than memory has are EINVAL, more than fs.aio-max-nr EAGAIN",
    refused("EINVAL", ioSetup(2 ** 31 - 1)),
    refused("EINVAL", ioSetup(2 ** 22 + 1)),
    refused("EAGAIN", ioSetup(100_000)),
  ),
  rule(
    "whatever the mapping is refused for is ENOMEM",
    limit("as", now("VmSize")),
    refused("ENOMEM", ioSetup(1)),
  ),
  rule("rings do not join", ioSetup(1), ioSetup(1), {
    looks: [
      ({ vmas }) =>
        vmas.filter((v) => v.name === "/[aio] (deleted)").length === 2
          ? undefined
          : "there are not two rings",
    ],
  }),
  rule("io_destroy unmaps the ring", ioSetup(128), changes({ VMAs: -1, VmSize: -3 }, ioDestroy(ring))),
  rule(
    "a context that is none is EINVAL",
    refused("EINVAL", ioDestroy(0)),
    refused("EINVAL", ioDestroy(at(0))),
    map("A"),
    refused("EINVAL", ioDestroy(at(0))),
  ),
  rule(
    "a context that is none is read all the same: memory that grows down grows to it",
    map("....G"),
    refused("EINVAL", ioDestroy(at(2))),
    shows("..GGG"),
  ),
  rule(
    "a context that is destroyed is EINVAL from then on",
    ioSetup(1),
    ioDestroy(ring),
    refused("EINVAL", ioDestroy(ring)),
  ),
  rule(
    "a ring that is unmapped has no context: EINVAL",
    ioSetup(1),
    does(({ answers }) => request({ call: "munmap", addr: Number(answers[0]), length: P })),
    refused("EINVAL", ioDestroy(ring)),
  ),
  rule(
    "a ring that moves takes its context along",
    ioSetup(1),
    does(({ answers }) =>
      request({
        call: "mremap",
        addr: Number(answers[0]),
        oldLength: P,
        newLength: P,
        flags: TO,
        newAddr: at(0),
      }),
    ),
    refused("EINVAL", ioDestroy(ring)),
    ioDestroy(at(0)),
    shows("."),
  ),
  rule(
    "io_destroy unmaps as many pages as the ring has from where a part of it went",
    ioSetup(128),
    map("...AAA"),
    does(({ answers }) =>
      request({
        call: "mremap",
        addr: Number(answers[0]),
        oldLength: P,
        newLength: P,
        flags: TO,
        newAddr: at(2),
      }),
    ),
    ioDestroy(at(2)),
    shows(".....A"),
  ),
  rule(
    "of two rings that were mapped at one address the one that is there answers",
    ioSetup(1),
    does(({ answers }) => request({ call: "munmap", addr: Number(answers[0]), length: P })),
    gives(ring, ioSetup(1)),
    changes({ VMAs: -1 }, ioDestroy(ring)),
  ),
  rule(
    "io_destroy of a sealed ring succeeds, and leaves it",
    ioSetup(1),
    does(({ answers }) => request({ call: "mseal", addr: Number(answers[0]), length: P, flags: 0 })),
    changes({ VMAs: 0 }, ioDestroy(ring)),
  ),
  rule(
    "a ring without its context cannot move: EINVAL",
    ioSetup(128),
    does(({ answers }) =>
      request({
        call: "mremap",
        addr: Number(answers[0]),
        oldLength: P,
        newLength: P,
        flags: TO,
        newAddr: at(0),
      }),
    ),
    ioDestroy(at(0)),
    refused(
      "EINVAL",
      does(({ answers }) =>
        request({
          call: "mremap",
          addr: Number(answers[0]) + P,
          oldLength: P,
          newLength: P,
          flags: TO,
          newAddr: at(8),
        }),
      ),
    ),
  ),
  rule(
    "a child has the mapping and no context",
    ioSetup(1),
    fork(),
    refused("EINVAL", ioDestroy(ring)),
    refused(
      "EINVAL",
      does(({ answers }) =>
        request({
          call: "mremap",
          addr: Number(answers[0]),
          oldLength: P,
          newLength: P,
          flags: TO,
          newAddr: at(8),
        }),
      ),
    ),
    flags(ring, "rd wr sh mr mw ms de"),
  ),
  rule(
    "a ring cannot grow: EFAULT, nor leave its place mapped: EINVAL",
    ioSetup(1),
    refused(
      "EFAULT",
      does(({ answers }) =>
        request({
          call: "mremap",
          addr: Number(answers[0]),
          oldLength: P,
          newLength: pages(2),
          flags: 1,
          newAddr: 0,
        }),
      ),
    ),
    refused(
      "EINVAL",
      does(({ answers }) =>
        request({
          call: "mremap",
          addr: Number(answers[0]),
          oldLength: P,
          newLength: P,
          flags: 5,
          newAddr: 0,
        }),
      ),
    ),
  ),
  rule(
    "a ring is never locked",
    ioSetup(1),
    changes(
      { VmLck: 0 },
      does(({ answers }) => request({ call: "mlock", addr: Number(answers[0]), length: P, flags: 0 })),
    ),
  ),
  rule(
    "a ring has no holes to punch: ENODEV, is always dumped: EINVAL, and not written back: EINVAL",
    ioSetup(1),
    refused("ENODEV", onRing(MADV.REMOVE)),
    refused("EINVAL", onRing(MADV.DODUMP)),
    refused(
      "EINVAL",
      does(({ answers }) => request({ call: "msync", addr: Number(answers[0]), length: P, flags: MS.SYNC })),
    ),
  ),
  rule("a 32-bit ring is the same", { on: NARROW }, ioSetup(128), changes({ VMAs: -1 }, ioDestroy(ring))),
]);

export const FILE_KINDS = section("Files that not every mapping suits", [
  rule(
    "a shared mapping of an append-only file is EACCES if it is open for writing",
    refused("EACCES", mmap({ flags: MAP.SHARED, fd: FD.append })),
    refused("EACCES", mmap({ flags: MAP.SHARED, prot: PROT.READ, fd: FD.append })),
  ),
  rule("a private mapping of it is granted", mmap({ flags: MAP.PRIVATE, fd: FD.append })),
  rule(
    "a small file can be used up to the end of its last page",
    map("F", { fd: FD.small }),
    read("x"),
    map("....F", { fd: FD.small, by: 1 }),
    read("....x"),
    offset(4, 5),
  ),
  rule(
    "behind that it is SIGBUS, to be read and to be written",
    map("......FF", { fd: FD.small }),
    dies("SIGBUS ADRERR", read("......x")),
    dies("SIGBUS ADRERR", write(".......x")),
  ),
  rule(
    "a shared mapping of it is the same",
    map("....MMM", { fd: FD.small }),
    write("....xx"),
    dies("SIGBUS ADRERR", write("......x")),
  ),
  rule(
    "memory without access is SIGSEGV behind the end too",
    map("......_", { fd: FD.small, flags: 0 }),
    dies("SIGSEGV ACCERR", read("......x")),
  ),
  rule(
    "a refused write behind the end leaves an anon_vma",
    map("......FFF", { fd: FD.small }),
    dies("SIGBUS ADRERR", write("......x")),
    unmap(".......x"),
    dies("SIGBUS ADRERR", write("........x")),
    map(".......F", { fd: FD.small }),
    shows("......FFF"),
  ),
]);

type Fields = Partial<Record<"endCode" | "brk" | "startStack" | "argStart", number>>;

/** struct prctl_mm_map with the program's own values, some moved by so many bytes; no vector, no file. */
function mapOf({ start }: Scene, by: Fields): readonly Word[] {
  const { startCode, endCode, startData, endData, brk, stackPointer } = start;
  return [
    ...[startCode, endCode + (by.endCode ?? 0), startData, endData, brk, brk + (by.brk ?? 0)],
    ...[stackPointer + (by.startStack ?? 0), stackPointer + (by.argStart ?? 0)],
    ...[stackPointer, stackPointer, stackPointer, 0, 0xffffffffn << 32n],
  ];
}

const setMap = (by: Fields): Step =>
  does((scene) => request({ call: "prctl", option: 35, arg: 14, arg3: 0, arg4: 104, map: mapOf(scene, by) }));

/** Two ranges, of which the second is the first's continuation. */
const PAIR = [
  [at(0), P],
  [at(1), P],
] as const;

export const OTHER_CALLS = section(
  "process_madvise, process_mrelease, PR_SET_MEMORY_MERGE and PR_SET_MM_MAP",
  [
    rule(
      "process_madvise answers the bytes that it advised",
      map("AAA"),
      gives(pages(2), processMadvise(PAIR, MADV.DONTFORK)),
      shows("CCA"),
    ),
    rule(
      "a range that is refused ends it, and what is before counts",
      map("A"),
      gives(P, processMadvise(PAIR, MADV.DONTFORK)),
      shows("C."),
    ),
    rule(
      "a first range that is refused is its errno",
      map(".A"),
      refused("ENOMEM", processMadvise(PAIR, MADV.DONTFORK)),
      shows(".A"),
    ),
    rule(
      "ranges without length are passed over",
      map("AA"),
      gives(
        P,
        processMadvise(
          [
            [at(0), 0],
            [at(1), P],
          ],
          MADV.DONTFORK,
        ),
      ),
      shows("AC"),
    ),
    rule(
      "only ranges without length are granted, whatever the advice",
      gives(0, processMadvise([], 77)),
      gives(0, processMadvise([[at(0), 0]], 77)),
    ),
    rule("flags are EINVAL", map("AA"), refused("EINVAL", processMadvise(PAIR, MADV.NORMAL, { flags: 1 }))),
    rule("unknown advice is EINVAL", map("AA"), refused("EINVAL", processMadvise(PAIR, 77))),
    rule(
      "half of all memory is EINVAL, and more than a program has is EFAULT",
      refused("EINVAL", processMadvise([[at(0), 2n ** 63n]], MADV.NORMAL)),
      refused(
        "EFAULT",
        processMadvise(
          [
            [at(0), P],
            [at(1), 2n ** 62n],
          ],
          MADV.NORMAL,
        ),
      ),
    ),
    rule(
      "one range alone is cut off before it is looked at",
      map("A"),
      refused("ENOMEM", processMadvise([[at(0), 2n ** 62n]], MADV.DONTFORK)),
      shows("C"),
    ),
    rule(
      "a descriptor that is not open is EBADF, after the ranges and before the advice",
      refused("EBADF", processMadvise(PAIR, 77, { target: -1 })),
      refused("EINVAL", processMadvise(PAIR, MADV.NORMAL, { target: -1, flags: 1 })),
      refused(
        "EFAULT",
        processMadvise(
          [
            [at(0), P],
            [2n ** 63n, P],
          ],
          MADV.NORMAL,
          { target: -1 },
        ),
      ),
    ),
    rule(
      "a process may give itself every advice",
      map("AA"),
      processMadvise(PAIR, MADV.WIPEONFORK),
      processMadvise(PAIR, MADV.DONTNEED),
      shows("WW"),
    ),
    rule("process_mrelease of a living process is EINVAL", refused("EINVAL", processMrelease(0))),
    rule(
      "process_mrelease with flags is EINVAL, of no descriptor EBADF",
      refused("EINVAL", processMrelease(-1, 1)),
      refused("EBADF", processMrelease(-1)),
    ),
    rule(
      "PR_SET_MEMORY_MERGE makes all memory mergeable that can be",
      map("AaSMFG"),
      prctl(67, 1),
      flags(0, "rd wr mr mw me ac mg"),
      flags(1, "rd mr mw me mg"),
      flags(2, "rd wr sh mr mw me ms"),
      flags(4, "rd wr mr mw me ac mg"),
      flags(5, "rd wr mr mw me gd ac mg"),
    ),
    rule(
      "PR_SET_MEMORY_MERGE makes later memory mergeable too, and the heap",
      prctl(67, 1),
      map("AD"),
      flags(0, "rd wr mr mw me ac mg"),
      flags(1, "rd wr mr mw me nr wf dd dp"),
      brk(P),
      flags(({ start }) => start.brk, "rd wr mr mw me ac mg"),
    ),
    rule("later memory joins what is there", map("A"), prctl(67, 1), map(".A"), shows("AA")),
    rule(
      "nothing joins for PR_SET_MEMORY_MERGE alone",
      map("AA"),
      advise("A", MADV.MERGEABLE),
      prctl(67, 1),
      shows("A|A"),
    ),
    rule(
      "taking it back takes every mark away, and joins nothing",
      map("AA"),
      advise("A", MADV.MERGEABLE),
      prctl(67, 1),
      prctl(67, 0),
      flags(0, "rd wr mr mw me ac"),
      shows("A|A"),
    ),
    rule(
      "taking back what was not set leaves the marks",
      map("A"),
      advise("A", MADV.MERGEABLE),
      prctl(67, 0),
      flags(0, "rd wr mr mw me ac mg"),
    ),
    rule(
      "PR_GET_MEMORY_MERGE answers it, and a child has it",
      gives(0, prctl(68, 0)),
      prctl(67, 5),
      gives(1, prctl(68, 0)),
      fork(),
      gives(1, prctl(68, 0)),
      map("A"),
      flags(0, "rd wr mr mw me ac mg"),
    ),
    rule(
      "further arguments are EINVAL",
      refused("EINVAL", prctl(67, 1, 1)),
      refused("EINVAL", prctl(68, 1)),
      refused("EINVAL", prctl(68, 0, 0, 1)),
    ),
    rule("PR_SET_MM_MAP_SIZE is granted to everybody", prctl(35, 15, 0)),
    rule("PR_SET_MM_MAP of another size is EINVAL", refused("EINVAL", prctl(35, 14, 0, 96))),
    rule(
      "PR_SET_MM_MAP sets all fields at once, without a capability",
      setMap({}),
      setMap({ brk: 3 * P }),
      gives(heap(3 * P), brkTo(0)),
    ),
    rule(
      "PR_SET_MM_MAP refuses a range that ends before it starts: EINVAL",
      refused("EINVAL", setMap({ brk: -P })),
      refused("EINVAL", setMap({ endCode: -(2 ** 20) })),
    ),
    rule(
      "PR_SET_MM_MAP refuses addresses outside user space: EINVAL",
      refused("EINVAL", setMap({ startStack: 2 ** 48 })),
      refused("EINVAL", setMap({ argStart: -(2 ** 47) })),
    ),
    rule(
      "PR_SET_MM_AUXV and PR_SET_MM_EXE_FILE are EPERM without CAP_SYS_RESOURCE",
      { needs: [NO_SYS_RESOURCE] },
      refused("EPERM", prctl(35, 12, at(0), 16)),
      refused("EPERM", prctl(35, 13, FD.closed)),
    ),
    rule(
      "PR_SET_MM_EXE_FILE with a size is EINVAL before that",
      refused("EINVAL", prctl(35, 13, FD.closed, 8)),
    ),
  ],
);
