import { MAP, MREMAP } from "@pagetrail/core";
import { pages } from "./draw.ts";
import { access, changes, dies, flags, gives, heap, named, showsFrom } from "./looks.ts";
import { brk, brkTo, fork, limit, mmapping, now, request } from "./operations.ts";
import { TASK_SIZE } from "./places.ts";
import { NARROW, rule } from "./processes.ts";
import { does, type Step, section } from "./rule.ts";

const P = pages(1);
const ANON = MAP.PRIVATE | MAP.ANONYMOUS;

/** A page mapped so many pages above the heap's start. */
const beside = (page: number, more = 0, prot = 3): Step =>
  does(({ start }) => mmapping({ addr: start.brk + pages(page), flags: ANON | MAP.FIXED | more, prot }));

const unmapHeap = (from: number, count: number): Step =>
  does(({ start }) => request({ call: "munmap", addr: start.brk + pages(from), length: pages(count) }));

const protectHeap = (from: number, count: number, prot: number): Step =>
  does(({ start }) =>
    request({ call: "mprotect", addr: start.brk + pages(from), length: pages(count), prot }),
  );

const touchHeap = (page: number): Step =>
  does(({ start }) => ({ touch: start.brk + pages(page), write: true }));

/** The mappings from the heap's start on. */
const heapShows = (row: string): Step => showsFrom(heap(0), row);

const sharedInHeap = does(({ start }) =>
  mmapping({ addr: start.brk + P, flags: MAP.SHARED | MAP.ANONYMOUS | MAP.FIXED }),
);

const moveHeap = does(({ start }) =>
  request({
    call: "mremap",
    addr: start.brk + P,
    oldLength: P,
    newLength: P,
    flags: MREMAP.MAYMOVE | MREMAP.FIXED,
    newAddr: 0x20000000,
  }),
);

const sealHeap = does(({ start }) => request({ call: "mseal", addr: start.brk, length: 2 * P, flags: 0 }));

