import type { Deed, PageOperation } from "@pagetrail/conformance";
import { MAP, PROT } from "@pagetrail/core";

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

export const PAGE = 4096;
export const WINDOW = 0x20000000;
export const ANON = MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED;
export const { READ, WRITE, EXEC } = PROT;
export const RW = READ | WRITE;
export const MEMFD = 20;
export const DISK = 28;

export const at = (page: number): number => WINDOW + page * PAGE;
export const by = (member: number, deed: Deed): PageOperation => ({ member, ...deed });
export const me = (deed: Deed): PageOperation => by(0, deed);

export const mapping = (page: number, pages: number, prot: number, flags: number, fd = -1, offset = 0) =>
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
export const anon = (page: number, pages: number, prot: number = RW, more = 0): PageOperation =>
  mapping(page, pages, prot, ANON | more);
export const sharedAnon = (page: number, pages: number, more = 0): PageOperation =>
  mapping(page, pages, RW, MAP.SHARED | MAP.ANONYMOUS | MAP.FIXED | more);
export const privateFile = (
  fd: number,
  page: number,
  pages: number,
  prot: number = RW,
  offset = page,
  more = 0,
) => mapping(page, pages, prot, MAP.PRIVATE | MAP.FIXED | more, fd, offset);
export const sharedFile = (
  fd: number,
  page: number,
  pages: number,
  prot: number = RW,
  offset = page,
  more = 0,
) => mapping(page, pages, prot, MAP.SHARED | MAP.FIXED | more, fd, offset);

export const touch =
  (kind: "read" | "write" | "exec") =>
  (page: number, member = 0): PageOperation =>
    by(member, { access: { addr: at(page), kind } });
export const [read, write, exec] = [touch("read"), touch("write"), touch("exec")];
export const reach = (addr: number | bigint): PageOperation => me({ access: { addr, kind: "read" } });
export const fork = me({ life: "fork" });
export const exit = (member: number): PageOperation => by(member, { life: "exit" });
export const unmapping = (page: number, pages: number): Deed => ({
  request: { call: "munmap", addr: at(page), length: pages * PAGE },
});
export const munmap = (page: number, pages: number) => me(unmapping(page, pages));
export const mprotect = (page: number, pages: number, prot: number) =>
  me({ request: { call: "mprotect", addr: at(page), length: pages * PAGE, prot } });
export const advise = (advice: number, page: number, pages: number) =>
  me({ request: { call: "madvise", addr: at(page), length: pages * PAGE, advice } });
export const lock = (page: number, pages: number, flags = 0) =>
  me({ request: { call: "mlock", addr: at(page), length: pages * PAGE, flags } });
export const mremap = (page: number, pages: number, newPages: number, flags: number, target = 0) =>
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
export const truncate = (fd: number, pages: number) => me({ truncate: { fd, size: pages * PAGE } });

export const MOVE = 3;
export const KEEP = 7;
export const BLOCK = 512;

export const segv = (code: string, page: number): string => `SIGSEGV ${code} at 0x${at(page).toString(16)}`;
export const bus = (page: number): string => `SIGBUS ADRERR at 0x${at(page).toString(16)}`;
export const mapped = (page: number): string => `0x${at(page).toString(16)}`;
