import type { Operation } from "@pagetrail/conformance";
import { MAP, PROT, type Request, type Word } from "@pagetrail/core";
import { at, pages, type Run, runsOf } from "./draw.ts";
import { type Doing, does, type Scene, type Step } from "./rule.ts";

type Mmap = Extract<Request, { call: "mmap" }>;

/** Descriptors of the program, and what stands behind them. */
export const FD = {
  memfd: 20,
  dup: 21,
  again: 22,
  memfdReadOnly: 23,
  memfdWriteOnly: 24,
  zero: 25,
  pipe: 26,
  directory: 27,
  file: 28,
  fileReadOnly: 29,
  sealed: 30,
  append: 31,
  small: 32,
  secret: 33,
  closed: 99,
} as const;

/** The model's file behind a descriptor: a dup stands for the description that it shares. */
const fileOf = (fd: number): number => (fd === FD.dup ? FD.memfd : fd >= 20 && fd <= 33 ? fd : -1);

const RW = PROT.READ | PROT.WRITE;

/** How a letter of a row is mapped, on top of MAP_FIXED. */
const KINDS: Readonly<Record<string, { readonly flags: number; readonly fd?: number }>> = {
  A: { flags: MAP.PRIVATE | MAP.ANONYMOUS },
  N: { flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.NORESERVE },
  K: { flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.STACK },
  L: { flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.LOCKED },
  G: { flags: MAP.PRIVATE | MAP.ANONYMOUS | MAP.GROWSDOWN },
  D: { flags: MAP.DROPPABLE | MAP.ANONYMOUS },
  S: { flags: MAP.SHARED | MAP.ANONYMOUS },
  F: { flags: MAP.PRIVATE, fd: FD.file },
  M: { flags: MAP.SHARED, fd: FD.file },
  T: { flags: MAP.PRIVATE, fd: FD.memfd },
  U: { flags: MAP.SHARED, fd: FD.memfd },
  Q: { flags: MAP.PRIVATE, fd: FD.sealed },
  R: { flags: MAP.SHARED, fd: FD.sealed },
  Z: { flags: MAP.PRIVATE, fd: FD.zero },
};

/** A capital is readable and writable, a small letter readable, `_` neither. */
export const protOf = (letter: string): number =>
  letter === "_" ? 0 : letter === letter.toUpperCase() ? RW : PROT.READ;

export const request = (asked: Request, fd?: number): Operation => ({
  request: asked,
  ...(fd !== undefined && { fd }),
});

/** A call of mmap: a page of private anonymous memory anywhere, but for what is said otherwise. */
export function mmap(more: Partial<Omit<Mmap, "call" | "file">> & { readonly fd?: number } = {}): Step {
  return does(mmapping(more));
}

export function mmapping(more: Partial<Omit<Mmap, "call" | "file">> & { readonly fd?: number }): Operation {
  const { fd = -1, ...asked } = more;
  const base: Mmap = {
    call: "mmap",
    addr: 0,
    length: pages(1),
    prot: RW,
    flags: fd === -1 ? MAP.PRIVATE | MAP.ANONYMOUS : MAP.PRIVATE,
    offset: 0,
    file: fd === -1 ? 0 : fileOf(fd),
  };
  return request({ ...base, ...asked }, fd);
}

/** A page of anonymous memory by flags, which say whether it is private. */
export const mapped = (flags: number, more: Parameters<typeof mmap>[0] = {}): Step =>
  mmap({ flags: MAP.ANONYMOUS | flags, ...more });

interface MapMore {
  /** Pages that the offset of files is moved by. */
  readonly by?: number;
  readonly flags?: number;
  readonly prot?: number;
  readonly fd?: number;
}

/** Maps the runs of a row where they stand; files at the offset of their place in it. */
export const map = (row: string, more: MapMore = {}): readonly Step[] =>
  runsOf(row).map(({ from, to, letter }) => {
    const kind = KINDS[letter.toUpperCase()] ?? { flags: MAP.PRIVATE | MAP.ANONYMOUS };
    const fd = more.fd ?? kind.fd;
    return mmap({
      addr: at(from),
      length: pages(to - from),
      prot: more.prot ?? protOf(letter),
      flags: kind.flags | MAP.FIXED | (more.flags ?? 0),
      offset: fd === undefined ? 0 : pages(from + (more.by ?? 0)),
      ...(fd !== undefined && { fd }),
    });
  });

const each = (row: string, doing: (addr: number, length: number, run: Run) => Doing): readonly Step[] =>
  runsOf(row).map((run) => does(doing(at(run.from), pages(run.to - run.from), run)));

export const munmap = (addr: Word, length: Word): Step => does(request({ call: "munmap", addr, length }));
export const unmap = (row: string): readonly Step[] =>
  each(row, (addr, length) => request({ call: "munmap", addr, length }));

export const mprotect = (addr: Word, length: Word, prot: number): Step =>
  does(request({ call: "mprotect", addr, length, prot }));
/** Gives the runs of a row the access that their letters have, or the one given. */
export const protect = (row: string, prot?: number): readonly Step[] =>
  each(row, (addr, length, { letter }) =>
    request({ call: "mprotect", addr, length, prot: prot ?? protOf(letter) }),
  );

export const madvise = (addr: Word, length: Word, advice: number): Step =>
  does(request({ call: "madvise", addr, length, advice }));
export const advise = (row: string, advice: number): readonly Step[] =>
  each(row, (addr, length) => request({ call: "madvise", addr, length, advice }));

export const mlock = (addr: Word, length: Word, flags = 0): Step =>
  does(request({ call: "mlock", addr, length, flags }));
