import { MAP, MCL, PROT } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { access, changes, flags, gives, refused, shows, size } from "./looks.ts";
import {
  FD,
  limit,
  map,
  mapped,
  mlockall,
  mmap,
  mmapping,
  mprotect,
  now,
  personality,
  prctl,
  seal,
  unmap,
  unprivileged,
} from "./operations.ts";
import { addressOfSpecial, TASK_SIZE } from "./places.ts";
import { DISK, EMPTY_POOL, NARROW, ROOT, rule } from "./processes.ts";
import { does, section } from "./rule.ts";

const ANON = MAP.PRIVATE | MAP.ANONYMOUS;
const FIXED = ANON | MAP.FIXED;
const NOREPLACE = ANON | MAP.FIXED_NOREPLACE;
const WHOLE = 1n << 64n;
const PR_SET_MDWE = 65;
const PERSONA = { READ_IMPLIES_EXEC: 0x0400000, ADDR_NO_RANDOMIZE: 0x0040000 };
const impliesExec = personality(PERSONA.READ_IMPLIES_EXEC | PERSONA.ADDR_NO_RANDOMIZE);

export const MMAP_CHECKS = section("mmap: the order of its checks", [
  rule("an offset inside a page is EINVAL, for anonymous memory too", refused("EINVAL", mmap({ offset: 1 }))),
  rule(
    "an offset inside a page is EINVAL before the descriptor is looked at",
    refused("EINVAL", mmap({ offset: 0x800, fd: FD.closed })),
  ),
  rule(
    "a descriptor that is not open is EBADF before the length is looked at",
    refused("EBADF", mmap({ length: 0, fd: FD.closed })),
  ),
  rule(
    "a descriptor beside MAP_ANONYMOUS is not looked at",
    mmap({ fd: FD.closed, flags: ANON }),
    mmap({ fd: FD.directory, flags: ANON }),
  ),
  rule(
    "MAP_HUGETLB on an ordinary file is EINVAL, before the length is looked at",
    refused("EINVAL", mmap({ fd: FD.memfd, flags: MAP.PRIVATE | MAP.HUGETLB, length: 0 })),
    refused("EINVAL", mmap({ fd: FD.file, flags: MAP.SHARED | MAP.HUGETLB })),
  ),
  rule(
    "a huge page size that the machine does not have is EINVAL",
    refused("EINVAL", mapped(MAP.PRIVATE | MAP.HUGETLB | (22 << 26))),
    refused("EINVAL", mapped(MAP.PRIVATE | MAP.HUGETLB | (16 << 26))),
  ),
  rule(
    "huge pages that are not reserved need no pool, and their length is rounded up to 2 MiB",
    changes({ VmSize: 512, VmData: 512 }, mapped(MAP.PRIVATE | MAP.HUGETLB | MAP.NORESERVE)),
    changes({ VmSize: 1024 }, mapped(MAP.PRIVATE | MAP.HUGETLB | MAP.NORESERVE, { length: pages(513) })),
  ),
  rule(
    "huge pages from an empty pool are ENOMEM",
    { needs: [EMPTY_POOL] },
    refused("ENOMEM", mapped(MAP.PRIVATE | MAP.HUGETLB)),
    refused("ENOMEM", mapped(MAP.PRIVATE | MAP.HUGETLB | (21 << 26))),
  ),
  rule(
    "an empty pool is told of last, and leaves a hole: the type is EINVAL before it",
    { needs: [EMPTY_POOL] },
    map("AAA"),
    refused("EINVAL", mapped(MAP.HUGETLB)),
    refused("ENOMEM", mapped(MAP.PRIVATE | MAP.HUGETLB | MAP.FIXED, { addr: at(0), length: pages(512) })),
    shows("..."),
  ),
  rule(
    "a fixed address of huge pages that is no multiple of 2 MiB is EINVAL",
    refused(
      "EINVAL",
      mapped(MAP.PRIVATE | MAP.HUGETLB | MAP.NORESERVE | MAP.FIXED, { addr: at(1), length: pages(512) }),
    ),
  ),
  rule("a length of 0 is EINVAL", refused("EINVAL", mmap({ length: 0 }))),
  rule(
    "a length of 0 is EINVAL before an address that is too high is looked at",
    refused("EINVAL", mmap({ length: 0, addr: TASK_SIZE, flags: FIXED })),
  ),
  rule(
    "a length that wraps to 0 when it is rounded up is ENOMEM",
    refused("ENOMEM", mmap({ length: WHOLE - 1n })),
    refused("ENOMEM", mmap({ length: WHOLE - 4095n })),
  ),
  rule(
    "a length of all but a page of 64 bits is ENOMEM: it is longer than user space",
    refused("ENOMEM", mmap({ length: WHOLE - 4096n })),
  ),
  rule(
    "a length of user space and a page more is ENOMEM, and so is one that just has no room",
    refused("ENOMEM", mmap({ length: TASK_SIZE + pages(1) })),
    refused("ENOMEM", mmap({ length: TASK_SIZE })),
  ),
  rule(
    "READ_IMPLIES_EXEC makes readable memory executable",
    impliesExec,
    map("a"),
    access(0, "r-xp"),
    map("..A"),
    access(2, "rwxp"),
  ),
  rule(
    "READ_IMPLIES_EXEC leaves memory as it is that may only be written, or not be accessed",
    impliesExec,
    map("A", { prot: PROT.WRITE }),
    access(0, "-w-p"),
    map(".._"),
    access(2, "---p"),
  ),
  rule(
    "READ_IMPLIES_EXEC holds for files too",
    impliesExec,
    map("t"),
    access(0, "r-xp"),
    map("..f"),
    access(2, "r-xp"),
  ),
  rule("MAP_FIXED_NOREPLACE alone fixes the address", gives(at(3), mmap({ addr: at(3), flags: NOREPLACE }))),
  rule(
    "MAP_FIXED_NOREPLACE of an address inside a page is EINVAL",
    refused("EINVAL", mmap({ addr: at(3, 1), flags: NOREPLACE })),
  ),
  rule("a fixed address inside a page is EINVAL", refused("EINVAL", mmap({ addr: at(0, 1), flags: FIXED }))),
  rule(
    "a fixed range that leaves user space is ENOMEM",
    refused("ENOMEM", mmap({ addr: TASK_SIZE, flags: FIXED })),
    refused("ENOMEM", mmap({ addr: TASK_SIZE - pages(1), length: pages(2), flags: FIXED })),
    refused("ENOMEM", mmap({ addr: WHOLE - 4096n, flags: FIXED })),
  ),
  rule(
    "a fixed range that leaves user space is ENOMEM rather than EINVAL where it is unaligned as well",
    refused("ENOMEM", mmap({ addr: TASK_SIZE - pages(1) + 1, length: pages(2), flags: FIXED })),
  ),
  rule(
    "the last page below TASK_SIZE can be mapped",
    gives(TASK_SIZE - pages(1), mmap({ addr: TASK_SIZE - pages(1), flags: FIXED })),
  ),
  rule(
    "a fixed address below vm.mmap_min_addr is EPERM without CAP_SYS_RAWIO",
    { needs: [ROOT] },
    unprivileged(),
    refused("EPERM", mmap({ addr: 0, flags: FIXED })),
    refused("EPERM", mmap({ addr: 0, flags: NOREPLACE })),
  ),
  rule(
    "a fixed address below vm.mmap_min_addr is free to whoever has CAP_SYS_RAWIO",
    { needs: [ROOT] },
    gives(0, mmap({ addr: 0, flags: FIXED })),
  ),
  rule(
    "a fixed address of vm.mmap_min_addr itself needs no capability, though hints stay above 64 KiB",
    { needs: [ROOT] },
    unprivileged(),
    gives(0x1000, mmap({ addr: 0x1000, flags: FIXED })),
    gives(0xf000, mmap({ addr: 0xf000, flags: FIXED })),
  ),
  rule(
    "an unaligned address below vm.mmap_min_addr is EINVAL rather than EPERM",
    { needs: [ROOT] },
    unprivileged(),
    refused("EINVAL", mmap({ addr: 1, flags: FIXED })),
  ),
  rule(
    "MAP_FIXED_NOREPLACE over any part of a mapping is EEXIST, and leaves it",
    map(".AA"),
    refused("EEXIST", mmap({ addr: at(0), length: pages(2), flags: NOREPLACE })),
    refused("EEXIST", mmap({ addr: at(2), length: pages(2), flags: NOREPLACE })),
    shows(".AA."),
  ),
  rule(
    "MAP_FIXED_NOREPLACE is honoured beside MAP_FIXED",
    map("A"),
    refused("EEXIST", mmap({ addr: at(0), flags: NOREPLACE | MAP.FIXED })),
  ),
  rule(
    "EEXIST comes before the mapping type is looked at",
    map("A"),
    refused("EEXIST", mmap({ addr: at(0), flags: MAP.ANONYMOUS | MAP.FIXED_NOREPLACE })),
  ),
  rule(
    "EEXIST comes before the file's permissions are looked at",
    map("A"),
    refused("EEXIST", mmap({ addr: at(0), flags: MAP.SHARED | MAP.FIXED_NOREPLACE, fd: FD.fileReadOnly })),
  ),
  rule(
    "MAP_LOCKED with a limit of 0 is EPERM without CAP_IPC_LOCK, before the mapping type is looked at",
    { needs: [ROOT] },
    limit("memlock", 0, 0),
    unprivileged(),
    refused("EPERM", mapped(MAP.LOCKED)),
    refused("EPERM", mapped(MAP.PRIVATE | MAP.LOCKED)),
  ),
  rule(
    "MAP_LOCKED beyond the limit is EAGAIN without CAP_IPC_LOCK",
    { needs: [ROOT] },
    limit("memlock", pages(2), pages(2)),
    unprivileged(),
    mapped(MAP.PRIVATE | MAP.LOCKED, { length: pages(2) }),
    refused("EAGAIN", mapped(MAP.PRIVATE | MAP.LOCKED)),
  ),
  rule(
    "MAP_LOCKED beyond the limit is granted to whoever has CAP_IPC_LOCK",
    { needs: [ROOT] },
    limit("memlock", 0, 0),
    changes({ VmLck: 4 }, mapped(MAP.PRIVATE | MAP.LOCKED, { length: pages(4) })),
  ),
  rule(
    "after mlockall(MCL_FUTURE) a mapping beyond the limit is EAGAIN, locked or not",
    { needs: [ROOT] },
    limit("memlock", pages(2), pages(2)),
    unprivileged(),
    mlockall(MCL.FUTURE),
    refused("EAGAIN", mmap({ length: pages(3) })),
    changes({ VmLck: 2 }, mmap({ length: pages(2) })),
  ),
  rule(
    "EAGAIN for locked memory comes before the mapping type is looked at",
    { needs: [ROOT] },
    limit("memlock", pages(1), pages(1)),
    unprivileged(),
    refused("EAGAIN", mapped(MAP.LOCKED, { length: pages(2) })),
  ),
  rule(
    "MAP_NORESERVE marks the mapping, and leaves it out of what is committed",
    map("N"),
    flags(0, "rd wr mr mw me nr"),
  ),
  rule(
    "PR_SET_MDWE refuses memory that is writable and executable at once: EACCES",
    prctl(PR_SET_MDWE, 1),
    refused("EACCES", mmap({ prot: PROT.WRITE | PROT.EXEC })),
    mmap({ prot: PROT.READ | PROT.EXEC }),
    mmap(),
  ),
  rule(
    "PR_SET_MDWE looks at the protection asked for, though a shared mapping is meant as well",
    prctl(PR_SET_MDWE, 1),
    refused("EACCES", mmap({ prot: 7, flags: MAP.SHARED, fd: FD.memfd })),
  ),
  rule(
    "PR_SET_MDWE refuses before a sealed mapping in the way does",
    map("A"),
    seal("A"),
    prctl(PR_SET_MDWE, 1),
    refused("EACCES", map("A", { prot: 7 })),
  ),
  rule(
    "a sealed mapping in the way of MAP_FIXED is EPERM",
    map("AAAA"),
    seal(".AA."),
    refused("EPERM", map("..A")),
    refused("EPERM", map("AAAA")),
    shows("AEEA"),
  ),
  rule(
    "MAP_FIXED over a part of a special mapping is EINVAL",
    refused(
      "EINVAL",
      does((scene) => mmapping({ addr: addressOfSpecial(scene, "[vvar]") + pages(1), flags: FIXED })),
    ),
  ),
  rule(
    "MAP_FIXED may replace a special mapping as a whole",
    changes(
      { VMAs: 0 },
      does((scene) =>
        mmapping({ addr: addressOfSpecial(scene, "[vvar_vclock]"), length: pages(2), flags: FIXED }),
      ),
    ),
  ),
  rule(
    "a MAP_FIXED that RLIMIT_AS refuses leaves the cuts at both ends of its range",
    map("AAAAAA"),
    limit("as", now("VmSize")),
    refused("ENOMEM", mmap({ addr: at(2), length: pages(6), flags: FIXED })),
    shows("AA|AAAA.."),
  ),
  rule(
    "a MAP_FIXED that needs no more pages than it replaces passes RLIMIT_AS",
    map("AAAAAA"),
    limit("as", now("VmSize")),
    changes({ VmSize: 0 }, map("..AA")),
    shows("AAAAAA"),
    refused("ENOMEM", mmap({ addr: at(2), length: pages(5), flags: FIXED })),
  ),
  rule(
    "a sealed mapping at the end of the range leaves the cut at its start",
    map("AAAAAA"),
    seal("....AA"),
    refused("EPERM", map("..AAA")),
    shows("AA|AAEE"),
  ),
  rule(
    "a file whose own hook refuses leaves a hole where its range was",
    { needs: [DISK] },
    map("AAAAAA"),
    changes({ VmSize: -2 }, refused("EOPNOTSUPP", map("..FF", { flags: MAP.SYNC }))),
    shows("AA..AA"),
  ),
  rule(
    "a mapping that goes through replaces what its fixed range held",
    map("AAAA"),
    changes({ VmSize: 0, VmData: -2 }, map(".aa.")),
    shows("AaaA"),
  ),
  rule(
    "a replaced part of a shared file leaves the rest at its offset",
    map("UUUU"),
    map(".a"),
    shows("UaUU"),
  ),
  rule(
    "a 32-bit call gives its offset in pages, so that none is unaligned",
    { on: NARROW },
    gives(at(1), mmap({ addr: at(1), flags: MAP.SHARED | MAP.FIXED, fd: FD.memfd, offset: pages(3) })),
  ),
  rule(
    "a 32-bit fixed range that leaves user space is ENOMEM",
    { on: NARROW },
    refused("ENOMEM", mmap({ addr: 0xffffe000, flags: FIXED })),
    refused("EEXIST", mmap({ addr: 0xffffd000, flags: NOREPLACE })),
  ),
  rule(
    "a refused mapping changes no size",
    changes({ VmSize: 0, VmData: 0, VMAs: 0 }, refused("EINVAL", mapped(0))),
    changes({ VmSize: 0, VmPeak: 0 }, refused("ENOMEM", mmap({ length: TASK_SIZE }))),
    size("VmLck", 0),
  ),
  rule(
    "what was unmapped can be mapped again where it was",
    map("AAAA"),
    unmap(".AA."),
    gives(at(1), mmap({ addr: at(1), length: pages(2), flags: NOREPLACE })),
    shows("AAAA"),
  ),
  rule(
    "the protection bits beyond reading, writing and executing are passed over",
    mmap({ addr: at(0), flags: FIXED, prot: 0x1000003 }),
    access(0, "rw-p"),
    mmap({ addr: at(2), flags: FIXED, prot: 0x10 }),
    access(2, "---p"),
    mmap({ addr: at(4), flags: FIXED, prot: 8 | PROT.READ }),
    access(4, "r--p"),
    refused("EINVAL", mprotect(at(0), pages(1), 0x10)),
  ),
]);
