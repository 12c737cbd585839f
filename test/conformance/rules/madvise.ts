import { MADV, MAP, PROT } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { changes, flags, refused, shows } from "./looks.ts";
import {
  advise,
  attach,
  FD,
  fork,
  madvise,
  map,
  mmap,
  mprotect,
  request,
  seal,
  write,
} from "./operations.ts";
import { addressOfSpecial, type SpecialName } from "./places.ts";
import { rule } from "./processes.ts";
import { does, type Rule, type Step, section } from "./rule.ts";

const P = pages(1);
const ANON = MAP.PRIVATE | MAP.ANONYMOUS;

/** What advice leaves of the flags of a private writable page. */
const marks = (name: keyof typeof MADV, codes: string, row = "A"): Rule =>
  rule(`MADV_${name} leaves ${codes} of ${row}`, map(row), advise(row, MADV[name]), flags(0, codes));

/** Advice that has no effect on any flag. */
const silent = (name: keyof typeof MADV, row: string): Rule =>
  rule(
    `MADV_${name} is granted for ${row}, and changes no flag`,
    map(row),
    changes({ VMAs: 0, VmSize: 0 }, advise(row, MADV[name])),
    shows(row),
  );

const refusal = (name: keyof typeof MADV, row: string, errno: string): Rule =>
  rule(`MADV_${name} is ${errno} for ${row}`, map(row), refused(errno, advise(row, MADV[name])), shows(row));

const onSpecial = (name: SpecialName, count: number, advice: keyof typeof MADV): Step =>
  does((scene) =>
    request({
      call: "madvise",
      addr: addressOfSpecial(scene, name),
      length: pages(count),
      advice: MADV[advice],
    }),
  );

const DESTRUCTIVE = [
  "FREE",
  "DONTNEED",
  "DONTNEED_LOCKED",
  "DONTFORK",
  "WIPEONFORK",
  "GUARD_INSTALL",
] as const;
const HARMLESS = ["NORMAL", "WILLNEED", "COLD", "DONTDUMP", "DOFORK", "NOHUGEPAGE"] as const;

