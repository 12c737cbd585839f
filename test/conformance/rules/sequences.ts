import { MADV, MAP, MREMAP, PROT } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { access, changes, dies, flags, gives, offset, refused, shows } from "./looks.ts";
import {
  fork,
  limit,
  lock,
  madvise,
  map,
  mlockall,
  mmap,
  move,
  mremap,
  now,
  protect,
  read,
  touch,
  unmap,
  write,
} from "./operations.ts";
import { rule } from "./processes.ts";
import { section } from "./rule.ts";

const P = pages(1);
const ANON = MAP.PRIVATE | MAP.ANONYMOUS;
const FIXED = ANON | MAP.FIXED;
const NOREPLACE = ANON | MAP.FIXED_NOREPLACE;
const TO = MREMAP.MAYMOVE | MREMAP.FIXED;

export const VECTORS = section("Sequences that have surprised", [
  rule(
    "MAP_FIXED replaces pieces of several kinds, and the shared rest shows an advanced offset",
    map("AAaaUUUU"),
    changes({ VmSize: 0, VmData: -2 }, map("aaaaaa")),
    shows("aaaaaaUU"),
    offset(6, 6),
  ),
  rule(
    "a mapping of the size of the address space's limit fits in place of its like",
    map("AAAA"),
    limit("as", now("VmSize")),
    map("AAAA"),
    refused("ENOMEM", mmap({ addr: at(0), length: pages(5), flags: FIXED })),
  ),
  rule(
    "a mapping grows up to one that grows down, and both can be used",
    map(`AA${".".repeat(18)}G`),
    mremap(at(0), pages(2), pages(20), 0),
    touch(at(19)),
    touch(at(20)),
    shows(`${"A".repeat(20)}G`),
  ),
  rule(
    "the middle page of six moves to three elsewhere",
    map("AAAAAA"),
    write("AAAAAA"),
    mremap(at(1), P, pages(3), MREMAP.MAYMOVE),
    shows("A.AAAA"),
  ),
  rule(
    "a fixed move that shrinks leaves pieces of what it replaced around it",
    map("AAAAAA"),
    map("..........aaaa"),
    move("AAAAAA", "...........AA", TO),
    shows("..........aAAa"),
  ),
  rule(
    "MREMAP_DONTUNMAP of what it left behind works again and again",
    map("AA"),
    mremap(at(0), pages(2), pages(2), 7, at(4)),
    mremap(at(0), pages(2), pages(2), 7, at(8)),
    changes({ VmData: 2 }, mremap(at(0), pages(2), pages(2), 7, at(12))),
    shows("AA..AA..AA..AA"),
  ),
  rule(
    "a child of a process under MCL_FUTURE maps without locks",
    mlockall(3),
    fork(),
    changes({ VmLck: 0 }, map("A")),
    shows("A"),
  ),
  rule(
    "mlock2 on fault of what is read only counts",
    map("A"),
    lock("A", 1),
    changes({ VmLck: 0 }, read("L")),
    flags(0, "rd wr mr mw me lo lf ac"),
  ),
  rule(
    "memory that loses all access and gets it back is written to as before",
    map("A"),
    write("A"),
    protect("_"),
    dies("SIGSEGV ACCERR", read("A")),
    protect("A"),
    gives(1, write("A")),
  ),
  rule("advice for one byte is for its page", map("AAA"), madvise(at(1), 1, MADV.DONTFORK), shows("ACA")),
  rule("readable memory that grows down grows at a read", map("...g"), read("..x"), shows("..gg")),
  rule(
    "a stack that cannot grow for RLIMIT_AS dies of SEGV_MAPERR",
    map("...G"),
    limit("as", now("VmSize")),
    dies("SIGSEGV MAPERR", write("..A")),
  ),
  rule(
    "an access that no protection allows is SEGV_ACCERR, one without a mapping SEGV_MAPERR",
    map("a_"),
    dies("SIGSEGV ACCERR", write("x")),
    dies("SIGSEGV ACCERR", read(".x")),
    dies("SIGSEGV MAPERR", read("..x")),
  ),
  rule(
    "memory that may only be written, or only executed, can be read",
    map("A", { prot: PROT.WRITE }),
    read("x"),
    map(".A", { prot: PROT.EXEC }),
    read(".x"),
    access(1, "--xp"),
  ),
  rule(
    "an access behind the end of shared anonymous memory is SIGBUS",
    map("S"),
    mremap(at(0), P, pages(2), 0),
    dies("SIGBUS ADRERR", read(".x")),
  ),
  rule(
    "MAP_FIXED_NOREPLACE in a guard gap is granted, and the stack cannot grow into it",
    mmap({ addr: at(8), flags: FIXED | MAP.GROWSDOWN }),
    mmap({ addr: at(4), flags: NOREPLACE }),
    dies("SIGSEGV MAPERR", touch(at(7))),
  ),
  rule(
    "unmapping what a stack bumped into lets it grow again",
    mmap({ addr: at(8), flags: FIXED | MAP.GROWSDOWN }),
    map("....A"),
    dies("SIGSEGV MAPERR", touch(at(7))),
    unmap("....x"),
    touch(at(7)),
    shows(".......GG"),
  ),
]);
