import { MAP, MS, PROT } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { refused, shows } from "./looks.ts";
import { FD, lock, map, mincore, mmap, msync } from "./operations.ts";
import { TASK_SIZE } from "./places.ts";
import { NARROW, rule } from "./processes.ts";
import { section } from "./rule.ts";

const P = pages(1);

export const MSYNC_MINCORE = section("msync and mincore", [
  rule(
    "msync: unknown flags are EINVAL",
    map("M"),
    refused("EINVAL", msync(at(0), P, 8)),
    refused("EINVAL", msync(at(0), P, 16)),
  ),
  rule(
    "msync: an address inside a page is EINVAL",
    map("M"),
    refused("EINVAL", msync(at(0, 1), P, MS.ASYNC)),
  ),
  rule(
    "msync: MS_ASYNC and MS_SYNC together are EINVAL",
    map("M"),
    refused("EINVAL", msync(at(0), P, MS.ASYNC | MS.SYNC)),
  ),
  rule("msync: a range that wraps is ENOMEM", refused("ENOMEM", msync(at(0), 2n ** 64n - 4096n, MS.ASYNC))),
  rule("msync: no length is granted", msync(at(0), 0, MS.SYNC), msync(at(0), 2n ** 64n - 1n, MS.SYNC)),
  rule("msync: no flags are granted", map("M"), msync(at(0), P, 0)),
  rule(
    "msync: a hole is ENOMEM",
    map("M.M"),
    refused("ENOMEM", msync(at(0), pages(3), MS.ASYNC)),
    refused("ENOMEM", msync(at(0), pages(3), MS.SYNC)),
    refused("ENOMEM", msync(at(3), P, 0)),
  ),
  rule(
    "msync: MS_INVALIDATE of locked memory is EBUSY",
    map("M"),
    lock("M"),
    refused("EBUSY", msync(at(0), P, MS.INVALIDATE)),
    refused("EBUSY", msync(at(0), P, MS.INVALIDATE | MS.ASYNC)),
    msync(at(0), P, MS.SYNC),
  ),
  rule(
    "msync: EBUSY comes before the ENOMEM of a hole, which is told at the end",
    map(".M"),
    lock(".M"),
    refused("EBUSY", msync(at(0), pages(2), MS.INVALIDATE)),
  ),
  rule(
    "msync: MS_ASYNC alone tells a hole at once",
    map(".M"),
    lock(".M"),
    refused("ENOMEM", msync(at(0), pages(2), MS.ASYNC)),
  ),
  rule(
    "msync: locked memory behind the range's end is none of its business",
    map("AM"),
    lock(".M"),
    msync(at(0), P, MS.INVALIDATE),
  ),
  rule("msync: anonymous memory is granted", map("A"), msync(at(0), P, MS.SYNC)),
  rule(
    "msync: a shared file is written back and stays as it is",
    map("MM"),
    msync(at(0), pages(2), MS.SYNC),
    shows("MM"),
  ),
  rule(
    "msync: a directory of mappings of every kind is granted",
    map("AaSFMTUZ"),
    msync(at(0), pages(8), MS.ASYNC | MS.INVALIDATE),
  ),
  rule("msync: the length is rounded up", map("M"), refused("ENOMEM", msync(at(0), P + 1, MS.ASYNC))),
  rule("mincore: an address inside a page is EINVAL", map("A"), refused("EINVAL", mincore(at(0, 1), P))),
  rule("mincore: a range that leaves user space is ENOMEM", refused("ENOMEM", mincore(TASK_SIZE, P))),
  rule("mincore: nothing mapped is ENOMEM", refused("ENOMEM", mincore(at(0), P))),
  rule("mincore: a hole is ENOMEM", map("A.A"), refused("ENOMEM", mincore(at(0), pages(3)))),
  rule("mincore: no length is granted anywhere", mincore(at(0), 0)),
  rule("mincore: mapped memory of every kind is granted", map("AaSFMTZ_"), mincore(at(0), pages(8))),
  rule(
    "mincore: the length is rounded up",
    map("A"),
    refused("ENOMEM", mincore(at(0), P + 1)),
    mincore(at(0), 1),
  ),
  rule(
    "mincore: a file beyond its end is granted",
    mmap({
      addr: at(0),
      flags: MAP.SHARED | MAP.FIXED,
      prot: PROT.READ,
      fd: FD.file,
      offset: pages(2 ** 20),
    }),
    mincore(at(0), P),
  ),
  rule(
    "msync: a 32-bit range may pass 4 GiB in the kernel's sum: ENOMEM",
    { on: NARROW },
    refused("ENOMEM", msync(0xffffe000, 0x4000, MS.ASYNC)),
  ),
]);