export const BRK = section("brk", [
  rule(
    "brk answers the break, wherever it is asked to go below the heap",
    gives(heap(0), brkTo(0)),
    gives(heap(0), brkTo(1)),
    gives(heap(0), brk(-1)),
  ),
  rule(
    "brk grows the heap by whole pages, and keeps the break to the byte",
    changes({ VmSize: 2, VmData: 2 }, gives(heap(P + 5), brk(P + 5))),
    heapShows("AA."),
  ),
  rule(
    "a break inside the last page moves without mapping anything",
    brk(P + 5),
    changes({ VmSize: 0, VMAs: 0 }, gives(heap(P + 99), brk(P + 99))),
    changes({ VmSize: 0 }, brk(2 * P)),
  ),
  rule("the heap is named", brk(P), named(heap(0), "[heap]")),
  rule("the heap is accounted memory", brk(P), flags(heap(0), "rd wr mr mw me ac")),
  rule("the heap grows as one mapping", brk(P), changes({ VMAs: 0 }, brk(3 * P)), heapShows("AAA.")),
  rule(
    "the heap does not merge with the bss below it",
    changes({ VMAs: 1 }, brk(P)),
    showsFrom(heap(-P), "A|A"),
  ),
  rule(
    "the heap does not merge with new memory that ends where it starts either",
    beside(-1),
    changes({ VMAs: 1 }, brk(P)),
    showsFrom(heap(-P), "A|A"),
  ),
  rule(
    "the heap shrinks by whole pages",
    brk(4 * P),
    changes({ VmSize: -2, VmData: -2 }, gives(heap(P + 1), brk(P + 1))),
    heapShows("AA.."),
  ),
  rule("the heap shrinks to nothing", brk(2 * P), changes({ VMAs: -1 }, gives(heap(0), brk(0)))),
  rule("a heap that is gone cannot shrink", brk(2 * P), unmapHeap(0, 2), gives(heap(2 * P), brk(P))),
  rule(
    "a heap with a hole shrinks over it",
    brk(4 * P),
    unmapHeap(1, 2),
    gives(heap(0), brk(0)),
    heapShows("...."),
  ),
  rule(
    "what shrinking would unmap must be mapped somewhere",
    brk(4 * P),
    unmapHeap(2, 2),
    gives(heap(4 * P), brk(2 * P)),
    gives(heap(P), brk(P)),
  ),
  rule(
    "a heap behind a hole grows as a new mapping",
    brk(2 * P),
    unmapHeap(1, 1),
    gives(heap(4 * P), brk(4 * P)),
    heapShows("A.AA"),
  ),
  rule(
    "growth leaves a free page below the next mapping",
    beside(5),
    gives(heap(0), brk(5 * P)),
    gives(heap(4 * P), brk(4 * P)),
    heapShows("AAAA.A"),
  ),
  rule(
    "growth leaves a guard gap and a page below memory that grows down",
    beside(300, MAP.GROWSDOWN),
    gives(heap(0), brk(44 * P)),
    gives(heap(43 * P), brk(43 * P)),
  ),
  rule("growth over a mapping is no growth", beside(2), gives(heap(0), brk(8 * P))),
  rule(
    "growth beyond user space is no growth",
    gives(heap(0), brkTo(TASK_SIZE)),
    gives(heap(0), brkTo(TASK_SIZE + P)),
    gives(heap(0), brkTo(2n ** 64n - 1n)),
  ),
  rule(
    "memory that mmap puts at the break joins the heap, which cannot grow then",
    brk(P),
    beside(1),
    heapShows("AA."),
    gives(heap(P), brk(2 * P)),
  ),
  rule(
    "memory unlike the heap at the break keeps it from growing too",
    brk(P),
    beside(1, 0, 1),
    gives(heap(P), brk(2 * P)),
    heapShows("Aa"),
  ),
  rule(
    "a heap that was made readable grows as a second mapping",
    brk(P),
    protectHeap(0, 1, 1),
    changes({ VMAs: 1 }, brk(2 * P)),
    heapShows("aA"),
  ),
  rule(
    "a heap that was made writable again grows as one",
    brk(P),
    protectHeap(0, 1, 1),
    protectHeap(0, 1, 3),
    changes({ VMAs: 0 }, brk(2 * P)),
    heapShows("AA"),
  ),
  rule(
    "RLIMIT_DATA binds the heap together with the program's data",
    limit("data", now("VmPin", 3)),
    gives(heap(0), brk(4 * P)),
  ),
  rule(
    "RLIMIT_AS binds the heap",
    limit("as", now("VmSize", 2)),
    gives(heap(0), brk(3 * P)),
    gives(heap(2 * P), brk(2 * P)),
  ),
  rule(
    "a limit does not keep the heap from shrinking",
    brk(4 * P),
    limit("data", 0, 0),
    limit("as", P),
    gives(heap(4 * P), brk(P)),
  ),
  rule(
    "a child's heap is the same",
    brk(2 * P),
    touchHeap(0),
    fork(),
    gives(heap(2 * P), brkTo(0)),
    heapShows("AA"),
  ),
  rule(
    "a child's heap that the parent wrote to grows as a second mapping, which then grows",
    brk(P),
    touchHeap(0),
    fork(),
    changes({ VMAs: 1 }, brk(2 * P)),
    changes({ VMAs: 0 }, brk(3 * P)),
    heapShows("A|AA"),
    named(heap(P), "[heap]"),
  ),
  rule(
    "a child's heap that nobody wrote to grows as one",
    brk(P),
    fork(),
    changes({ VMAs: 0 }, brk(2 * P)),
    heapShows("AA"),
  ),
  rule(
    "any mapping without a file that overlaps the break's range is named [heap]",
    brk(2 * P),
    protectHeap(1, 1, 0),
    named(heap(P), "[heap]"),
    access(heap(P), "---p"),
  ),
  rule(
    "shared memory in the heap keeps its own name",
    brk(3 * P),
    sharedInHeap,
    named(heap(P), "/dev/zero (deleted)"),
  ),
  rule(
    "part of the heap moves like any memory, and is the heap no longer",
    brk(3 * P),
    moveHeap,
    heapShows("A.A"),
    named(0x20000000, ""),
  ),
  rule("a sealed heap does not shrink", brk(2 * P), sealHeap, gives(heap(2 * P), brk(P))),
  rule("a huge request is no growth", gives(heap(0), brk(2 ** 47))),
  rule(
    "a 32-bit heap grows in the same way",
    { on: NARROW },
    changes({ VmSize: 2 }, gives(heap(2 * P), brk(2 * P))),
  ),
  rule("a 32-bit heap does not grow beyond 4 GiB", { on: NARROW }, gives(heap(0), brkTo(0xfffff000))),
  rule(
    "writes to the heap reach up to its last byte's page",
    brk(P + 1),
    touchHeap(1),
    dies("SIGSEGV MAPERR", touchHeap(2)),
  ),
]);
