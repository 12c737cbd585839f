import { MADV, MAP, MCL } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { access, changes, flags, gives, named, offset, refused, shows, size } from "./looks.ts";
import {
  advise,
  attach,
  brk,
  fork,
  forkAndWait,
  limit,
  lock,
  map,
  mlockall,
  mmap,
  mremap,
  now,
  protect,
  seal,
  shmdt,
  touch,
  unmap,
  write,
} from "./operations.ts";
import { TOP } from "./places.ts";
import { rule } from "./processes.ts";
import { section } from "./rule.ts";

const ANON = MAP.PRIVATE | MAP.ANONYMOUS;

export const FORK = section("What a child has of its parent's mappings", [
  rule("a child has the same mappings", map("AAaa_SFM"), fork(), shows("AAaa_SFM")),
  rule(
    "it has the sizes too, but for locked memory",
    map("AA"),
    changes({ VmSize: 0, VmData: 0, VmStk: 0, VmExe: 0, VmLib: 0, VMAs: 0 }, fork()),
  ),
  rule("files keep their offset and name", map("...M"), fork(), offset(3, 3), access(3, "rw-s")),
  rule(
    "shared anonymous memory is the same file",
    map("S"),
    fork(),
    named(0, "/dev/zero (deleted)"),
    map(".S"),
    shows("S|S"),
  ),
  rule(
    "MADV_DONTFORK memory is left out, and the sizes with it",
    map("AAAA"),
    advise(".AA", MADV.DONTFORK),
    changes({ VmSize: -2, VmData: -2, VMAs: -1 }, fork()),
    shows("A..A"),
  ),
  rule(
    "MADV_DONTFORK memory stays with the parent",
    map("AA"),
    advise("AA", MADV.DONTFORK),
    forkAndWait(),
    shows("CC"),
  ),
  rule(
    "MADV_WIPEONFORK memory is there without its anon_vma",
    map("A"),
    write("A"),
    advise("A", MADV.WIPEONFORK),
    fork(),
    flags(0, "rd wr mr mw me ac wf"),
  ),
  rule(
    "wiped memory that nobody of the child wrote to joins what the child maps beside it",
    map("A"),
    write("A"),
    advise("A", MADV.WIPEONFORK),
    fork(),
    map(".A"),
    advise(".A", MADV.WIPEONFORK),
    shows("WW"),
  ),
  rule("droppable memory is there", map("D"), write("D"), fork(), shows("D")),
  rule(
    "locks are not inherited",
    map("AA"),
    lock("AA"),
    fork(),
    flags(0, "rd wr mr mw me ac"),
    size("VmLck", 0),
  ),
  rule("locks on fault are not inherited", map("A"), lock("A", 1), fork(), flags(0, "rd wr mr mw me ac")),
  rule("MCL_FUTURE is not inherited", mlockall(MCL.FUTURE), fork(), map("A"), shows("A")),
  rule(
    "seals, advice and guards are inherited",
    map("AaK"),
    seal("A"),
    advise(".a", MADV.SEQUENTIAL),
    advise("..K", MADV.GUARD_INSTALL),
    fork(),
    shows("EaK"),
    flags(1, "rd mr mw me sr"),
    flags(2, "rd wr mr mw me gu ac nh"),
  ),
  rule(
    "neighbours that only differed by a lock stay two in the child",
    map("AA"),
    lock("A"),
    fork(),
    shows("A|A"),
  ),
  rule("VmPeak of a child starts at what it has", map("AAAA"), unmap("AAAA"), fork(), {
    looks: [peakIsSize],
  }),
  rule(
    "limits pass to a child",
    limit("as", now("VmSize", 1)),
    fork(),
    refused("ENOMEM", map("AA")),
    map("A"),
  ),
  rule(
    "the break passes to a child",
    brk(pages(2)),
    fork(),
    gives(({ start }) => start.brk + pages(3), brk(pages(3))),
  ),
  rule(
    "the place of the next mapping is the same in a child",
    mmap(),
    fork(),
    gives(TOP - pages(2), mmap({ prot: 1 })),
  ),
  rule("memory that grows down grows in a child", map("....G"), fork(), touch(at(2)), shows("..GGG")),
  rule("a child's protection is its own", map("AA"), fork(), protect("a"), shows("aA")),
  rule(
    "a child's moves are its own",
    map("AA"),
    fork(),
    mremap(at(0), pages(2), pages(2), 3, at(4)),
    shows("....AA"),
  ),
  rule(
    "segments are attached in a child",
    attach(at(0), pages(2)),
    fork(),
    shows("YY"),
    shmdt(at(0)),
    shows(".."),
  ),
  rule(
    "an accounted mapping stays so",
    map("A"),
    write("A"),
    protect("a"),
    fork(),
    flags(0, "rd mr mw me ac"),
  ),
  rule(
    "huge pages are inherited",
    mmap({ addr: at(0), length: pages(512), flags: ANON | MAP.FIXED | MAP.HUGETLB | MAP.NORESERVE }),
    fork(),
    flags(0, "rd wr mr mw me de nr ht"),
  ),
  rule(
    "a grandchild has what is left of it all",
    map("AAAA"),
    fork(),
    unmap("x"),
    fork(),
    unmap("...x"),
    shows(".AA."),
  ),
  rule(
    "the parent's mappings stay whole while its child dies",
    map("AAaa"),
    write("AA"),
    changes({ VMAs: 0, VmSize: 0 }, forkAndWait()),
    shows("AAaa"),
  ),
]);

function peakIsSize({ sizes }: { readonly sizes: Readonly<Record<string, number>> }): string | undefined {
  return sizes.VmPeak === sizes.VmSize ? undefined : `VmPeak is ${sizes.VmPeak}, VmSize ${sizes.VmSize}`;
}
