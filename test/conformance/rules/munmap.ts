import { MAP, MREMAP } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { changes, flags, offset, refused, shows } from "./looks.ts";
import { attach, fork, lock, map, mmap, munmap, request, seal, unmap, write } from "./operations.ts";
import { addressOfSpecial, TASK_SIZE } from "./places.ts";
import { NARROW, rule } from "./processes.ts";
import { does, section } from "./rule.ts";

const ANON = MAP.PRIVATE | MAP.ANONYMOUS;
const HUGE = ANON | MAP.FIXED | MAP.HUGETLB | MAP.NORESERVE;

export const MUNMAP = section("munmap", [
  rule("an address inside a page is EINVAL", map("A"), refused("EINVAL", munmap(at(0, 1), pages(1)))),
  rule("an address above TASK_SIZE is EINVAL", refused("EINVAL", munmap(TASK_SIZE + pages(1), pages(1)))),
  rule("TASK_SIZE itself has no page to unmap: EINVAL", refused("EINVAL", munmap(TASK_SIZE, pages(1)))),
  rule("a range that leaves user space is EINVAL", refused("EINVAL", munmap(at(0), TASK_SIZE))),
  rule("a range without a mapping near TASK_SIZE is granted", munmap(TASK_SIZE - pages(256), pages(200))),
  rule("a length that wraps is EINVAL", refused("EINVAL", munmap(at(0), 2n ** 64n - 1n))),
  rule("a length of 0 is EINVAL", map("A"), refused("EINVAL", munmap(at(0), 0))),
  rule("a length of 0 at TASK_SIZE is EINVAL", refused("EINVAL", munmap(TASK_SIZE, 0))),
  rule("a range without a mapping is granted", munmap(at(0), pages(4))),
  rule("a range with holes is granted", map("A.A.A"), unmap("xxxxx"), shows(".....")),
  rule("a length is rounded up to whole pages", map("AAA"), munmap(at(1), 1), shows("A.A")),
  rule("a whole mapping goes", map("AA"), changes({ VMAs: -1, VmSize: -2, VmData: -2 }, unmap("xx"))),
  rule(
    "the start of a mapping is cut off",
    map("AAAA"),
    changes({ VMAs: 0, VmSize: -1 }, unmap("x...")),
    shows(".AAA"),
  ),
  rule(
    "the end of a mapping is cut off",
    map("AAAA"),
    changes({ VMAs: 0, VmSize: -1 }, unmap("...x")),
    shows("AAA."),
  ),
  rule(
    "the middle of a mapping leaves two",
    map("AAAA"),
    changes({ VMAs: 1, VmSize: -2 }, unmap(".xx.")),
    shows("A..A"),
  ),
  rule("several mappings go in part and as a whole", map("AAaaSS"), unmap(".xxxx."), shows("A....S")),
  rule("what is left of a file keeps its offset", map("FFFF"), unmap("xx"), offset(2, 2), shows("..FF")),
  rule("what is left merges with nothing", map("AAaa"), unmap("..x"), unmap(".x"), shows("A..a")),
  rule(
    "the halves of a mapping keep its flags",
    map("KKKK"),
    unmap(".xx"),
    flags(0, "rd wr mr mw me ac nh"),
    flags(3, "rd wr mr mw me ac nh"),
  ),
  rule(
    "locked memory that goes no longer counts",
    map("AAAA"),
    lock("LLLL"),
    changes({ VmLck: -2 }, unmap(".xx")),
  ),
  rule("VmPeak keeps the size there was", map("AAAA"), changes({ VmPeak: 0, VmSize: -4 }, unmap("xxxx"))),
  rule(
    "a sealed mapping does not go: EPERM",
    map("AA"),
    seal("AA"),
    refused("EPERM", unmap("xx")),
    shows("EE"),
  ),
  rule(
    "a part of a sealed mapping does not go",
    map("AAAA"),
    seal("AAAA"),
    refused("EPERM", unmap(".xx")),
    shows("EEEE"),
  ),
  rule(
    "a sealed mapping anywhere in the range keeps all of it",
    map("AAaaAA"),
    seal("..aa"),
    refused("EPERM", unmap("xxxxxx")),
    shows("AAeeAA"),
  ),
  rule(
    "a refusal for a seal leaves the cut at the start of the range",
    map("AAAA"),
    seal("...A"),
    refused("EPERM", unmap(".xxx")),
    shows("A|AAE"),
  ),
  rule(
    "a range that starts at a mapping leaves no cut",
    map("AAAA"),
    seal("...A"),
    refused("EPERM", unmap("xxxx")),
    shows("AAAE"),
  ),
  rule(
    "a part of a special mapping is EINVAL",
    refused(
      "EINVAL",
      does((scene) => request({ call: "munmap", addr: addressOfSpecial(scene, "[vvar]"), length: pages(1) })),
    ),
    refused(
      "EINVAL",
      does((scene) =>
        request({ call: "munmap", addr: addressOfSpecial(scene, "[vdso]") + pages(1), length: pages(1) }),
      ),
    ),
  ),
  rule(
    "a special mapping goes as a whole",
    changes(
      { VMAs: -1, VmSize: -4 },
      does((scene) => request({ call: "munmap", addr: addressOfSpecial(scene, "[vvar]"), length: pages(4) })),
    ),
  ),
  rule("the vsyscall page is no mapping: EINVAL", refused("EINVAL", munmap(0xffffffffff600000n, pages(1)))),
  rule(
    "huge pages are cut only at their own boundaries: EINVAL",
    mmap({ addr: at(0), length: pages(1024), flags: HUGE }),
    refused("EINVAL", munmap(at(0), pages(1))),
    refused("EINVAL", munmap(at(512), pages(511))),
    changes({ VmSize: -512 }, munmap(at(512), pages(512))),
  ),
  rule("memory that grows down can be cut like any other", map("GGGG"), unmap("x..x"), shows(".GG.")),
  rule("a segment can be unmapped in part", attach(at(0), pages(4)), unmap(".x"), shows("Y.YY")),
  rule(
    "a child unmaps for itself alone",
    map("AAAA"),
    write("AAAA"),
    fork(),
    changes({ VmSize: -1 }, unmap(".x")),
    shows("A.AA"),
  ),
  rule(
    "a 32-bit range may end at 4 GiB in the kernel's sum, and is EINVAL all the same",
    { on: NARROW },
    refused("EINVAL", munmap(0xffffe000, 0x2000)),
    refused("EINVAL", munmap(0xffffd000, 0x2000)),
  ),
  rule(
    "what a fixed mremap replaces goes as munmap does it",
    map("AA..SSSS"),
    does(
      request({
        call: "mremap",
        addr: at(0),
        oldLength: pages(2),
        newLength: pages(2),
        flags: MREMAP.MAYMOVE | MREMAP.FIXED,
        newAddr: at(5),
      }),
    ),
    shows("....SAAS"),
  ),
]);
