import { MAP, PROT } from "@pagetrail/core";
import { dies, offset, refused, shows } from "./looks.ts";
import { FD, map, mmap, read, unmap, write } from "./operations.ts";
import { rule } from "./processes.ts";
import { section } from "./rule.ts";

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
