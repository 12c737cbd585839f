import type { Deed, PageOperation } from "@pagetrail/conformance";
import { MADV, MAP, PROT } from "@pagetrail/core";

/**
 * Short runs of a family of processes, each with what the kernel is known to do then. Both the kernel and the
 * model are held to them.
 */
export interface Fact {
  readonly says: string;
  readonly first: readonly PageOperation[];
  /** What happens between the two moments that are looked at. */
  readonly act: readonly PageOperation[];
  /** How the last operation ends; 0x0 where nothing is said. */
  readonly result?: string;
  /** What is different then, for the member looked at: pages for sizes, a number for faults. */
  readonly change?: Readonly<Record<string, number>>;
  readonly member?: number;
  /**
   * The frames behind the first pages of the window, a letter for each of them in the order of appearance, a
   * string for each living member: before and after. Dots for no frame, `z` for the frame of zeros, `g` for a
   * guard marker.
   */
  readonly frames?: readonly (readonly string[])[];
}

const PAGE = 4096;
export const WINDOW = 0x20000000;
const ANON = MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED;
const { READ, WRITE, EXEC } = PROT;
const RW = READ | WRITE;
const MEMFD = 20;
const DISK = 28;

const at = (page: number): number => WINDOW + page * PAGE;
const by = (member: number, deed: Deed): PageOperation => ({ member, ...deed });
const me = (deed: Deed): PageOperation => by(0, deed);

const mapping = (page: number, pages: number, prot: number, flags: number, fd = -1, offset = 0) =>
  me({
    request: {
      call: "mmap",
      addr: at(page),
      length: pages * PAGE,
      prot,
      flags,
      offset: offset * PAGE,
      file: Math.max(fd, 0),
    },
    fd,
  });
const anon = (page: number, pages: number, prot: number = RW, more = 0): PageOperation =>
  mapping(page, pages, prot, ANON | more);
const sharedAnon = (page: number, pages: number, more = 0): PageOperation =>
  mapping(page, pages, RW, MAP.SHARED | MAP.ANONYMOUS | MAP.FIXED | more);
const privateFile = (fd: number, page: number, pages: number, prot: number = RW, offset = page, more = 0) =>
  mapping(page, pages, prot, MAP.PRIVATE | MAP.FIXED | more, fd, offset);
const sharedFile = (fd: number, page: number, pages: number, prot: number = RW, offset = page, more = 0) =>
  mapping(page, pages, prot, MAP.SHARED | MAP.FIXED | more, fd, offset);

const touch =
  (kind: "read" | "write" | "exec") =>
  (page: number, member = 0): PageOperation =>
    by(member, { access: { addr: at(page), kind } });
const [read, write, exec] = [touch("read"), touch("write"), touch("exec")];
const reach = (addr: number | bigint): PageOperation => me({ access: { addr, kind: "read" } });
const fork = me({ life: "fork" });
const exit = (member: number): PageOperation => by(member, { life: "exit" });
const unmapping = (page: number, pages: number): Deed => ({
  request: { call: "munmap", addr: at(page), length: pages * PAGE },
});
const munmap = (page: number, pages: number) => me(unmapping(page, pages));
const mprotect = (page: number, pages: number, prot: number) =>
  me({ request: { call: "mprotect", addr: at(page), length: pages * PAGE, prot } });
const advise = (advice: number, page: number, pages: number) =>
  me({ request: { call: "madvise", addr: at(page), length: pages * PAGE, advice } });
const lock = (page: number, pages: number, flags = 0) =>
  me({ request: { call: "mlock", addr: at(page), length: pages * PAGE, flags } });
const mremap = (page: number, pages: number, newPages: number, flags: number, target = 0) =>
  me({
    request: {
      call: "mremap",
      addr: at(page),
      oldLength: pages * PAGE,
      newLength: newPages * PAGE,
      flags,
      newAddr: at(target),
    },
  });
const truncate = (fd: number, pages: number) => me({ truncate: { fd, size: pages * PAGE } });

const MOVE = 3;
const KEEP = 7;
const BLOCK = 512;

const segv = (code: string, page: number): string => `SIGSEGV ${code} at 0x${at(page).toString(16)}`;
const bus = (page: number): string => `SIGBUS ADRERR at 0x${at(page).toString(16)}`;
const mapped = (page: number): string => `0x${at(page).toString(16)}`;

const FAULTS: readonly Fact[] = [
  {
    says: "an address that is not canonical is a general protection fault, of no address",
    first: [],
    act: [reach(0x8000000000000000n)],
    result: "SIGSEGV KERNEL at 0x0",
    change: {},
  },
  {
    says: "a kernel address has no mapping",
    first: [],
    act: [reach(0xffff888000000000n)],
    result: "SIGSEGV MAPERR at 0xffff888000000000",
    change: {},
  },
  {
    says: "a fault that ends in a signal is not counted",
    first: [anon(0, 1, PROT.READ)],
    act: [write(0)],
    result: segv("ACCERR", 0),
    change: {},
  },
  {
    says: "a stack grows before its protection is looked at",
    first: [anon(8, 1, 0, MAP.GROWSDOWN)],
    act: [read(6)],
    result: segv("ACCERR", 6),
    change: { VmSize: 2, VmStk: 2 },
  },
  {
    says: "memory that may only be written to can be read",
    first: [anon(0, 1, WRITE)],
    act: [read(0)],
    change: { minor: 1, VmPTE: 3 },
    frames: [["."], ["z"]],
  },
  {
    says: "memory that may only be executed can be read",
    first: [anon(0, 1, EXEC)],
    act: [read(0)],
    change: { minor: 1, VmPTE: 3 },
    frames: [["."], ["z"]],
  },
  {
    says: "executing memory that may not be brings in the page, and ends in a signal",
    first: [anon(0, 1)],
    act: [exec(0)],
    result: segv("ACCERR", 0),
    change: { minor: 1, VmPTE: 3 },
    frames: [["."], ["z"]],
  },
  {
    says: "executing a page is a read fault",
    first: [anon(0, 1, READ | EXEC)],
    act: [exec(0)],
    change: { minor: 1, VmPTE: 3 },
    frames: [["."], ["z"]],
  },
];

