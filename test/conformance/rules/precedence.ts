import { MADV, MAP, MCL, MREMAP, MS } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { changes, refused, shows } from "./looks.ts";
import {
  advise,
  FD,
  limit,
  lock,
  madvise,
  map,
  mapped,
  mincore,
  mlock,
  mlockall,
  mmap,
  mprotect,
  mremap,
  mseal,
  msync,
  munmap,
  now,
  prctl,
  protect,
  request,
  seal,
  unprivileged,
} from "./operations.ts";
import { addressOfSpecial, TASK_SIZE } from "./places.ts";
import { DISK, ROOT, rule } from "./processes.ts";
import { does, section } from "./rule.ts";

const P = pages(1);
const ANON = MAP.PRIVATE | MAP.ANONYMOUS;
const FIXED = ANON | MAP.FIXED;
const NOREPLACE = ANON | MAP.FIXED_NOREPLACE;
const HUGE = FIXED | MAP.HUGETLB | MAP.NORESERVE;
const TO = MREMAP.MAYMOVE | MREMAP.FIXED;
const FAR = 2n ** 63n - 4096n;
const poor = (bytes: number) => [limit("memlock", bytes, bytes), unprivileged()];
const mdwe = prctl(65, 1);

/** Which of two refusals a call with two mistakes meets first. */
export const PRECEDENCE = section("Which of two refusals comes first", [
  rule(
    "mmap: EINVAL for the offset before EINVAL, ENOMEM and EOVERFLOW for the length",
    refused("EINVAL", mmap({ offset: 1, length: 2n ** 64n - 1n, fd: FD.file })),
  ),
  rule(
    "mmap: EBADF before ENOMEM for the length",
    refused("EBADF", mmap({ length: TASK_SIZE * 2, fd: FD.closed })),
  ),
  rule(
    "mmap: ENOMEM for the length before EEXIST",
    map("A"),
    refused("ENOMEM", mmap({ addr: at(0), length: TASK_SIZE, flags: NOREPLACE })),
  ),
  rule(
    "mmap: ENOMEM for the range before EPERM for the address",
    { needs: [ROOT] },
    unprivileged(),
    refused("ENOMEM", mmap({ addr: 0, length: TASK_SIZE + P, flags: FIXED })),
  ),
  rule(
    "mmap: EPERM for a low address before EEXIST",
    { needs: [ROOT] },
    mmap({ addr: 0, flags: FIXED }),
    unprivileged(),
    refused("EPERM", mmap({ addr: 0, flags: NOREPLACE })),
  ),
  rule(
    "mmap: EINVAL for an unaligned address before EEXIST",
    map("A"),
    refused("EINVAL", mmap({ addr: at(0, 1), flags: NOREPLACE })),
  ),
  rule(
    "mmap: EEXIST before EPERM for MAP_LOCKED",
    { needs: [ROOT] },
    map("A"),
    poor(0),
    refused("EEXIST", mmap({ addr: at(0), flags: NOREPLACE | MAP.LOCKED })),
  ),
  rule(
    "mmap: EPERM for MAP_LOCKED before EAGAIN",
    { needs: [ROOT] },
    poor(0),
    refused("EPERM", mapped(MAP.PRIVATE | MAP.LOCKED, { length: pages(9) })),
  ),
  rule(
    "mmap: EAGAIN before EOVERFLOW",
    { needs: [ROOT] },
    poor(P),
    refused(
      "EAGAIN",
      mmap({ fd: FD.file, flags: MAP.PRIVATE | MAP.LOCKED, prot: 1, offset: FAR, length: pages(2) }),
    ),
  ),
  rule(
    "mmap: EOVERFLOW before EOPNOTSUPP",
    refused(
      "EOVERFLOW",
      mmap({
        fd: FD.file,
        flags: MAP.SHARED_VALIDATE | MAP.FIXED_NOREPLACE,
        addr: at(0),
        prot: 1,
        offset: FAR,
        length: pages(2),
      }),
    ),
  ),
  rule(
    "mmap: EOPNOTSUPP for a flag before EACCES",
    refused("EOPNOTSUPP", mmap({ fd: FD.fileReadOnly, flags: MAP.SHARED_VALIDATE | 0x400000 })),
    refused("EOPNOTSUPP", mmap({ fd: FD.memfdReadOnly, flags: MAP.SHARED_VALIDATE | MAP.SYNC })),
  ),
  rule(
    "mmap: a file system knows MAP_SYNC, so that EACCES comes before its own EOPNOTSUPP",
    { needs: [DISK] },
    refused("EACCES", mmap({ fd: FD.fileReadOnly, flags: MAP.SHARED_VALIDATE | MAP.SYNC })),
    refused("EOPNOTSUPP", mmap({ fd: FD.file, flags: MAP.SHARED_VALIDATE | MAP.SYNC })),
  ),
  rule(
    "mmap: MAP_SYNC that only the file system refuses leaves a hole",
    { needs: [DISK] },
    map("AAA"),
    refused(
      "EOPNOTSUPP",
      mmap({ addr: at(1), fd: FD.file, flags: MAP.SHARED_VALIDATE | MAP.SYNC | MAP.FIXED }),
    ),
    shows("A.A"),
  ),
  rule(
    "mmap: EACCES for reading before ENODEV, EPERM and EINVAL",
    refused("EACCES", mmap({ fd: FD.memfdWriteOnly, flags: MAP.PRIVATE | MAP.GROWSDOWN, prot: 7 })),
  ),
  rule(
    "mmap: EINVAL for MAP_GROWSDOWN before EPERM for a sealed memfd",
    refused("EINVAL", mmap({ fd: FD.sealed, flags: MAP.SHARED | MAP.GROWSDOWN })),
  ),
  rule(
    "mmap: EPERM for a sealed memfd before EACCES for PR_SET_MDWE",
    mdwe,
    refused("EPERM", mmap({ fd: FD.sealed, flags: MAP.SHARED, prot: 7 })),
  ),
  rule(
    "mmap: EINVAL for the type before EACCES for PR_SET_MDWE",
    mdwe,
    refused("EINVAL", mapped(0, { prot: 7 })),
  ),
  rule(
    "mmap: EACCES for PR_SET_MDWE before ENOMEM for a limit",
    mdwe,
    limit("as", now("VmSize")),
    refused("EACCES", mmap({ prot: 7 })),
  ),
  rule(
    "mmap: EPERM for a seal before ENOMEM for a limit",
    map("A"),
    seal("A"),
    limit("as", now("VmSize")),
    refused("EPERM", mmap({ addr: at(0), length: pages(9), flags: FIXED })),
  ),
  rule(
    "mmap: ENOMEM for a limit before the file's own refusal",
    { needs: [DISK] },
    limit("as", now("VmSize")),
    refused("ENOMEM", mmap({ fd: FD.file, flags: MAP.PRIVATE | MAP.SYNC, prot: 1 })),
  ),
  rule(
    "mmap: EINVAL for special memory in the way before ENOMEM for a limit",
    limit("as", now("VmSize")),
    refused(
      "EINVAL",
      does((scene) =>
        request(
          {
            call: "mmap",
            addr: addressOfSpecial(scene, "[vdso]") + P,
            length: pages(9),
            prot: 0,
            flags: FIXED,
            offset: 0,
            file: 0,
          },
          -1,
        ),
      ),
    ),
  ),
  rule(
    "munmap: EINVAL for the range before EPERM",
    map("A"),
    seal("A"),
    refused("EINVAL", munmap(at(0), TASK_SIZE)),
  ),
  rule(
    "munmap: EPERM for a sealed mapping before EINVAL for cutting special memory",
    does((scene) =>
      request({ call: "mseal", addr: addressOfSpecial(scene, "[vdso]"), length: pages(2), flags: 0 }),
    ),
    refused(
      "EPERM",
      does((scene) => request({ call: "munmap", addr: addressOfSpecial(scene, "[vdso]"), length: P })),
    ),
  ),
  rule(
    "munmap: EINVAL for cutting the first mapping before EPERM for a later one",
    mmap({ addr: at(0), length: pages(512), flags: HUGE }),
    map(`${".".repeat(512)}A`),
    seal(`${".".repeat(512)}A`),
    refused("EINVAL", munmap(at(1), pages(512))),
  ),
  rule(
    "mprotect: EINVAL for growing both ways before EINVAL for the address and 0 for no length",
    refused("EINVAL", mprotect(at(0, 3), 0, 0x3000001)),
  ),
  rule(
    "mprotect: ENOMEM for a wrap before EINVAL for bits",
    refused("ENOMEM", mprotect(at(0), 2n ** 64n - 4096n, 0x100)),
  ),
  rule("mprotect: EINVAL for bits before ENOMEM for a hole", refused("EINVAL", mprotect(at(0), P, 0x100))),
  rule(
    "mprotect: ENOMEM for a hole at the start before EINVAL for PROT_GROWSUP",
    refused("ENOMEM", mprotect(at(0), P, 0x2000001)),
  ),
  rule(
    "mprotect: EACCES for PR_SET_MDWE before EPERM for a seal",
    map("a"),
    seal("a"),
    mdwe,
    refused("EACCES", mprotect(at(0), P, 5)),
  ),
  rule(
    "mprotect: EPERM for a seal before ENOMEM for a limit",
    map("a"),
    seal("a"),
    limit("data", 0, 0),
    refused("EPERM", protect("A")),
  ),
  rule(
    "mprotect: a refusal for an early mapping before the hole behind it",
    map("a.a"),
    seal("a"),
    refused("EPERM", mprotect(at(0), pages(3), 3)),
  ),
  rule(
    "mprotect: ENOMEM for a limit before EINVAL for cutting special memory",
    mmap({ addr: at(0), length: pages(512), flags: HUGE, prot: 1 }),
    limit("data", 0, 0),
    refused("ENOMEM", mprotect(at(0), P, 3)),
  ),
  rule("mremap: EINVAL for flags before EFAULT", refused("EINVAL", mremap(at(0), P, P, 16))),
  rule(
    "mremap: EINVAL for the new address before EFAULT",
    refused("EINVAL", mremap(at(0), P, P, TO, at(0, 1))),
  ),
  rule(
    "mremap: EINVAL for an overlap before EPERM for a seal",
    map("AA"),
    seal("AA"),
    refused("EINVAL", mremap(at(0), pages(2), pages(2), TO, at(1))),
  ),
  rule(
    "mremap: EFAULT for nothing mapped before EINVAL for an old length of 0",
    refused("EFAULT", mremap(at(0), 0, P, MREMAP.MAYMOVE)),
  ),
  rule(
    "mremap: EPERM for a seal before EINVAL for an old length of 0",
    map("A"),
    seal("A"),
    refused("EPERM", mremap(at(0), 0, P, MREMAP.MAYMOVE)),
  ),
  rule(
    "mremap: EPERM for a seal before EFAULT for crossing",
    map("A"),
    seal("A"),
    refused("EPERM", mremap(at(0), pages(2), pages(3), MREMAP.MAYMOVE)),
  ),
  rule(
    "mremap: EPERM for a seal before EINVAL for huge pages",
    mmap({ addr: at(0), length: pages(512), flags: HUGE }),
    mseal(at(0), pages(512)),
    refused("EPERM", mremap(at(1), P, pages(2), MREMAP.MAYMOVE)),
  ),
  rule(
    "mremap: EINVAL for huge pages before EFAULT for crossing",
    mmap({ addr: at(0), length: pages(512), flags: HUGE }),
    refused("EINVAL", mremap(at(0), pages(1024), pages(2048), MREMAP.MAYMOVE)),
  ),
  rule(
    "mremap: EINVAL for an old length of 0 before EAGAIN",
    { needs: [ROOT] },
    map("A"),
    lock("A"),
    poor(P),
    refused("EINVAL", mremap(at(0), 0, pages(9), MREMAP.MAYMOVE)),
  ),
  rule(
    "mremap: EINVAL for MREMAP_DONTUNMAP of special memory before EFAULT for crossing",
    refused(
      "EINVAL",
      does((scene) =>
        request({
          call: "mremap",
          addr: addressOfSpecial(scene, "[vdso]"),
          oldLength: pages(9),
          newLength: pages(9),
          flags: 5,
          newAddr: 0,
        }),
      ),
    ),
  ),
  rule(
    "mremap: EFAULT for crossing before EAGAIN",
    { needs: [ROOT] },
    map("A"),
    lock("A"),
    poor(P),
    refused("EFAULT", mremap(at(0), pages(2), pages(9), MREMAP.MAYMOVE)),
  ),
  rule(
    "mremap: EAGAIN before ENOMEM for a limit",
    { needs: [ROOT] },
    map("A"),
    lock("A"),
    poor(P),
    limit("as", now("VmSize")),
    refused("EAGAIN", mremap(at(0), P, pages(2), 0)),
  ),
  rule(
    "mremap: ENOMEM for a limit before ENOMEM for no room, either way nothing moves",
    map("Aa"),
    limit("as", now("VmSize")),
    refused("ENOMEM", mremap(at(0), P, pages(2), 0)),
    shows("Aa"),
  ),
  rule(
    "mremap: the target is unmapped before what the source refuses later",
    map("A...SS"),
    limit("as", now("VmSize", 1)),
    refused("ENOMEM", mremap(at(0), P, pages(4), TO, at(2))),
    shows("A...SS"),
  ),
  rule("madvise: EINVAL for the advice before 0 for no length", refused("EINVAL", madvise(at(0), 0, 6))),
  rule("madvise: EINVAL for the range before ENOMEM", refused("EINVAL", madvise(at(0, 1), P, MADV.NORMAL))),
  rule(
    "madvise: EPERM for a seal before EINVAL for a lock",
    map("a"),
    lock("a"),
    seal("l"),
    refused("EPERM", advise("l", MADV.DONTNEED)),
  ),
  rule(
    "madvise: an error before ENOMEM for a hole in front of it",
    map("..S"),
    refused("EINVAL", madvise(at(0), pages(3), MADV.WIPEONFORK)),
  ),
  rule(
    "mlock: EINVAL for flags before EPERM",
    { needs: [ROOT] },
    poor(0),
    refused("EINVAL", mlock(at(0), P, 4)),
  ),
  rule(
    "mlock: EPERM before ENOMEM for a limit",
    { needs: [ROOT] },
    poor(0),
    refused("EPERM", mlock(at(0), pages(99))),
  ),
  rule(
    "mlock: ENOMEM for a limit before EINVAL for a wrap",
    { needs: [ROOT] },
    poor(P),
    refused("ENOMEM", mlock(at(0), 2n ** 64n - 8192n)),
  ),
  rule(
    "mlock: EINVAL for a wrap where no limit binds",
    { needs: [ROOT] },
    refused("EINVAL", mlock(at(0), 2n ** 64n - 8192n)),
  ),
  rule(
    "mlock: ENOMEM for a hole before ENOMEM for no access",
    map("_.A"),
    changes({ VmLck: 1 }, refused("ENOMEM", mlock(at(0), pages(3)))),
  ),
  rule(
    "mlockall: EINVAL before EPERM before ENOMEM",
    { needs: [ROOT] },
    poor(0),
    refused("EINVAL", mlockall(MCL.ONFAULT)),
    refused("EPERM", mlockall(MCL.CURRENT)),
    limit("memlock", 0, 0),
  ),
  rule(
    "msync: EINVAL for flags, address and both ways before ENOMEM",
    refused("EINVAL", msync(at(0), 2n ** 64n - 4096n, 8)),
    refused("EINVAL", msync(at(0, 1), 2n ** 64n - 4096n, 0)),
    refused("EINVAL", msync(at(0), 2n ** 64n - 4096n, MS.ASYNC | MS.SYNC)),
  ),
  rule("mincore: EINVAL before ENOMEM", refused("EINVAL", mincore(at(0, 1), P))),
  rule(
    "mseal: EINVAL before ENOMEM",
    refused("EINVAL", mseal(at(0), P, 1)),
    refused("EINVAL", mseal(at(0, 1), P)),
  ),
]);
