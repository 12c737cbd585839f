import type { Operation } from "@pagetrail/conformance";
import { MAP, PROT, type Word, X86_64 } from "@pagetrail/core";
import { at, pages } from "./draw.ts";
import { gives, refused, showsFrom, size } from "./looks.ts";
import { FD, map, mapped, mmap, mmapping, mremap, munmap, prctl, unmap } from "./operations.ts";
import { answered, BASE, BOTTOM, LEGACY_BASE, NARROW_BOTTOM, NARROW_TOP, TASK_SIZE, TOP } from "./places.ts";
import { BOTTOM_UP, DISK, NARROW, NARROW_BOTTOM_UP, PLAIN, rule } from "./processes.ts";
import { does, type Step, section } from "./rule.ts";

const MIB = 2 ** 20;
const ANON = MAP.PRIVATE | MAP.ANONYMOUS;
const GUARD = pages(256);

const anywhere = (length: number, more = 0): Step => mmap({ length, flags: ANON | more });
const hinted = (addr: number, length = pages(1), more = 0): Step =>
  mmap({ addr, length, flags: ANON | more });
const disk = (length: number, offset: Word, addr = 0): Step =>
  mmap({ addr, length, offset, prot: PROT.READ, flags: MAP.PRIVATE, fd: FD.file });

const filling = (from: number, to: number): Operation =>
  mmapping({ addr: from, length: to - from, prot: 0, flags: ANON | MAP.FIXED });

/** Where the program is linked. */
const PROGRAM = 0x400000;

/** The lowest address that is too near to the stack for a search. */
const BELOW_STACK = X86_64.stackTop - 0x21000 - GUARD;

/** Fills everything between 16 MiB and the first free place of the mapping area. */
const filled = does(filling(16 * MIB, TOP));

/** The highest address not above one that lies so many bytes above a multiple of 2 MiB. */
const alignedBelow = (address: number, rest = 0): number =>
  Math.floor((address - rest) / (2 * MIB)) * 2 * MIB + rest;