const ANONYMOUS: readonly Fact[] = [
  {
    says: "a read of new memory maps the page of zeros, which counts nowhere",
    first: [anon(0, 4), read(3)],
    act: [read(1)],
    change: { minor: 1 },
    frames: [["...z"], [".z.z"]],
  },
  {
    says: "a write to new memory takes a page",
    first: [anon(0, 4), read(3)],
    act: [write(1)],
    change: { minor: 1, RssAnon: 1, VmRSS: 1 },
    frames: [["...z"], [".a.z"]],
  },
  {
    says: "a write to the page of zeros takes a page",
    first: [anon(0, 2), read(0), read(1)],
    act: [write(0)],
    change: { minor: 1, RssAnon: 1, VmRSS: 1 },
    frames: [["zz"], ["az"]],
  },
  {
    says: "protection takes no page away",
    first: [anon(0, 2), write(0), read(1)],
    act: [mprotect(0, 2, 0)],
    change: { VmData: -2 },
    frames: [["az"], ["az"]],
  },
  {
    says: "a page of one's own is writable again at once after a protection and back",
    first: [anon(0, 2), write(0), mprotect(0, 2, READ), mprotect(0, 2, RW)],
    act: [write(0)],
    change: {},
    frames: [["a."], ["a."]],
  },
  {
    says: "populating private memory that may be written to is a fault a page",
    first: [anon(20, 1), read(20)],
    act: [anon(0, 8, RW, MAP.POPULATE)],
    result: mapped(0),
    change: { minor: 8, RssAnon: 8, VmRSS: 8, VmSize: 8, VmData: 8 },
  },
  {
    says: "populating private memory that may only be read is a page of zeros a page",
    first: [anon(20, 1), read(20)],
    act: [anon(0, 8, READ, MAP.POPULATE)],
    result: mapped(0),
    change: { minor: 8, VmSize: 8 },
    frames: [["--------"], ["zzzzzzzz"]],
  },
  {
    says: "MAP_NONBLOCK takes MAP_POPULATE back",
    first: [],
    act: [anon(0, 8, RW, MAP.POPULATE | MAP.NONBLOCK)],
    result: mapped(0),
    change: { VmSize: 8, VmData: 8 },
  },
  {
    says: "a locked private mapping that becomes writable gets pages of its own",
    first: [anon(0, 2, READ), lock(0, 2)],
    act: [mprotect(0, 2, RW)],
    change: { minor: 2, RssAnon: 2, VmRSS: 2, VmData: 2, Locked: 2 },
    frames: [["zz"], ["ab"]],
  },
  {
    says: "mlock2 on fault brings nothing in",
    first: [anon(0, 2)],
    act: [lock(0, 2, 1)],
    change: { VmLck: 2 },
    frames: [[".."], [".."]],
  },
  {
    says: "MADV_DONTNEED takes pages, and a page table that it leaves wholly empty only with its whole block",
    first: [anon(0, 4), write(0), write(1)],
    act: [advise(MADV.DONTNEED, 0, 4)],
    change: { RssAnon: -2, VmRSS: -2 },
    frames: [["ab.."], ["...."]],
  },
  {
    says: "MADV_DONTNEED of one byte takes a page",
    first: [anon(0, 2), write(0), write(1)],
    act: [me({ request: { call: "madvise", addr: at(0), length: 1, advice: MADV.DONTNEED } })],
    change: { RssAnon: -1, VmRSS: -1 },
    frames: [["ab"], [".b"]],
  },
  {
    says: "MADV_FREE leaves the page, clean and old",
    first: [anon(0, 1), write(0)],
    act: [advise(MADV.FREE, 0, 1)],
    change: { LazyFree: 1, Private_Clean: 1, Private_Dirty: -1, Pss_Dirty: -1, Referenced: -1 },
    frames: [["a"], ["a"]],
  },
  {
    says: "a write after MADV_FREE keeps the page, without a fault",
    first: [anon(0, 1), write(0), advise(MADV.FREE, 0, 1)],
    act: [write(0)],
    change: { LazyFree: -1, Private_Clean: -1, Private_Dirty: 1, Pss_Dirty: 1, Referenced: 1 },
    frames: [["a"], ["a"]],
  },
  {
    says: "mremap moves pages and copies none",
    first: [anon(0, 4), write(0), read(1), write(3)],
    act: [mremap(0, 4, 4, MOVE, 8)],
    result: mapped(8),
    change: {},
    frames: [["az.b--------"], ["--------az.b"]],
  },
  {
    says: "MREMAP_DONTUNMAP leaves an empty mapping",
    first: [anon(0, 2), write(0), write(1)],
    act: [mremap(0, 2, 2, KEEP, 4)],
    result: mapped(4),
    change: { VmSize: 2, VmData: 2 },
    frames: [["ab----"], ["..--ab"]],
  },
];

