import { MADV, MAP, MREMAP, MS, PROT } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { changes, flags, named, refused, shows, size } from "./looks.ts";
import {
  advise,
  FD,
  fork,
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
  protect,
  read,
  seal,
  unlock,
  unmap,
  unprivileged,
  write,
} from "./operations.ts";
import { ROOT, rule } from "./processes.ts";
import { type Step, section } from "./rule.ts";

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
