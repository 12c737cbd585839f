import { type FileId, MADV, MAP, type Pid, PROT, REFERENCE_PROFILE, type Request } from "@pagetrail/core";
import { anonymous, Recorder } from "@pagetrail/testing";

/** Where the process of `pagesDemo` has its memory. */
export const MEMORY = 0x20000000;
export const HUGE = 0x20400000;
const LIBRARY = 0x30000000;

const { pages, sysctl } = REFERENCE_PROFILE;

/** The reference machine with 256 MiB, a little swap and one huge page in the pool; every access is told. */
const PAGES = {
  ...REFERENCE_PROFILE,
  sysctl: { ...sysctl, swapPages: 64, hugePages: 1, totalPages: 2 ** 16 },
  pages: { ...pages, known: true, frames: 2 ** 16 },
};

const mapping = (addr: number, count: number, more: Parameters<typeof anonymous>[1] = {}): Request =>
  anonymous(count * 4096, { addr, flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.FIXED, ...more });

/**
 * A process 100 with a page of each sort: of eight pages at MEMORY the first is written, the second read, the third
 * written and then closed, the fourth in swap, the fifth a guard region; at HUGE a huge page; at LIBRARY a file of
 * three pages, of which the first is executed by event 16. From event 15 on a child 101 shares what is private.
 */
export function pagesDemo(): Recorder {
  const r = new Recorder(PAGES);
  const ask = (request: Request): void => {
    r.call(100, request);
  };
  const at = (page: number): number => MEMORY + page * 4096;
  ask({ call: "adopt", comm: "demo", tgid: 100 as Pid });
  const read = { kind: "disk", readable: true, writable: false, deleted: false, size: 12288 } as const;
  ask({ call: "file", file: { ...read, id: 1 as FileId, path: "/lib/libdemo+1.so" } });
  ask(mapping(MEMORY, 8));
  for (const [page, kind] of [
    [0, "write"],
    [1, "read"],
    [2, "write"],
    [3, "write"],
  ] as const)
    ask({ call: "access", addr: at(page), kind });
  ask({ call: "mprotect", addr: at(2), length: 4096, prot: 0 });
  ask({ call: "madvise", addr: at(3), length: 4096, advice: MADV.PAGEOUT });
  ask({ call: "madvise", addr: at(4), length: 4096, advice: MADV.GUARD_INSTALL });
  ask(mapping(HUGE, 512));
  ask({ call: "madvise", addr: HUGE, length: 512 * 4096, advice: MADV.HUGEPAGE });
  ask({ call: "access", addr: HUGE + 5 * 4096, kind: "write" });
  ask(mapping(LIBRARY, 3, { prot: PROT.READ | PROT.EXEC, flags: MAP.PRIVATE | MAP.FIXED, file: 1 }));
  r.call(100, { call: "clone", flags: 17, child: 101 as Pid }, { as: "fork" });
  ask({ call: "access", addr: LIBRARY, kind: "exec" });
  r.call(101, { call: "exit_group", code: 0 });
  return r;
}

/** Events behind which there is no child yet, there is one, and it has ended. */
export const ALONE = "14";
export const FORKED = "16";
export const ENDED = "17";