const FILES: readonly Fact[] = [
  {
    says: "a read maps the cached pages around it: 16, aligned by address",
    first: [privateFile(MEMFD, 0, 24, READ)],
    act: [read(17)],
    result: "0x90",
    change: { minor: 1, RssShmem: 8, VmRSS: 8, VmPTE: 3 },
    frames: [["........................"], ["................abcdefgh"]],
  },
  {
    says: "the 16 pages begin where the mapping does, if that is later",
    first: [privateFile(MEMFD, 3, 21, READ)],
    act: [read(5)],
    result: "0x90",
    change: { minor: 1, RssShmem: 16, VmRSS: 16, VmPTE: 3 },
    frames: [["---....................."], ["---abcdefghijklmnop....."]],
  },
  {
    says: "populating cached pages of a file for reading is a fault for every 16 of them",
    first: [],
    act: [privateFile(MEMFD, 0, 24, READ, 0, MAP.POPULATE)],
    result: mapped(0),
    change: { minor: 2, RssShmem: 24, VmRSS: 24, VmPTE: 3, VmSize: 24 },
  },
  {
    says: "populating a private mapping of a file for writing copies every page",
    first: [],
    act: [privateFile(MEMFD, 0, 24, RW, 0, MAP.POPULATE)],
    result: mapped(0),
    change: { minor: 24, RssAnon: 24, VmRSS: 24, VmPTE: 3, VmSize: 24, VmData: 24 },
  },
  {
    says: "populating beyond the end of a file stops there, and tells nobody",
    first: [],
    act: [privateFile(DISK, 0, 32, READ, 0, MAP.POPULATE)],
    result: mapped(0),
    change: { minor: 2, RssFile: 24, VmRSS: 24, VmPTE: 3, VmSize: 32 },
  },
  {
    says: "a private write where nothing is maps one copy, and nothing around it",
    first: [privateFile(DISK, 0, 24)],
    act: [write(4)],
    change: { minor: 1, RssAnon: 1, VmRSS: 1, VmPTE: 3 },
    frames: [["......"], ["....a."]],
  },
  {
    says: "a private write to a mapped page of the file exchanges it for a copy",
    first: [privateFile(DISK, 0, 4), read(0)],
    act: [write(1)],
    change: { minor: 1, RssAnon: 1, RssFile: -1 },
    frames: [["abcd"], ["aecd"]],
  },
  {
    says: "the first write to a page of a disk file that a read mapped faults again",
    first: [sharedFile(DISK, 0, 4), read(0)],
    act: [write(1)],
    change: { minor: 1, Private_Clean: -1, Private_Dirty: 1, Pss_Dirty: 1 },
    frames: [["abcd"], ["abcd"]],
  },
  {
    says: "a page of shared memory that a read mapped is writable at once",
    first: [sharedFile(MEMFD, 0, 4), read(0)],
    act: [write(1)],
    change: {},
    frames: [["abcd"], ["abcd"]],
  },
  {
    says: "beyond the end of the file is SIGBUS, for a read",
    first: [privateFile(DISK, 20, 12)],
    act: [read(27)],
    result: bus(27),
    change: { RssFile: 4, VmRSS: 4, VmPTE: 3 },
  },
  {
    says: "beyond the end of the file is SIGBUS, for a write, with the tables above the lowest made",
    first: [sharedFile(DISK, 20, 12)],
    act: [write(27)],
    result: bus(27),
    change: { VmPTE: 2 },
  },
  {
    says: "a shorter file loses its pages, and private copies of them",
    first: [privateFile(DISK, 0, 4), write(0), write(2), read(3)],
    act: [truncate(DISK, 1)],
    change: { RssAnon: -1, RssFile: -2, VmRSS: -3 },
    frames: [["abcd"], ["a..."]],
  },
  {
    says: "a hole in shared memory is filled by a read",
    first: [sharedFile(MEMFD, 28, 4), read(28)],
    act: [read(30)],
    change: { minor: 1, RssShmem: 1, VmRSS: 1 },
  },
  {
    says: "shared anonymous memory does not grow with its mapping",
    first: [sharedAnon(0, 2), mremap(0, 2, 4, 0)],
    act: [read(3)],
    result: bus(3),
    change: { VmPTE: 2 },
  },
  {
    says: "a private mapping of shared memory counts copies as anonymous",
    first: [privateFile(MEMFD, 0, 4), read(0)],
    act: [write(2)],
    change: { minor: 1, RssAnon: 1, RssShmem: -1 },
    frames: [["abcd"], ["abed"]],
  },
  {
    says: "MADV_REMOVE takes pages out of the file, and of every mapping",
    first: [sharedFile(MEMFD, 0, 4), read(0), fork, read(0, 1)],
    act: [advise(MADV.REMOVE, 1, 2)],
    change: { RssShmem: -2, VmRSS: -2 },
    frames: [
      ["abcd", "abcd"],
      ["a..d", "a..d"],
    ],
  },
];