export const MMAP_PLACEMENT = section("mmap: where a mapping goes", [
  rule("the first mapping ends where the vdso's pages begin", gives(TOP - pages(1), anywhere(pages(1)))),
  rule(
    "mappings are handed out downward",
    gives(TOP - pages(1), anywhere(pages(1))),
    gives(TOP - pages(4), anywhere(pages(3))),
    gives(TOP - pages(5), mmap({ prot: PROT.READ })),
  ),
  rule(
    "the highest hole that is large enough is used, from its upper end",
    anywhere(pages(10)),
    munmap(TOP - pages(3), pages(2)),
    munmap(TOP - pages(8), pages(4)),
    gives(TOP - pages(7), anywhere(pages(3))),
    gives(TOP - pages(2), anywhere(pages(1))),
  ),
  rule(
    "a hole of exactly the size is used",
    anywhere(pages(10)),
    munmap(TOP - pages(6), pages(2)),
    gives(TOP - pages(6), anywhere(pages(2))),
  ),
  rule(
    "a hole right below the vdso is as good as another",
    anywhere(pages(1)),
    munmap(TOP - pages(1), pages(1)),
    gives(TOP - pages(2), anywhere(pages(2))),
  ),
  rule(
    "a free hint is taken, wherever it lies",
    gives(at(0), hinted(at(0))),
    gives(0x10000, hinted(0x10000)),
    gives(BASE + pages(16), hinted(BASE + pages(16))),
  ),
  rule("a hint is rounded down to a page", gives(at(3), hinted(at(3, 4095)))),
  rule("a hint below 64 KiB becomes 64 KiB", gives(0x10000, hinted(0x1000))),
  rule("a hint inside the first page is none", gives(TOP - pages(1), hinted(0xfff))),
  rule("a hint that is taken is dropped altogether", map("A"), gives(TOP - pages(1), hinted(at(0)))),
  rule(
    "a hint whose range runs into a mapping is dropped altogether",
    map("...A"),
    gives(TOP - pages(4), hinted(at(0), pages(4))),
    gives(at(0), hinted(at(0), pages(3))),
  ),
  rule(
    "a hint right above a mapping needs no gap",
    map("A"),
    gives(at(1), mmap({ addr: at(1), prot: PROT.READ })),
  ),
  rule(
    "a hint at or above TASK_SIZE is passed over",
    gives(TOP - pages(1), hinted(TASK_SIZE)),
    gives(TOP - pages(2), hinted(2 ** 52)),
    gives(TOP - pages(3), mmap({ addr: 2n ** 64n - 1n })),
  ),
  rule(
    "a hint whose range would pass TASK_SIZE is passed over",
    gives(TOP - pages(2), hinted(TASK_SIZE - pages(1), pages(2))),
  ),
  rule(
    "a hint inside the guard gap below a mapping that grows down is dropped",
    mmap({ addr: at(512), flags: ANON | MAP.FIXED | MAP.GROWSDOWN }),
    gives(TOP - pages(1), hinted(at(256))),
  ),
  rule(
    "a hint right below the guard gap is taken",
    mmap({ addr: at(512), flags: ANON | MAP.FIXED | MAP.GROWSDOWN }),
    gives(at(255), hinted(at(255))),
  ),
  rule(
    "MAP_FIXED and MAP_FIXED_NOREPLACE may go into the guard gap",
    mmap({ addr: at(512), flags: ANON | MAP.FIXED | MAP.GROWSDOWN }),
    gives(at(510), mmap({ addr: at(510), flags: ANON | MAP.FIXED })),
    gives(at(300), mmap({ addr: at(300), flags: ANON | MAP.FIXED_NOREPLACE })),
  ),
  rule(
    "a mapping that grows down keeps the next one a guard gap away",
    gives(TOP - pages(1), anywhere(pages(1), MAP.GROWSDOWN)),
    gives(TOP - pages(1) - GUARD - pages(1), anywhere(pages(1))),
  ),
  rule(
    "a hole below a mapping that grows down is passed over if the guard gap leaves no room in it",
    anywhere(pages(1), MAP.GROWSDOWN),
    anywhere(pages(1)),
    gives(TOP - pages(259), anywhere(pages(1))),
  ),
  rule(
    "a mapping that grows down needs no gap itself when it is placed",
    anywhere(pages(1)),
    gives(TOP - pages(2), anywhere(pages(1), MAP.GROWSDOWN)),
  ),
  rule(
    "when all below the area's end is full, mappings go above it, upward",
    filled,
    gives(BASE, anywhere(8 * MIB + pages(1))),
    gives(BASE + 8 * MIB + pages(1), anywhere(8 * MIB + pages(1))),
  ),
  rule(
    "above the area's end mappings keep a guard gap below the stack",
    filled,
    anywhere(100 * MIB + pages(1)),
    refused("ENOMEM", anywhere(29 * MIB)),
  ),
  rule(
    "what fits in a low hole goes there before it goes above the area's end",
    filled,
    gives(16 * MIB - pages(2), anywhere(pages(2))),
  ),
  rule(
    "a request for more than the largest hole is ENOMEM",
    refused("ENOMEM", anywhere(2 ** 47 - 2 * 2 ** 30)),
    size("VmLck", 0),
  ),
  // MAP_32BIT
  rule(
    "MAP_32BIT places upward from 1 GiB",
    gives(0x40000000, anywhere(pages(1), MAP["32BIT"])),
    gives(0x40001000, anywhere(pages(2), MAP["32BIT"])),
  ),
  rule(
    "MAP_32BIT takes the lowest hole",
    anywhere(pages(4), MAP["32BIT"]),
    munmap(0x40001000, pages(2)),
    gives(0x40001000, anywhere(pages(1), MAP["32BIT"])),
  ),
  rule("MAP_32BIT has room for less than a GiB", refused("ENOMEM", anywhere(2 ** 31, MAP["32BIT"]))),
  rule(
    "MAP_32BIT has room for a GiB, and no page more",
    gives(0x40000000, anywhere(2 ** 30 - pages(1), MAP["32BIT"])),
    gives(0x7ffff000, anywhere(pages(1), MAP["32BIT"])),
    refused("ENOMEM", anywhere(pages(1), MAP["32BIT"])),
  ),
  rule("MAP_32BIT takes a free hint below 1 GiB", gives(at(0), hinted(at(0), pages(1), MAP["32BIT"]))),
  rule("MAP_32BIT drops a hint above 2 GiB", gives(0x40000000, hinted(0x90000000, pages(1), MAP["32BIT"]))),
  rule(
    "MAP_32BIT does not bind MAP_FIXED",
    gives(0x90000000, mmap({ addr: 0x90000000, flags: ANON | MAP.FIXED | MAP["32BIT"] })),
  ),
  rule(
    "MAP_32BIT aligns 2 MiB as well",
    gives(0x40000000, anywhere(pages(1), MAP["32BIT"])),
    gives(0x40200000, anywhere(2 * MIB, MAP["32BIT"])),
  ),
  rule(
    "MAP_ABOVE4G keeps the search above 4 GiB, which it is anyway while there is room",
    gives(TOP - pages(1), anywhere(pages(1), MAP.ABOVE4G)),
  ),
  rule(
    "MAP_ABOVE4G does not use a low hole",
    mmap({ addr: 2 ** 32, length: TOP - 2 ** 32, prot: 0, flags: ANON | MAP.FIXED }),
    gives(BASE, anywhere(pages(3), MAP.ABOVE4G)),
  ),
  // Huge pages
  rule(
    "anonymous memory of 2 MiB is aligned to 2 MiB",
    gives(alignedBelow(TOP - 2 * MIB), anywhere(2 * MIB)),
  ),
  rule(
    "anonymous memory of several times 2 MiB is aligned to 2 MiB",
    gives(alignedBelow(TOP - 4 * MIB), anywhere(4 * MIB)),
    gives(alignedBelow(TOP - 4 * MIB) - 4 * MIB, anywhere(4 * MIB)),
  ),
  rule(
    "aligned mappings follow one another without a hole",
    anywhere(2 * MIB),
    gives(answered(0, -2 * MIB), anywhere(2 * MIB)),
    gives(answered(0, -6 * MIB), anywhere(4 * MIB)),
  ),
  rule("anonymous memory of 3 MiB is not aligned", gives(TOP - 3 * MIB, anywhere(3 * MIB))),
  rule(
    "anonymous memory of 2 MiB and a page is not aligned",
    gives(TOP - 2 * MIB - pages(1), anywhere(2 * MIB + pages(1))),
  ),
  rule("anonymous memory of 1 MiB is not aligned", gives(TOP - MIB, anywhere(MIB))),
  rule(
    "a length is rounded up before it is looked at",
    gives(alignedBelow(TOP - 2 * MIB), anywhere(2 * MIB - 1)),
  ),
  rule(
    "a hint keeps the alignment away, even one that cannot be used",
    map("A"),
    gives(TOP - 4 * MIB, hinted(at(0), 4 * MIB)),
  ),
  rule(
    "neither MAP_STACK nor MAP_NORESERVE nor PR_SET_THP_DISABLE keeps it away",
    prctl(41, 1),
    gives(alignedBelow(TOP - 2 * MIB), anywhere(2 * MIB, MAP.STACK)),
    gives(alignedBelow(TOP - 2 * MIB) - 2 * MIB, anywhere(2 * MIB, MAP.NORESERVE)),
  ),
  rule(
    "memory that grows down is aligned as well",
    gives(alignedBelow(TOP - 2 * MIB), anywhere(2 * MIB, MAP.GROWSDOWN)),
  ),
  rule(
    "where no hole has 2 MiB more than asked for the alignment is given up",
    does(({ start }) => filling(start.brk, TOP)),
    does(filling(BASE, BELOW_STACK)),
    does(filling(PROGRAM - pages(1), PROGRAM)),
    gives(PROGRAM - pages(1) - 2 * MIB, anywhere(2 * MIB)),
  ),
  rule(
    "shared anonymous memory is not aligned",
    gives(TOP - 4 * MIB, mapped(MAP.SHARED, { length: 4 * MIB })),
  ),
  rule(
    "a memfd is not aligned",
    gives(TOP - 4 * MIB, mmap({ length: 4 * MIB, prot: PROT.READ, flags: MAP.PRIVATE, fd: FD.memfd })),
  ),
  rule(
    "a large file on disk is aligned so that its offset has the address's place in 2 MiB",
    { needs: [DISK] },
    gives(alignedBelow(TOP - 4 * MIB), disk(4 * MIB, 0)),
    gives(alignedBelow(alignedBelow(TOP - 4 * MIB) - 4 * MIB, pages(1)), disk(4 * MIB, pages(1))),
  ),
  rule(
    "a file of 2 MiB whose offset leaves no whole 2 MiB in it is not aligned",
    { needs: [DISK] },
    gives(TOP - 2 * MIB, disk(2 * MIB, pages(1))),
  ),
  rule(
    "a file's length need not be a multiple of 2 MiB",
    { needs: [DISK] },
    gives(alignedBelow(TOP - 2 * MIB - pages(5)), disk(2 * MIB + pages(5), 0)),
  ),
  rule(
    "a file's hint is taken if there is room for 2 MiB more",
    { needs: [DISK] },
    gives(at(1), disk(2 * MIB, 0, at(1))),
  ),
  rule(
    "a file's hint is passed over if there is just room for it",
    { needs: [DISK] },
    mmap({ addr: at(1) + 2 * MIB + pages(1), flags: ANON | MAP.FIXED }),
    gives(alignedBelow(TOP - 2 * MIB), disk(2 * MIB, 0, at(1))),
  ),
  rule(
    "a private mapping of /dev/zero is aligned as a file on disk is, a shared one is not",
    gives(alignedBelow(TOP - 4 * MIB), mmap({ length: 4 * MIB, fd: FD.zero })),
    gives(
      alignedBelow(alignedBelow(TOP - 4 * MIB) - 4 * MIB, pages(1)),
      mmap({ length: 4 * MIB, fd: FD.zero, offset: pages(1) }),
    ),
    gives(answered(1, -3 * MIB), mmap({ length: 3 * MIB, fd: FD.zero, flags: MAP.SHARED })),
  ),
  rule(
    "just below the largest offset even a page of a file is aligned: the kernel's sum wraps",
    { needs: [DISK] },
    gives(alignedBelow(TOP - pages(1), 2 * MIB - pages(2)), disk(pages(1), 2n ** 63n - 8192n)),
  ),
  rule(
    "huge pages of the pool are aligned by their own size",
    gives(alignedBelow(TOP - 2 * MIB), anywhere(2 * MIB, MAP.HUGETLB | MAP.NORESERVE)),
    gives(alignedBelow(TOP - 2 * MIB) - 4 * MIB, anywhere(4 * MIB, MAP.HUGETLB | MAP.NORESERVE)),
  ),
  rule(
    "a mapping of /dev/zero that ends at that offset is not aligned: both sides of the sum wrap",
    gives(TOP - pages(1), mmap({ prot: PROT.READ, fd: FD.zero, offset: 2n ** 63n - 4096n })),
  ),
  rule(
    "a hint for huge pages is rounded up to 2 MiB",
    gives(at(512), hinted(at(1), 2 * MIB, MAP.HUGETLB | MAP.NORESERVE)),
    gives(at(1024), hinted(at(513), 2 * MIB, MAP.HUGETLB | MAP.NORESERVE)),
  ),
  rule(
    "mremap looks for a place as mmap does, and aligns 2 MiB as well",
    map("AA"),
    gives(alignedBelow(TOP - 2 * MIB), mremap(at(0), pages(1), 2 * MIB, 1)),
  ),
  rule(
    "mremap of a file aligns by the file's offset",
    { needs: [DISK] },
    map(".FF"),
    gives(alignedBelow(TOP - 4 * MIB, pages(1)), mremap(at(1), pages(1), 4 * MIB, 1)),
  ),
  // Bottom-up
  rule(
    "the layout from below places upward, from a third of user space",
    { on: BOTTOM_UP },
    gives(BOTTOM, anywhere(pages(1))),
    gives(BOTTOM + pages(1), anywhere(pages(3))),
  ),
  rule(
    "the layout from below takes the lowest hole",
    { on: BOTTOM_UP },
    anywhere(pages(10)),
    munmap(BOTTOM + pages(1), pages(2)),
    munmap(BOTTOM + pages(5), pages(2)),
    gives(BOTTOM + pages(1), anywhere(pages(1))),
    gives(BOTTOM + pages(5), anywhere(pages(2))),
  ),
  rule(
    "the layout from below does not look below its base",
    { on: BOTTOM_UP },
    gives(BOTTOM, anywhere(pages(1))),
    unmap("A"),
    gives(BOTTOM + pages(1), anywhere(pages(1))),
  ),
  rule(
    "the layout from below takes a free hint anywhere",
    { on: BOTTOM_UP },
    gives(at(0), hinted(at(0))),
    gives(LEGACY_BASE + 2 ** 40, hinted(LEGACY_BASE + 2 ** 40)),
  ),
  rule(
    "the layout from below aligns 2 MiB upward",
    { on: BOTTOM_UP },
    gives(Math.ceil(BOTTOM / (2 * MIB)) * 2 * MIB, anywhere(2 * MIB)),
  ),
  rule(
    "the layout from below goes past a guard gap",
    { on: BOTTOM_UP },
    mmap({ addr: BOTTOM + pages(100), flags: ANON | MAP.FIXED | MAP.GROWSDOWN }),
    gives(BOTTOM + pages(101), anywhere(pages(1))),
  ),
  rule(
    "the layout from below has room up to TASK_SIZE",
    { on: BOTTOM_UP },
    mmap({ addr: BOTTOM, length: BELOW_STACK - BOTTOM, prot: 0, flags: ANON | MAP.FIXED }),
    refused("ENOMEM", anywhere(pages(1))),
  ),
  // 32-bit
  rule(
    "a 32-bit process places downward from its own base",
    { on: NARROW },
    gives(NARROW_TOP - pages(1), anywhere(pages(1))),
    gives(NARROW_TOP - pages(3), anywhere(pages(2))),
  ),
  rule("a 32-bit process aligns nothing", { on: NARROW }, gives(NARROW_TOP - 2 * MIB, anywhere(2 * MIB))),
  rule(
    "a 32-bit process does not align files either",
    { on: NARROW },
    gives(NARROW_TOP - 4 * MIB, disk(4 * MIB, 0)),
  ),
  rule(
    "MAP_32BIT does nothing in a 32-bit process",
    { on: NARROW },
    gives(NARROW_TOP - pages(1), anywhere(pages(1), MAP["32BIT"])),
  ),
  rule("a 32-bit process takes a free hint", { on: NARROW }, gives(at(0), hinted(at(0)))),
  rule(
    "a 32-bit process from below starts at a third of its 4 GiB",
    { on: NARROW_BOTTOM_UP },
    gives(NARROW_BOTTOM, anywhere(pages(1))),
    gives(NARROW_BOTTOM + pages(1), anywhere(pages(1))),
  ),
  rule(
    "the vdso's pages are in the order vvar, vvar_vclock, vdso, and end where the area does",
    showsFrom(TOP, "vvvv|vv|vv"),
    { on: PLAIN },
  ),
]);