export const MADVISE = section("madvise", [
  rule(
    "unknown advice is EINVAL, even for no length",
    refused("EINVAL", madvise(at(0), 0, 77)),
    refused("EINVAL", madvise(at(0), 0, 5)),
    refused("EINVAL", madvise(at(0), 0, -1)),
  ),
  rule(
    "MADV_HWPOISON and MADV_SOFT_OFFLINE are not built in: EINVAL",
    map("A"),
    refused("EINVAL", advise("A", MADV.HWPOISON)),
    refused("EINVAL", advise("A", MADV.SOFT_OFFLINE)),
  ),
  rule(
    "an address inside a page is EINVAL, even for no length",
    refused("EINVAL", madvise(at(0, 1), 0, MADV.DONTNEED)),
  ),
  rule(
    "a length that rounds up to 0 is EINVAL",
    refused("EINVAL", madvise(at(0), 2n ** 64n - 1n, MADV.DONTNEED)),
  ),
  rule("a range that wraps is EINVAL", refused("EINVAL", madvise(at(0), 2n ** 64n - 4096n, MADV.DONTNEED))),
  rule(
    "a range that ends just at 2^64 wraps too",
    refused("EINVAL", madvise(2n ** 64n - 4096n, P, MADV.DONTNEED)),
  ),
  rule(
    "no length is granted anywhere",
    madvise(at(0), 0, MADV.DONTNEED),
    madvise(at(0), 0, MADV.POPULATE_READ),
  ),
  rule(
    "addresses above user space just have no mapping: ENOMEM",
    refused("ENOMEM", madvise(2n ** 63n, P, MADV.DONTNEED)),
  ),
  rule("nothing mapped is ENOMEM", refused("ENOMEM", madvise(at(0), P, MADV.NORMAL))),
  rule(
    "a hole is ENOMEM at the end, and everything in the range was advised",
    map("A.A"),
    refused("ENOMEM", advise("AAA", MADV.DONTFORK)),
    shows("C.C"),
  ),
  rule(
    "an error stops the walk, and what is before it keeps the advice",
    map("AAMM"),
    map("....AA"),
    refused("EINVAL", advise("AAAAAA", MADV.WIPEONFORK)),
    shows("WWMMAA"),
  ),
  rule(
    "an error comes before the ENOMEM of an earlier hole",
    map("A.MM"),
    refused("EINVAL", advise("AAAA", MADV.WIPEONFORK)),
    shows("W.MM"),
  ),
  rule(
    "a length is rounded up to whole pages",
    map("AAA"),
    madvise(at(0), P + 1, MADV.DONTFORK),
    shows("CCA"),
  ),
  marks("RANDOM", "rd wr mr mw me rr ac"),
  marks("SEQUENTIAL", "rd wr mr mw me sr ac"),
  marks("NORMAL", "rd wr mr mw me ac"),
  rule(
    "MADV_RANDOM and MADV_SEQUENTIAL take each other's place",
    map("A"),
    advise("A", MADV.RANDOM),
    advise("A", MADV.SEQUENTIAL),
    flags(0, "rd wr mr mw me sr ac"),
    advise("A", MADV.RANDOM),
    flags(0, "rd wr mr mw me rr ac"),
  ),
  rule(
    "MADV_NORMAL takes both away",
    map("A"),
    advise("A", MADV.RANDOM),
    advise("A", MADV.NORMAL),
    flags(0, "rd wr mr mw me ac"),
  ),
  marks("DONTFORK", "rd wr mr mw me dc ac"),
  rule(
    "MADV_DOFORK takes it away",
    map("A"),
    advise("A", MADV.DONTFORK),
    advise("A", MADV.DOFORK),
    flags(0, "rd wr mr mw me ac"),
  ),
  marks("DONTDUMP", "rd wr mr mw me ac dd"),
  rule(
    "MADV_DODUMP takes it away",
    map("A"),
    advise("A", MADV.DONTDUMP),
    advise("A", MADV.DODUMP),
    flags(0, "rd wr mr mw me ac"),
  ),
  marks("WIPEONFORK", "rd wr mr mw me ac wf"),
  rule(
    "MADV_KEEPONFORK takes it away",
    map("A"),
    advise("A", MADV.WIPEONFORK),
    advise("A", MADV.KEEPONFORK),
    flags(0, "rd wr mr mw me ac"),
  ),
  marks("MERGEABLE", "rd wr mr mw me ac mg"),
  rule(
    "MADV_UNMERGEABLE takes it away",
    map("A"),
    advise("A", MADV.MERGEABLE),
    advise("A", MADV.UNMERGEABLE),
    flags(0, "rd wr mr mw me ac"),
  ),
  marks("HUGEPAGE", "rd wr mr mw me ac hg"),
  marks("NOHUGEPAGE", "rd wr mr mw me ac nh"),
  rule(
    "MADV_HUGEPAGE and MADV_NOHUGEPAGE take each other's place",
    map("A"),
    advise("A", MADV.HUGEPAGE),
    advise("A", MADV.NOHUGEPAGE),
    flags(0, "rd wr mr mw me ac nh"),
    advise("A", MADV.HUGEPAGE),
    flags(0, "rd wr mr mw me ac hg"),
  ),
  marks("HUGEPAGE", "rd wr sh mr mw me ms hg", "S"),
  marks("HUGEPAGE", "rd wr sh mr mw me ms hg", "M"),
  marks("MERGEABLE", "rd wr sh mr mw me ms", "S"),
  marks("MERGEABLE", "rd wr mr mw me nr wf dd dp", "D"),
  marks("MERGEABLE", "rd wr mr mw me ac mg", "F"),
  marks("DONTFORK", "rd wr sh mr mw me ms dc", "S"),
  silent("WILLNEED", "A"),
  silent("WILLNEED", "S"),
  silent("WILLNEED", "F"),
  silent("DONTNEED", "A"),
  silent("DONTNEED", "S"),
  silent("DONTNEED", "M"),
  silent("DONTNEED", "_"),
  silent("FREE", "A"),
  silent("FREE", "Z"),
  silent("COLD", "A"),
  silent("COLD", "M"),
  silent("PAGEOUT", "A"),
  silent("DONTNEED_LOCKED", "L"),
  silent("DONTNEED_LOCKED", "A"),
  silent("REMOVE", "S"),
  silent("REMOVE", "U"),
  silent("GUARD_REMOVE", "A"),
  silent("POPULATE_READ", "A"),
  silent("POPULATE_WRITE", "A"),
  silent("POPULATE_READ", "a"),
  refusal("DONTNEED", "L", "EINVAL"),
  refusal("FREE", "L", "EINVAL"),
  refusal("FREE", "F", "EINVAL"),
  refusal("FREE", "S", "EINVAL"),
  refusal("COLD", "L", "EINVAL"),
  refusal("PAGEOUT", "L", "EINVAL"),
  refusal("REMOVE", "L", "EINVAL"),
  refusal("REMOVE", "A", "EINVAL"),
  refusal("REMOVE", "F", "EACCES"),
  refusal("REMOVE", "Z", "EACCES"),
  refusal("WIPEONFORK", "F", "EINVAL"),
  refusal("WIPEONFORK", "S", "EINVAL"),
  refusal("WIPEONFORK", "M", "EINVAL"),
  refusal("WIPEONFORK", "Z", "EINVAL"),
  refusal("KEEPONFORK", "D", "EINVAL"),
  refusal("DODUMP", "D", "EINVAL"),
  refusal("GUARD_INSTALL", "L", "EINVAL"),
  refusal("POPULATE_WRITE", "a", "EINVAL"),
  refusal("POPULATE_READ", "_", "EINVAL"),
  refusal("COLLAPSE", "A", "EINVAL"),
  rule(
    "MADV_REMOVE of a shared file that may never be written is EACCES",
    mmap({ addr: at(0), flags: MAP.SHARED | MAP.FIXED, prot: PROT.READ, fd: FD.fileReadOnly }),
    refused("EACCES", advise("m", MADV.REMOVE)),
  ),
  rule("MADV_REMOVE needs no write access now, only the right to it", map("u"), advise("u", MADV.REMOVE)),
  rule(
    "MADV_POPULATE_READ of a hole is ENOMEM",
    map("A.A"),
    refused("ENOMEM", advise("AAA", MADV.POPULATE_READ)),
  ),
  rule(
    "MADV_POPULATE_READ does not grow a stack: ENOMEM",
    map("..G"),
    refused("ENOMEM", advise("AAA", MADV.POPULATE_WRITE)),
    shows("..G"),
  ),
  rule(
    "MADV_POPULATE_READ behind the end of shared anonymous memory is EFAULT",
    map("S"),
    grown(),
    refused("EFAULT", advise("SS", MADV.POPULATE_READ)),
  ),
  rule("vvar cannot be thrown away: EINVAL", refused("EINVAL", onSpecial("[vvar]", 4, "DONTNEED"))),
  rule("the vdso can", onSpecial("[vdso]", 2, "DONTNEED")),
  rule(
    "vvar stays out of dumps, and in forks: EINVAL",
    refused("EINVAL", onSpecial("[vvar]", 4, "DODUMP")),
    refused("EINVAL", onSpecial("[vvar]", 4, "DOFORK")),
  ),
  rule(
    "special memory holds no guards: EINVAL",
    refused("EINVAL", onSpecial("[vdso]", 2, "GUARD_INSTALL")),
    refused("EINVAL", onSpecial("[vdso]", 2, "GUARD_REMOVE")),
    refused("EINVAL", onSpecial("[vvar]", 4, "GUARD_REMOVE")),
  ),
  rule("vvar cannot be populated: EINVAL", refused("EINVAL", onSpecial("[vvar]", 4, "POPULATE_READ"))),
  rule(
    "advice for a part of special memory that needs a cut is EINVAL",
    refused("EINVAL", onSpecial("[vdso]", 1, "DONTFORK")),
  ),
  rule(
    "advice for special memory as a whole is granted",
    onSpecial("[vdso]", 2, "DONTFORK"),
    flags((scene) => addressOfSpecial(scene, "[vdso]"), "rd ex mr mw me dc de"),
  ),
  ...DESTRUCTIVE.map((name) =>
    rule(
      `MADV_${name} of sealed memory that is not writable is EPERM`,
      map("a"),
      seal("a"),
      refused("EPERM", advise("a", MADV[name])),
    ),
  ),
  ...DESTRUCTIVE.map((name) =>
    rule(
      `MADV_${name} of sealed memory that is writable is granted`,
      map("A"),
      seal("A"),
      advise("A", MADV[name]),
    ),
  ),
  ...HARMLESS.map((name) =>
    rule(
      `MADV_${name} of sealed memory that is not writable is granted`,
      map("a"),
      seal("a"),
      advise("a", MADV[name]),
    ),
  ),
  rule(
    "MADV_DONTNEED of a sealed private file is granted, writable or not",
    map("f"),
    seal("f"),
    advise("f", MADV.DONTNEED),
  ),
  rule(
    "EPERM for a seal stops the walk",
    map("aAA"),
    seal("a"),
    refused("EPERM", advise("xxx", MADV.DONTFORK)),
    shows("eAA"),
  ),
  rule(
    "MADV_GUARD_INSTALL marks the whole mapping, and cuts nothing",
    map("AAAA"),
    changes({ VMAs: 0 }, advise(".A", MADV.GUARD_INSTALL)),
    flags(3, "rd wr mr mw me gu ac"),
  ),
  rule(
    "MADV_GUARD_REMOVE does not take the mark away",
    map("AA"),
    advise("AA", MADV.GUARD_INSTALL),
    advise("AA", MADV.GUARD_REMOVE),
    flags(0, "rd wr mr mw me gu ac"),
  ),
  rule(
    "shared memory and files hold guards too",
    map("S"),
    advise("S", MADV.GUARD_INSTALL),
    flags(0, "rd wr sh mr mw me ms gu"),
    map("..f"),
    advise("..f", MADV.GUARD_INSTALL),
    flags(2, "rd mr mw me gu"),
  ),
  rule(
    "guards stay through mprotect, fork and a cut",
    map("AA"),
    advise("AA", MADV.GUARD_INSTALL),
    mprotect(at(0), P, PROT.READ),
    fork(),
    flags(0, "rd mr mw me gu ac"),
    flags(1, "rd wr mr mw me gu ac"),
  ),
  rule(
    "huge pages are thrown away only from their boundaries on: EINVAL",
    mmap({ addr: at(0), length: pages(512), flags: ANON | MAP.FIXED | MAP.HUGETLB | MAP.NORESERVE }),
    refused("EINVAL", madvise(at(1), P, MADV.DONTNEED)),
    madvise(at(0), P, MADV.DONTNEED),
    madvise(at(0), pages(512), MADV.DONTNEED),
  ),
  rule(
    "huge pages of the pool take no other advice about pages: EINVAL",
    mmap({ addr: at(0), length: pages(512), flags: ANON | MAP.FIXED | MAP.HUGETLB | MAP.NORESERVE }),
    refused("EINVAL", madvise(at(0), pages(512), MADV.COLD)),
    refused("EINVAL", madvise(at(0), pages(512), MADV.PAGEOUT)),
    refused("EINVAL", madvise(at(0), pages(512), MADV.FREE)),
    refused("EINVAL", madvise(at(0), pages(512), MADV.GUARD_INSTALL)),
  ),
  rule(
    "MADV_DODUMP of huge pages is granted",
    mmap({ addr: at(0), length: pages(512), flags: ANON | MAP.FIXED | MAP.HUGETLB | MAP.NORESERVE }),
    madvise(at(0), pages(512), MADV.DONTDUMP),
    madvise(at(0), pages(512), MADV.DODUMP),
  ),
  rule(
    "MADV_COLLAPSE of less than 2 MiB is EINVAL",
    map("AAAA"),
    refused("EINVAL", advise("AAAA", MADV.COLLAPSE)),
  ),
  rule("a segment takes MADV_REMOVE", attach(at(0), pages(2)), advise("YY", MADV.REMOVE)),
  rule(
    "MADV_DONTFORK leaves a mapping out of the child",
    map("AAA"),
    advise(".A", MADV.DONTFORK),
    write("AAA"),
    fork(),
    shows("A.A"),
  ),
  rule(
    "MADV_WIPEONFORK keeps the mapping and its flag in the child",
    map("AAA"),
    write("AAA"),
    advise(".A", MADV.WIPEONFORK),
    fork(),
    shows("AWA"),
  ),
]);

/** The mapping of one page of shared memory is made two pages long. */
function grown(): Step {
  return does(
    request({ call: "mremap", addr: at(0), oldLength: P, newLength: pages(2), flags: 0, newAddr: 0 }),
  );
}