const FORKS: readonly Fact[] = [
  {
    says: "a fork shares private pages, and reading them faults nowhere",
    first: [anon(0, 2), write(0), fork],
    act: [read(0), read(0, 1)],
    result: "0x90",
    change: {},
    frames: [
      ["a.", "a."],
      ["a.", "a."],
    ],
  },
  {
    says: "the first to write after a fork gets a copy",
    first: [anon(0, 1), write(0), fork],
    act: [write(0)],
    change: { minor: 1, Private_Dirty: 1, Shared_Dirty: -1, Pss: 0.5, Pss_Dirty: 0.5, Referenced: 0 },
    frames: [
      ["a", "a"],
      ["b", "a"],
    ],
  },
  {
    says: "the second to write takes the page itself",
    first: [anon(0, 1), write(0), fork, write(0)],
    act: [write(0, 1)],
    member: 1,
    change: { minor: 1, Referenced: 1 },
    frames: [
      ["a", "b"],
      ["a", "b"],
    ],
  },
  {
    says: "a parent that writes after its child is gone takes the page itself",
    first: [anon(0, 1), write(0), fork, exit(1)],
    act: [write(0)],
    change: { minor: 1 },
    frames: [["a"], ["a"]],
  },
  {
    says: "protection does not bring write access back after a fork",
    first: [anon(0, 1), write(0), fork, mprotect(0, 1, READ), mprotect(0, 1, RW)],
    act: [write(0)],
    change: { minor: 1, Private_Dirty: 1, Shared_Dirty: -1, Pss: 0.5, Pss_Dirty: 0.5 },
    frames: [
      ["a", "a"],
      ["b", "a"],
    ],
  },
  {
    says: "memory that was only read is not copied by a fork",
    first: [anon(0, 1), read(0)],
    act: [fork],
    frames: [["z"], ["z", "."]],
  },
  {
    says: "zero pages beside written memory are",
    first: [anon(0, 2), read(0), write(1)],
    act: [fork],
    frames: [["za"], ["za", "za"]],
  },
  {
    says: "shared anonymous memory is not copied by a fork",
    first: [sharedAnon(0, 1), write(0)],
    act: [fork],
    frames: [["a"], ["a", "."]],
  },
  {
    says: "a shared file is not copied by a fork",
    first: [sharedFile(MEMFD, 0, 2), write(0), read(1)],
    act: [fork],
    frames: [["ab"], ["ab", ".."]],
  },
  {
    says: "a private file without a copy is not copied by a fork",
    first: [privateFile(DISK, 0, 2), read(0)],
    act: [fork],
    frames: [["ab"], ["ab", ".."]],
  },
  {
    says: "a private file with a copy is, pages of the file included",
    first: [privateFile(DISK, 0, 2), read(0), write(1)],
    act: [fork],
    frames: [["ab"], ["ab", "ab"]],
  },
  {
    says: "MADV_WIPEONFORK empties the child's memory",
    first: [anon(0, 1), write(0), advise(MADV.WIPEONFORK, 0, 1)],
    act: [fork],
    frames: [["a"], ["a", "."]],
  },
  {
    says: "MADV_DONTFORK keeps it from the child",
    first: [anon(0, 1), write(0), advise(MADV.DONTFORK, 0, 1)],
    act: [fork],
    frames: [["a"], ["a", "-"]],
  },
  {
    says: "a child's faults begin at the one that brings its program in",
    first: [anon(0, 1), write(0), fork],
    act: [write(0, 1)],
    member: 1,
    change: { minor: 1, Private_Dirty: 1, Shared_Dirty: -1, Pss: 0.5, Pss_Dirty: 0.5, Referenced: 1 },
  },
  {
    says: "guard markers go to the child",
    first: [anon(0, 2), advise(MADV.GUARD_INSTALL, 0, 1)],
    act: [fork],
    frames: [["g."], ["g.", "g."]],
  },
];

const GUARDS: readonly Fact[] = [
  {
    says: "a guard region takes a page table, and no page",
    first: [anon(0, 2)],
    act: [advise(MADV.GUARD_INSTALL, 0, 1)],
    change: { VmPTE: 3 },
    frames: [[".."], ["g."]],
  },
  {
    says: "a guard region takes the page that was there",
    first: [anon(0, 2), write(0)],
    act: [advise(MADV.GUARD_INSTALL, 0, 1)],
    change: { RssAnon: -1, VmRSS: -1 },
    frames: [["a."], ["g."]],
  },
  {
    says: "touching a guard region is touching what is not mapped",
    first: [anon(0, 2), advise(MADV.GUARD_INSTALL, 0, 1)],
    act: [write(0)],
    result: segv("MAPERR", 0),
    change: {},
  },
  {
    says: "guards survive MADV_DONTNEED",
    first: [anon(0, 2), advise(MADV.GUARD_INSTALL, 0, 1), write(1)],
    act: [advise(MADV.DONTNEED, 0, 2)],
    change: { RssAnon: -1, VmRSS: -1 },
    frames: [["ga"], ["g."]],
  },
  {
    says: "MADV_GUARD_REMOVE leaves new memory",
    first: [anon(0, 2), advise(MADV.GUARD_INSTALL, 0, 1), advise(MADV.GUARD_REMOVE, 0, 1)],
    act: [write(0)],
    change: { minor: 1, RssAnon: 1, VmRSS: 1 },
    frames: [[".."], ["a."]],
  },
  {
    says: "locking memory with a guard fails, and locks it",
    first: [anon(0, 2), advise(MADV.GUARD_INSTALL, 0, 1)],
    act: [lock(0, 2)],
    result: "-ENOMEM",
    change: { VmLck: 2 },
  },
];

