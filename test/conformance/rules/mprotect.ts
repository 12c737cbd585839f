import { MAP, PROT } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { access, changes, flags, refused, shows } from "./looks.ts";
import {
  FD,
  lock,
  map,
  mmap,
  mprotect,
  personality,
  prctl,
  protect,
  request,
  seal,
  unmap,
  write,
} from "./operations.ts";
import { addressOfSpecial } from "./places.ts";
import { rule } from "./processes.ts";
import { does, section } from "./rule.ts";

const { READ, WRITE, EXEC, GROWSDOWN, GROWSUP, SEM } = PROT;
const RW = READ | WRITE;
const RX = READ | EXEC;
const ANON = MAP.PRIVATE | MAP.ANONYMOUS;
const impliesExec = personality(0x0440000);
const mdwe = prctl(65, 1);

const pkey = (key: number) =>
  does(request({ call: "pkey_mprotect", addr: at(0), length: pages(1), prot: READ, pkey: key }));

export const MPROTECT = section("mprotect", [
  rule(
    "PROT_GROWSDOWN and PROT_GROWSUP together are EINVAL, before the address is looked at",
    refused("EINVAL", mprotect(at(0, 1), 0, READ | GROWSDOWN | GROWSUP)),
  ),
  rule(
    "an address inside a page is EINVAL, before the length is looked at",
    refused("EINVAL", mprotect(at(0, 1), 0, READ)),
  ),
  rule("a length of 0 is granted, whatever stands there and whatever is asked", mprotect(at(0), 0, 0xff0)),
  rule("a length of 0 is granted in a hole", mprotect(at(3), 0, READ)),
  rule("a range that wraps is ENOMEM", refused("ENOMEM", mprotect(at(0), 2n ** 64n - 4096n, READ))),
  rule("a length that rounds up to 0 is ENOMEM", refused("ENOMEM", mprotect(at(0), 2n ** 64n - 1n, READ))),
  rule(
    "a range that wraps is ENOMEM before the protection is looked at",
    refused("ENOMEM", mprotect(at(0), 2n ** 64n - 1n, 0xff0)),
  ),
  rule(
    "unknown bits of the protection are EINVAL, before anything is looked up",
    refused("EINVAL", mprotect(at(0), pages(1), 0x10)),
  ),
  rule("PROT_SEM is known, and does nothing", map("A"), mprotect(at(0), pages(1), READ | SEM), shows("a")),
  rule(
    "a key is none that this machine has: EINVAL",
    map("A"),
    refused("EINVAL", pkey(0)),
    refused("EINVAL", pkey(1)),
    refused("EINVAL", pkey(-2)),
  ),
  rule("without a key pkey_mprotect is mprotect", map("A"), pkey(-1), shows("a")),
  rule("nothing mapped at all is ENOMEM", refused("ENOMEM", mprotect(at(0), pages(1), READ))),
  rule(
    "a range that starts in a hole is ENOMEM and changes nothing",
    map(".AA"),
    refused("ENOMEM", protect("aaa")),
    shows(".AA"),
  ),
  rule(
    "a range behind the last mapping is ENOMEM",
    refused("ENOMEM", mprotect(0x7ffffffff000, pages(1), READ)),
  ),
  rule(
    "a hole in the middle is ENOMEM, and what is before it has changed",
    map("AA.AA"),
    refused("ENOMEM", protect("aaaaa")),
    shows("aa.AA"),
  ),
  rule(
    "a range that ends in a hole is ENOMEM, and all of it has changed",
    map("AA"),
    refused("ENOMEM", protect("aaa")),
    shows("aa."),
  ),
  rule(
    "a length is rounded up to whole pages",
    map("AAA"),
    mprotect(at(0), pages(1) + 1, READ),
    shows("aaA"),
  ),
  rule(
    "a whole mapping changes without a cut",
    map("AA"),
    changes({ VMAs: 0, VmData: -2 }, protect("aa")),
    shows("aa"),
  ),
  rule("the start of a mapping is cut off", map("AAAA"), changes({ VMAs: 1 }, protect("a")), shows("aAAA")),
  rule("the end of a mapping is cut off", map("AAAA"), changes({ VMAs: 1 }, protect("...a")), shows("AAAa")),
  rule(
    "the middle of a mapping leaves three",
    map("AAAA"),
    changes({ VMAs: 2 }, protect(".aa")),
    shows("AaaA"),
  ),
  rule("several mappings change together", map("AAaaSS"), protect("______"), shows("____|__")),
  rule(
    "what is asked for already changes nothing",
    map("AAAA"),
    changes({ VMAs: 0 }, protect(".AA")),
    shows("AAAA"),
  ),
  rule(
    "PROT_GROWSDOWN reaches down to the start of the mapping",
    map("GGGG"),
    mprotect(at(2), pages(1), READ | GROWSDOWN),
    shows("gggG"),
  ),
  rule(
    "PROT_GROWSDOWN of memory that does not grow is EINVAL",
    map("AA"),
    refused("EINVAL", mprotect(at(0), pages(1), READ | GROWSDOWN)),
  ),
  rule(
    "PROT_GROWSDOWN from a hole takes the mapping above it that begins inside the range",
    map("..GG"),
    mprotect(at(0), pages(3), READ | GROWSDOWN),
    shows("..gG"),
  ),
  rule(
    "PROT_GROWSDOWN with the mapping beyond the range is ENOMEM",
    map("..GG"),
    refused("ENOMEM", mprotect(at(0), pages(2), READ | GROWSDOWN)),
  ),
  rule(
    "PROT_GROWSUP is EINVAL: nothing grows up",
    map("A"),
    refused("EINVAL", mprotect(at(0), pages(1), READ | GROWSUP)),
  ),
  rule(
    "PROT_GROWSUP in a hole is ENOMEM",
    map(".A"),
    refused("ENOMEM", mprotect(at(0), pages(1), READ | GROWSUP)),
  ),
  rule(
    "READ_IMPLIES_EXEC makes what becomes readable executable",
    map("_"),
    impliesExec,
    protect("a"),
    access(0, "r-xp"),
  ),
  rule(
    "READ_IMPLIES_EXEC leaves what becomes writable only",
    map("_"),
    impliesExec,
    protect("A", WRITE),
    access(0, "-w-p"),
  ),
  rule(
    "memory that may never be written stays so: EACCES",
    mmap({ addr: at(0), flags: MAP.SHARED | MAP.FIXED, prot: READ, fd: FD.fileReadOnly }),
    refused("EACCES", protect("A")),
  ),
  rule(
    "EACCES stops the walk, and what is before it has changed",
    map("aa"),
    mmap({ addr: at(2), length: pages(2), flags: MAP.SHARED | MAP.FIXED, prot: READ, fd: FD.fileReadOnly }),
    map("....aa"),
    refused("EACCES", protect("AAAAAA")),
    shows("AAmmaa"),
  ),
  rule(
    "vvar may never be written: EACCES",
    refused(
      "EACCES",
      does((scene) =>
        request({ call: "mprotect", addr: addressOfSpecial(scene, "[vvar]"), length: pages(4), prot: RW }),
      ),
    ),
  ),
  rule(
    "a special mapping may lose its access as a whole",
    does((scene) =>
      request({ call: "mprotect", addr: addressOfSpecial(scene, "[vdso]"), length: pages(2), prot: 0 }),
    ),
    access((scene) => addressOfSpecial(scene, "[vdso]"), "---p"),
  ),
  rule(
    "a part of a special mapping is EINVAL",
    refused(
      "EINVAL",
      does((scene) =>
        request({ call: "mprotect", addr: addressOfSpecial(scene, "[vdso]"), length: pages(1), prot: 0 }),
      ),
    ),
  ),
  rule(
    "PR_SET_MDWE keeps memory from becoming executable: EACCES",
    map("aA"),
    mdwe,
    refused("EACCES", protect("a", RX)),
    refused("EACCES", protect(".A", 7)),
  ),
  rule(
    "PR_SET_MDWE leaves memory executable that is so already",
    map("a", { prot: RX }),
    mdwe,
    protect("a", EXEC),
    protect("a", RX),
  ),
  rule(
    "PR_SET_MDWE keeps executable memory from becoming writable too",
    map("a", { prot: RX }),
    mdwe,
    refused("EACCES", protect("a", 7)),
    protect("a", READ),
    refused("EACCES", protect("a", RX)),
  ),
  rule("PR_SET_MDWE leaves everything else", map("aA_"), mdwe, protect("A"), protect(".a"), protect("..A")),
  rule("a sealed mapping is EPERM", map("AA"), seal("AA"), refused("EPERM", protect("aa")), shows("EE")),
  rule(
    "a sealed mapping is EPERM even if nothing would change",
    map("AA"),
    seal("AA"),
    refused("EPERM", protect("AA")),
  ),
  rule(
    "EACCES comes before EPERM",
    mmap({ addr: at(0), flags: MAP.SHARED | MAP.FIXED, prot: READ, fd: FD.fileReadOnly }),
    seal("a"),
    refused("EACCES", protect("A")),
  ),
  rule(
    "a seal stops the walk, and what is before it has changed",
    map("AAAA"),
    seal("..AA"),
    refused("EPERM", protect("aaaa")),
    shows("aaEE"),
  ),
  rule("what becomes writable is accounted", map("aa"), protect("AA"), flags(0, "rd wr mr mw me ac")),
  rule(
    "anonymous memory without writes gives its account back",
    map("AA"),
    protect("aa"),
    flags(0, "rd mr mw me"),
  ),
  rule(
    "memory that was written to keeps its account",
    map("A"),
    write("A"),
    protect("a"),
    flags(0, "rd mr mw me ac"),
  ),
  rule(
    "a private file keeps its account though nothing was written",
    map("F"),
    protect("f"),
    flags(0, "rd mr mw me ac"),
  ),
  rule(
    "MAP_NORESERVE memory is never accounted",
    map("n"),
    protect("N"),
    flags(0, "rd wr mr mw me nr"),
    protect("n"),
    flags(0, "rd mr mw me nr"),
  ),
  rule("shared memory is never accounted", map("s"), protect("S"), flags(0, "rd wr sh mr mw me ms")),
  rule(
    "droppable memory is never accounted",
    map("D"),
    protect("d"),
    protect("D"),
    flags(0, "rd wr mr mw me nr wf dd dp"),
  ),
  rule(
    "mprotect sorts pages anew among the sizes",
    map("AA"),
    changes({ VmData: -2, VmSize: 0 }, protect("aa")),
    changes({ VmData: 0, VmLib: 2 }, protect("aa", RX)),
    changes({ VmData: 2, VmLib: -2 }, protect("aa", 7)),
  ),
  rule(
    "memory that grows down counts as stack whatever access it has",
    map("GG"),
    changes({ VmStk: 0, VmData: 0, VmLib: 0 }, protect("GG", RX)),
  ),
  rule(
    "locked memory stays locked, and accounted because locking wrote to it",
    map("AA"),
    lock("AA"),
    changes({ VmLck: 0 }, protect("aa")),
    flags(0, "rd mr mw me lo ac"),
  ),
  rule(
    "a locked private mapping that becomes writable is written to by that",
    map("aa"),
    lock("aa"),
    protect("AA"),
    protect("aa"),
    flags(0, "rd mr mw me lo ac"),
  ),
  rule(
    "huge pages are cut only at their own boundaries: EINVAL",
    mmap({ addr: at(0), length: pages(1024), flags: ANON | MAP.FIXED | MAP.HUGETLB | MAP.NORESERVE }),
    refused("EINVAL", mprotect(at(0), pages(1), READ)),
    changes({ VMAs: 1 }, mprotect(at(0), pages(512), READ)),
  ),
  rule(
    "a private file that cannot be written to may be mapped and written",
    mmap({ addr: at(0), flags: MAP.PRIVATE | MAP.FIXED, prot: READ, fd: FD.fileReadOnly }),
    protect("A"),
    access(0, "rw-p"),
  ),
  rule(
    "an mprotect that starts in what was unmapped is ENOMEM",
    map("AAAA"),
    unmap("x"),
    refused("ENOMEM", protect("aaaa")),
    shows(".AAA"),
  ),
]);