export const lock = (row: string, flags = 0): readonly Step[] =>
  each(row, (addr, length) => request({ call: "mlock", addr, length, flags }));
export const munlock = (addr: Word, length: Word): Step => does(request({ call: "munlock", addr, length }));
export const unlock = (row: string): readonly Step[] =>
  each(row, (addr, length) => request({ call: "munlock", addr, length }));
export const mlockall = (flags: number): Step => does(request({ call: "mlockall", flags }));
export const munlockall = (): Step => does(request({ call: "munlockall" }));

export const mseal = (addr: Word, length: Word, flags: Word = 0): Step =>
  does(request({ call: "mseal", addr, length, flags }));
export const seal = (row: string): readonly Step[] =>
  each(row, (addr, length) => request({ call: "mseal", addr, length, flags: 0 }));

export const msync = (addr: Word, length: Word, flags: number): Step =>
  does(request({ call: "msync", addr, length, flags }));
export const mincore = (addr: Word, length: Word): Step => does(request({ call: "mincore", addr, length }));

/** Moves or resizes what stands under the first row's marks to those of the second. */
export function move(from: string, to: string, flags: number): Step {
  const [source] = runsOf(from);
  const [target] = runsOf(to);
  if (!source || !target) throw new Error("both rows have a mark");
  const [oldLength, newLength] = [pages(source.to - source.from), pages(target.to - target.from)];
  return mremap(at(source.from), oldLength, newLength, flags, at(target.from));
}

export const mremap = (
  addr: Word,
  oldLength: Word,
  newLength: Word,
  flags: number,
  newAddr: Word = 0,
): Step => does(request({ call: "mremap", addr, oldLength, newLength, flags, newAddr }));

/** Writes to, or reads from, every marked page, one after the other. */
export const write = (row: string): readonly Step[] => touching(row, true);
export const read = (row: string): readonly Step[] => touching(row, false);
export const touch = (address: number, writing = true): Step => does({ touch: address, write: writing });

const touching = (row: string, writing: boolean): readonly Step[] =>
  runsOf(row).flatMap(({ from, to }) =>
    Array.from({ length: to - from }, (_, i) => touch(at(from + i), writing)),
  );

/** Goes on in a child, or in the parent of one that has exited. */
export const fork = (): Step => does({ fork: "go on" });
export const forkAndWait = (): Step => does({ fork: "child exits" });

/** Moves the break to so many bytes above the start of the heap. */
export const brk = (above: number): Step =>
  does(({ start }) => request({ call: "brk", addr: start.brk + above }));
/** Moves the break to an address. */
export const brkTo = (addr: Word): Step => does(request({ call: "brk", addr }));

type Resource = Extract<Request, { call: "setrlimit" }>["resource"];

/** Sets a limit, in bytes, perhaps by what the process has already. */
export const limit = (resource: Resource, soft: number | ((scene: Scene) => number), hard?: number): Step =>
  does((scene) => {
    const wanted = typeof soft === "number" ? soft : soft(scene);
    return request({ call: "setrlimit", target: 0, resource, soft: wanted, hard: hard ?? Infinity });
  });

/** A size of the status file in bytes, and so many pages more. */
export const now =
  (size: string, more = 0) =>
  ({ before }: Scene): number =>
    (before.sizes[size] ?? 0) * 1024 + pages(more);

/** Gives up CAP_IPC_LOCK and CAP_SYS_RAWIO. */
export const unprivileged = (): Step => does({ drop: "capabilities" });

export const personality = (persona: number): Step => does(request({ call: "personality", persona }));
export const prctl = (option: number, arg: Word, arg3?: Word, arg4?: Word, arg5?: Word): Step =>
  does(
    request({
      call: "prctl",
      option,
      arg,
      ...(arg3 !== undefined && { arg3 }),
      ...(arg4 !== undefined && { arg4 }),
      ...(arg5 !== undefined && { arg5 }),
    }),
  );

export const attach = (addr: number, size: number, flags = 0): Step =>
  does({ attach: { addr, flags, size } });
export const shmdt = (addr: Word): Step => does(request({ call: "shmdt", addr }));
export const remapFilePages = (addr: Word, size: Word, prot: Word, pgoff: Word, flags = 0): Step =>
  does(request({ call: "remap_file_pages", addr, size, prot, pgoff, flags }));

/** A ring for so many events. */
export const ioSetup = (events: number): Step =>
  does(({ surroundings }) => request({ call: "io_setup", events, cpus: surroundings.cpus }));
export const ioDestroy = (ctx: Word | ((scene: Scene) => Word)): Step =>
  does((scene) => request({ call: "io_destroy", ctx: typeof ctx === "function" ? ctx(scene) : ctx }));

/** A memory policy for the marks of a row; nodes are a bit each. */
export const bind = (row: string, mode: number, nodes: Word = 0, flags: Word = 0): readonly Step[] =>
  each(row, (addr, length) => request({ call: "mbind", addr, length, mode, nodes, flags }));
export const mbind = (addr: Word, length: Word, mode: number, nodes: Word = 0, flags: Word = 0): Step =>
  does(request({ call: "mbind", addr, length, mode, nodes, flags }));

/** Advice about several ranges of the process itself, or of none. */
export const processMadvise = (
  ranges: readonly (readonly [Word, Word])[],
  advice: number,
  more: { readonly target?: number; readonly flags?: Word } = {},
): Step => does(request({ call: "process_madvise", target: 0, ranges, advice, flags: 0, ...more }));
export const processMrelease = (target: number, flags: Word = 0): Step =>
  does(request({ call: "process_mrelease", target, flags }));