const TABLES: readonly Fact[] = [
  {
    says: "the first page of 512 GiB takes three tables",
    first: [anon(0, 1)],
    act: [read(0)],
    change: { minor: 1, VmPTE: 3 },
  },
  {
    says: "one more 2 MiB takes one",
    first: [anon(0, 1), read(0), anon(BLOCK, 1)],
    act: [read(BLOCK)],
    change: { minor: 1, VmPTE: 1 },
  },
  {
    says: "one more GiB takes two",
    first: [anon(0, 1), read(0), anon(BLOCK * 512, 1)],
    act: [read(BLOCK * 512)],
    change: { minor: 1, VmPTE: 2 },
  },
  {
    says: "munmap gives tables back that lie between its neighbours",
    first: [anon(0, 1), read(0), anon(BLOCK * 512, 1), read(BLOCK * 512)],
    act: [munmap(BLOCK * 512, 1)],
    change: { VmPTE: -2, VmSize: -1, VmData: -1 },
  },
  {
    says: "munmap keeps a table that a neighbour may use",
    first: [anon(0, 1), anon(4, 1), write(4)],
    act: [munmap(4, 1)],
    change: { RssAnon: -1, VmRSS: -1, VmSize: -1, VmData: -1 },
  },
  {
    says: "MADV_DONTNEED of whole 2 MiB gives their lowest table back",
    first: [anon(0, 3 * BLOCK), write(BLOCK)],
    act: [advise(MADV.DONTNEED, BLOCK, BLOCK)],
    change: { RssAnon: -1, VmRSS: -1, VmPTE: -1 },
  },
];

const HUGE_READY = [anon(0, 2 * BLOCK), advise(MADV.HUGEPAGE, 0, 2 * BLOCK)];

const HUGE: readonly Fact[] = [
  {
    says: "a write to memory that wants huge pages takes 2 MiB, and a table in reserve",
    first: [...HUGE_READY, read(BLOCK)],
    act: [write(0)],
    change: { minor: 1, RssAnon: BLOCK, VmRSS: BLOCK, AnonHugePages: BLOCK, VmPTE: 1 },
  },
  {
    says: "a read maps 2 MiB of zeros",
    first: [...HUGE_READY, write(BLOCK)],
    act: [read(0)],
    change: { minor: 1, VmPTE: 1 },
  },
  {
    says: "a table that is there already keeps huge pages out",
    first: [anon(0, BLOCK), write(1), advise(MADV.HUGEPAGE, 0, BLOCK)],
    act: [write(0)],
    change: { minor: 1, RssAnon: 1, VmRSS: 1 },
  },
  {
    says: "protecting a part of a huge page splits it",
    first: [...HUGE_READY, write(0)],
    act: [mprotect(3, 1, READ)],
    change: { AnonHugePages: -BLOCK, VmData: -1 },
  },
  {
    says: "a write to a huge page that a fork shares copies one small page",
    first: [...HUGE_READY, write(0), fork],
    act: [write(5)],
    change: {
      ...{ minor: 1, AnonHugePages: -BLOCK, Private_Dirty: 1, Shared_Dirty: -1 },
      ...{ Pss: 0.5, Pss_Dirty: 0.5 },
    },
  },
  {
    says: "a whole huge page is taken over when the others are gone",
    first: [...HUGE_READY, write(0), fork, exit(1)],
    act: [write(5)],
    change: { minor: 1 },
  },
  {
    says: "a fork shares a huge page, for a table in reserve",
    first: [...HUGE_READY, write(0)],
    act: [fork],
    change: { Shared_Dirty: BLOCK, Private_Dirty: -BLOCK, Pss: -BLOCK / 2, Pss_Dirty: -BLOCK / 2 },
  },
];

/** A huge page in small entries, of which a child had all until it exited. */
const HUGE_IN_PARTS = [...HUGE_READY, write(0), mprotect(3, 1, READ), fork, exit(1)];
const GONE = { Anonymous: -1, RssAnon: -1, VmRSS: -1 };

const HUGE_PARTS: readonly Fact[] = [
  {
    says: "a page of one is taken over when the others are gone",
    first: HUGE_IN_PARTS,
    act: [write(2)],
    change: { minor: 1 },
    frames: [["abcd"], ["abcd"]],
  },
  {
    says: "so it is where another page of it is no longer mapped",
    first: [...HUGE_IN_PARTS, munmap(1, 1)],
    act: [write(2)],
    change: { minor: 1 },
    frames: [["a-bc"], ["a-bc"]],
  },
  {
    says: "so it is where another page of it was moved",
    first: [...HUGE_IN_PARTS, mremap(1, 1, 1, MOVE, 4 * BLOCK)],
    act: [write(2)],
    change: { minor: 1 },
    frames: [["a-bc"], ["a-bc"]],
  },
  {
    says: "so it is for the page that was moved",
    first: [...HUGE_IN_PARTS, mremap(1, 1, 1, MOVE, 2 * BLOCK + 7)],
    act: [write(2 * BLOCK + 7)],
    change: { minor: 1 },
  },
  {
    says: "a page of one is copied while a child maps the same page",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ), fork],
    act: [write(2)],
    change: { minor: 1, Private_Dirty: 1, Shared_Dirty: -1, Pss: 0.5, Pss_Dirty: 0.5 },
    frames: [
      ["abcd", "abcd"],
      ["abed", "abcd"],
    ],
  },
  {
    says: "a page of one is copied while a child maps any other page of it",
    first: [
      ...HUGE_READY,
      write(0),
      mprotect(3, 1, READ),
      fork,
      by(1, unmapping(0, 3)),
      by(1, unmapping(4, 2 * BLOCK - 4)),
    ],
    act: [write(2)],
    change: { minor: 1 },
    frames: [
      ["abcd", "---d"],
      ["abed", "---d"],
    ],
  },
  {
    says: "a page of one is copied by a grandchild, though it is left alone: a third address space is not followed",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ), fork, by(1, { life: "fork" }), exit(0), exit(1)],
    act: [write(2, 2)],
    member: 2,
    change: { minor: 1 },
    frames: [["abcd"], ["abed"]],
  },
  {
    says: "so it is by a second child",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ), fork, fork, exit(0), exit(1)],
    act: [write(2, 2)],
    member: 2,
    change: { minor: 1 },
    frames: [["abcd"], ["abed"]],
  },
  {
    says: "so it is by a second child, whichever of the others went first",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ), fork, fork, exit(1), exit(0)],
    act: [write(2, 2)],
    member: 2,
    change: { minor: 1 },
    frames: [["abcd"], ["abed"]],
  },
  {
    says: "a page of one is taken over by the parent that is left",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ), fork, fork, exit(2), exit(1)],
    act: [write(2)],
    change: { minor: 1 },
    frames: [["abcd"], ["abcd"]],
  },
  {
    says: "the last page of one that is mapped is copied, so that the rest is free",
    first: [...HUGE_IN_PARTS, munmap(0, 2), munmap(3, 2 * BLOCK - 3)],
    act: [write(2)],
    change: { minor: 1 },
    frames: [["--a-"], ["--b-"]],
  },
  {
    says: "of one that may be written to, it is not",
    first: [...HUGE_READY, write(0), munmap(0, 2), munmap(3, 2 * BLOCK - 3)],
    act: [write(2)],
    change: {},
    frames: [["--a-"], ["--a-"]],
  },
  {
    says: "one of its pages that may not be written to stays so when it is locked",
    first: [...HUGE_IN_PARTS, lock(0, 4)],
    act: [read(3)],
    change: {},
  },
  {
    says: "a page of one that goes leaves the others where they are",
    first: [...HUGE_READY, write(0)],
    act: [munmap(1, 1)],
    change: { ...GONE, AnonHugePages: -BLOCK, VmSize: -1 },
    frames: [["abcd"], ["a-cd"]],
  },
];

const HUGE_ADVICE: readonly Fact[] = [
  { says: "MADV_COLD of a whole one", first: [...HUGE_READY, write(0)], act: [advise(MADV.COLD, 0, BLOCK)] },
  { says: "MADV_COLD of a part of one", first: [...HUGE_READY, write(0)], act: [advise(MADV.COLD, 2, 5)] },
  {
    says: "MADV_COLD of a part of one, then a fork and an exit",
    first: [...HUGE_READY, write(0), advise(MADV.COLD, 2, 5), fork, fork, exit(0), exit(1)],
    act: [write(9, 2)],
    member: 2,
  },
  {
    says: "MADV_COLD of a whole one that a child has too",
    first: [...HUGE_READY, write(0), fork],
    act: [advise(MADV.COLD, 0, BLOCK)],
  },
  {
    says: "MADV_COLD of a part of one that a child has too",
    first: [...HUGE_READY, write(0), fork],
    act: [advise(MADV.COLD, 2, 5)],
  },
  { says: "MADV_COLD of zeros", first: [...HUGE_READY, read(0)], act: [advise(MADV.COLD, 0, BLOCK)] },
  { says: "MADV_COLD of a part of zeros", first: [...HUGE_READY, read(0)], act: [advise(MADV.COLD, 2, 5)] },
  {
    says: "MADV_COLD of one in parts",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ)],
    act: [advise(MADV.COLD, 0, BLOCK)],
  },
  {
    says: "MADV_COLD of some parts",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ)],
    act: [advise(MADV.COLD, 1, 5)],
  },
  {
    says: "MADV_COLD of what is left of one",
    first: [...HUGE_READY, write(0), munmap(8, 2 * BLOCK - 8)],
    act: [advise(MADV.COLD, 0, 8)],
  },
  {
    says: "MADV_COLD of some parts that a child has too",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ), fork],
    act: [advise(MADV.COLD, 1, 5)],
  },
  {
    says: "a write after MADV_COLD of a whole one",
    first: [...HUGE_READY, write(0), advise(MADV.COLD, 0, BLOCK)],
    act: [write(1)],
  },
  { says: "MADV_FREE of a whole one", first: [...HUGE_READY, write(0)], act: [advise(MADV.FREE, 0, BLOCK)] },
  { says: "MADV_FREE of a part of one", first: [...HUGE_READY, write(0)], act: [advise(MADV.FREE, 2, 5)] },
  {
    says: "MADV_FREE of a part of one, then a fork and an exit",
    first: [...HUGE_READY, write(0), advise(MADV.FREE, 2, 5), fork, fork, exit(0), exit(1)],
    act: [write(9, 2)],
    member: 2,
  },
  {
    says: "MADV_FREE of a whole one that a child has too",
    first: [...HUGE_READY, write(0), fork],
    act: [advise(MADV.FREE, 0, BLOCK)],
  },
  {
    says: "MADV_FREE of a part of one that a child has too",
    first: [...HUGE_READY, write(0), fork],
    act: [advise(MADV.FREE, 2, 5)],
  },
  { says: "MADV_FREE of zeros", first: [...HUGE_READY, read(0)], act: [advise(MADV.FREE, 0, BLOCK)] },
  { says: "MADV_FREE of a part of zeros", first: [...HUGE_READY, read(0)], act: [advise(MADV.FREE, 2, 5)] },
  {
    says: "MADV_FREE of one in parts",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ)],
    act: [advise(MADV.FREE, 0, BLOCK)],
  },
  {
    says: "MADV_FREE of some parts",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ)],
    act: [advise(MADV.FREE, 1, 5)],
  },
  {
    says: "MADV_FREE of what is left of one",
    first: [...HUGE_READY, write(0), munmap(8, 2 * BLOCK - 8)],
    act: [advise(MADV.FREE, 0, 8)],
  },
  {
    says: "MADV_FREE of some parts that a child has too",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ), fork],
    act: [advise(MADV.FREE, 1, 5)],
  },
  {
    says: "a write after MADV_FREE of a whole one",
    first: [...HUGE_READY, write(0), advise(MADV.FREE, 0, BLOCK)],
    act: [write(1)],
  },
  {
    says: "MADV_PAGEOUT of a whole one",
    first: [...HUGE_READY, write(0)],
    act: [advise(MADV.PAGEOUT, 0, BLOCK)],
  },
  {
    says: "MADV_PAGEOUT of a part of one",
    first: [...HUGE_READY, write(0)],
    act: [advise(MADV.PAGEOUT, 2, 5)],
  },
  {
    says: "MADV_PAGEOUT of a part of one, then a fork and an exit",
    first: [...HUGE_READY, write(0), advise(MADV.PAGEOUT, 2, 5), fork, fork, exit(0), exit(1)],
    act: [write(9, 2)],
    member: 2,
  },
  {
    says: "MADV_PAGEOUT of a whole one that a child has too",
    first: [...HUGE_READY, write(0), fork],
    act: [advise(MADV.PAGEOUT, 0, BLOCK)],
  },
  {
    says: "MADV_PAGEOUT of a part of one that a child has too",
    first: [...HUGE_READY, write(0), fork],
    act: [advise(MADV.PAGEOUT, 2, 5)],
  },
  { says: "MADV_PAGEOUT of zeros", first: [...HUGE_READY, read(0)], act: [advise(MADV.PAGEOUT, 0, BLOCK)] },
  {
    says: "MADV_PAGEOUT of a part of zeros",
    first: [...HUGE_READY, read(0)],
    act: [advise(MADV.PAGEOUT, 2, 5)],
  },
  {
    says: "MADV_PAGEOUT of one in parts",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ)],
    act: [advise(MADV.PAGEOUT, 0, BLOCK)],
  },
  {
    says: "MADV_PAGEOUT of some parts",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ)],
    act: [advise(MADV.PAGEOUT, 1, 5)],
  },
  {
    says: "MADV_PAGEOUT of what is left of one",
    first: [...HUGE_READY, write(0), munmap(8, 2 * BLOCK - 8)],
    act: [advise(MADV.PAGEOUT, 0, 8)],
  },
  {
    says: "MADV_PAGEOUT of some parts that a child has too",
    first: [...HUGE_READY, write(0), mprotect(3, 1, READ), fork],
    act: [advise(MADV.PAGEOUT, 1, 5)],
  },
  {
    says: "a write after MADV_PAGEOUT of a whole one",
    first: [...HUGE_READY, write(0), advise(MADV.PAGEOUT, 0, BLOCK)],
    act: [write(1)],
  },
];

/** Two pages in swap, and the others in memory. */
const SWAPPED = [anon(0, 8), write(0), write(1), write(2), write(3), advise(MADV.PAGEOUT, 0, 2)];
const OUT = { RssAnon: -1, VmRSS: -1, VmSwap: 1 };
const IN = { RssAnon: 1, VmRSS: 1, VmSwap: -1 };

/** What is known where swap is switched on, as memory that is compressed. */
export const SWAP_FACTS: readonly Fact[] = [
  {
    says: "MADV_PAGEOUT puts written pages into swap",
    first: [anon(0, 8), write(0), write(1)],
    act: [advise(MADV.PAGEOUT, 0, 1)],
    change: OUT,
  },
  { says: "a read brings one back", first: SWAPPED, act: [read(0)], change: { ...IN, major: 1 } },
  { says: "a write brings one back", first: SWAPPED, act: [write(0)], change: { ...IN, major: 1 } },
  { says: "one that was read may be written to", first: [...SWAPPED, read(0)], act: [write(0)], change: {} },
  { says: "munmap frees what is in swap", first: SWAPPED, act: [munmap(0, 8)] },
  {
    says: "MADV_DONTNEED frees what is in swap",
    first: SWAPPED,
    act: [advise(MADV.DONTNEED, 0, 1)],
    change: { VmSwap: -1 },
  },
  {
    says: "MADV_FREE frees what is in swap",
    first: SWAPPED,
    act: [advise(MADV.FREE, 0, 1)],
    change: { VmSwap: -1 },
  },
  {
    says: "MADV_WILLNEED reads what is in swap",
    first: [...SWAPPED, advise(MADV.WILLNEED, 0, 2)],
    act: [read(0)],
  },
  {
    says: "mremap moves what is in swap",
    first: [...SWAPPED, mremap(0, 4, 4, MOVE, 16)],
    act: [read(16)],
    change: { ...IN, major: 1 },
  },
  {
    says: "protection goes for what is in swap",
    first: [...SWAPPED, mprotect(0, 4, READ)],
    act: [read(0)],
    change: { ...IN, major: 1 },
  },
  {
    says: "protection and back",
    first: [...SWAPPED, mprotect(0, 4, READ), read(0), mprotect(0, 4, RW)],
    act: [write(0)],
  },
  { says: "a fork copies what is in swap", first: SWAPPED, act: [fork] },
  { says: "the first to read after a fork", first: [...SWAPPED, fork], act: [read(0)] },
  {
    says: "the second to read after a fork",
    first: [...SWAPPED, fork, read(0)],
    act: [read(0, 1)],
    member: 1,
  },
  { says: "the first to write after a fork", first: [...SWAPPED, fork], act: [write(0)] },
  {
    says: "the second to write after a fork",
    first: [...SWAPPED, fork, write(0)],
    act: [write(0, 1)],
    member: 1,
  },
  { says: "a write after both read", first: [...SWAPPED, fork, read(0), read(0, 1)], act: [write(0)] },
  {
    says: "a write after both read and one exited",
    first: [...SWAPPED, fork, read(0), read(0, 1), exit(1)],
    act: [write(0)],
  },
  { says: "a write after one read", first: [...SWAPPED, fork, read(0)], act: [write(0)] },
  {
    says: "a write after one read and the other exited",
    first: [...SWAPPED, fork, read(0), exit(1)],
    act: [write(0)],
  },
  { says: "a write after the other exited", first: [...SWAPPED, fork, exit(1)], act: [write(0)] },
  {
    says: "a write after the other exited, read first",
    first: [...SWAPPED, fork, exit(1), read(0)],
    act: [write(0)],
  },
  {
    says: "out, in and out again",
    first: [...SWAPPED, read(0), advise(MADV.PAGEOUT, 0, 1)],
    act: [write(0)],
  },
  {
    says: "a shared page stays",
    first: [anon(0, 8), write(0), fork],
    act: [advise(MADV.PAGEOUT, 0, 1)],
    change: {},
  },
  { says: "locking brings it back", first: SWAPPED, act: [lock(0, 2)] },
  { says: "populating brings it back", first: SWAPPED, act: [advise(MADV.POPULATE_READ, 0, 2)] },
  { says: "populating for writing brings it back", first: SWAPPED, act: [advise(MADV.POPULATE_WRITE, 0, 2)] },
  {
    says: "what was only read goes nowhere",
    first: [anon(0, 8), read(0)],
    act: [advise(MADV.PAGEOUT, 0, 1)],
    change: {},
  },
  {
    says: "shared memory goes to swap",
    first: [sharedAnon(0, 4), write(0)],
    act: [advise(MADV.PAGEOUT, 0, 1)],
  },
  {
    says: "shared memory comes back",
    first: [sharedAnon(0, 4), write(0), advise(MADV.PAGEOUT, 0, 1)],
    act: [read(0)],
  },
  {
    says: "shared memory comes back with a write",
    first: [sharedAnon(0, 4), write(0), advise(MADV.PAGEOUT, 0, 1)],
    act: [write(0)],
  },
  {
    says: "shared memory that was only read goes away",
    first: [sharedAnon(0, 4), read(0)],
    act: [advise(MADV.PAGEOUT, 0, 1)],
  },
  {
    says: "populating shared memory from swap",
    first: [sharedAnon(0, 4), write(0), write(1), advise(MADV.PAGEOUT, 0, 2)],
    act: [advise(MADV.POPULATE_READ, 0, 4)],
  },
  {
    says: "a child brings shared memory back",
    first: [sharedAnon(0, 4), write(0), fork, advise(MADV.PAGEOUT, 0, 1)],
    act: [read(0, 1)],
    member: 1,
  },
  {
    says: "a file in memory is cut while in swap",
    first: [sharedFile(MEMFD, 0, 8), write(2), advise(MADV.PAGEOUT, 2, 1), truncate(MEMFD, 2)],
    act: [truncate(MEMFD, 8)],
  },
  {
    says: "a private mapping of shared memory from swap",
    first: [sharedFile(MEMFD, 0, 8), write(2), advise(MADV.PAGEOUT, 2, 1), privateFile(MEMFD, 16, 8, RW, 0)],
    act: [read(18)],
  },
  {
    says: "a private write to shared memory from swap",
    first: [sharedFile(MEMFD, 0, 8), write(2), advise(MADV.PAGEOUT, 2, 1), privateFile(MEMFD, 16, 8, RW, 0)],
    act: [write(18)],
  },
  {
    says: "MADV_REMOVE of what is in swap",
    first: [sharedAnon(0, 4), write(0), advise(MADV.PAGEOUT, 0, 1)],
    act: [advise(MADV.REMOVE, 0, 1)],
  },
  {
    says: "MADV_WILLNEED of shared memory in swap",
    first: [sharedAnon(0, 4), write(0), advise(MADV.PAGEOUT, 0, 1), advise(MADV.WILLNEED, 0, 1)],
    act: [read(0)],
  },
  {
    says: "a huge page goes to swap",
    first: [...HUGE_READY, write(0)],
    act: [advise(MADV.PAGEOUT, 0, BLOCK)],
  },
  {
    says: "a huge page comes back",
    first: [...HUGE_READY, write(0), advise(MADV.PAGEOUT, 0, BLOCK)],
    act: [read(5)],
  },
  {
    says: "MADV_FREE, then out",
    first: [anon(0, 8), write(0), advise(MADV.FREE, 0, 1)],
    act: [advise(MADV.PAGEOUT, 0, 1)],
  },
  { says: "wipe on fork", first: [...SWAPPED, advise(MADV.WIPEONFORK, 0, 8)], act: [fork] },
  {
    says: "a private copy of a file goes to swap",
    first: [privateFile(DISK, 0, 4), write(0)],
    act: [advise(MADV.PAGEOUT, 0, 1)],
  },
];

/** Afterwards the first page of the window is the frame of zeros. */
export const ZERO_PROBE: readonly PageOperation[] = [anon(0, 1), read(0)];

/** By the heading under which a test has them. */
export const FACTS: Readonly<Record<string, readonly Fact[]>> = {
  "what a fault ends in": FAULTS,
  "private anonymous memory": ANONYMOUS,
  files: FILES,
  forks: FORKS,
  "guard regions": GUARDS,
  "page tables": TABLES,
  "huge pages": HUGE,
  "huge pages in parts": HUGE_PARTS,
  "huge pages and advice": HUGE_ADVICE,
};
