import {
  type FileId,
  fileId,
  type KernelState,
  MAP,
  type OpenFile,
  type Outcome,
  type Pid,
  PROT,
  type Profile,
  pid,
  type Request,
  VM,
  VMH,
  type Vma,
} from "@pagetrail/core";
import { FIRST, Machine } from "./machine.ts";

/** The page that the first character of every row stands for. */
export const STRIP_PAGE = 0x20000;

const bytes = (pages: number): number => pages * 4096;

/** How a kind of mapping is made: flags on top of MAP_FIXED, and the file behind it. */
interface Kind {
  readonly flags: number;
  readonly file?: FileId;
}

const FILE = fileId(1);
const FILE_AGAIN = fileId(2);
const MEMFD = fileId(3);
const ZERO = fileId(4);

const PRIVATE = MAP.PRIVATE | MAP.ANONYMOUS;

/** Letters in a row. A capital is readable and writable, a small letter readable, `_` neither. */
const KINDS: Readonly<Record<string, Kind>> = {
  A: { flags: PRIVATE },
  N: { flags: PRIVATE | MAP.NORESERVE },
  K: { flags: PRIVATE | MAP.STACK },
  L: { flags: PRIVATE | MAP.LOCKED },
  G: { flags: PRIVATE | MAP.GROWSDOWN },
  D: { flags: MAP.DROPPABLE | MAP.ANONYMOUS },
  S: { flags: MAP.SHARED | MAP.ANONYMOUS },
  F: { flags: MAP.PRIVATE, file: FILE },
  H: { flags: MAP.PRIVATE, file: FILE_AGAIN },
  M: { flags: MAP.SHARED, file: FILE },
  T: { flags: MAP.PRIVATE, file: MEMFD },
  Z: { flags: MAP.PRIVATE, file: ZERO },
};

/** What stands for a page of a row, and what it says of the page's mapping. The last three are shown, never asked for. */
export const STRIP_LETTERS: Readonly<Record<string, string>> = {
  ".": "nothing is mapped",
  _: "a mapping without any access",
  A: "private anonymous memory",
  N: "such memory for which nothing is reserved: MAP_NORESERVE",
  K: "such memory without huge pages: MAP_STACK, MADV_NOHUGEPAGE",
  L: "such memory, locked: MAP_LOCKED, mlock",
  G: "such memory that grows down: MAP_GROWSDOWN",
  D: "memory that may be dropped: MAP_DROPPABLE",
  S: "shared anonymous memory",
  F: "a file, private, from the offset of its place in the row",
  H: "the same file, opened once more",
  M: "the same file, shared",
  T: "a memfd, private",
  Z: "/dev/zero, private",
  C: "memory that children do not get: MADV_DONTFORK",
  W: "memory that children find empty: MADV_WIPEONFORK",
  E: "a sealed mapping: mseal",
};

/** Letters of VMAs without a file, by the first flag that they have. */
const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [VM.DONTCOPY, "C"],
  [VM.LOCKED, "L"],
  [VM.GROWSDOWN, "G"],
  [VM.NOHUGEPAGE, "K"],
  [VM.NORESERVE, "N"],
  [VM.SHARED, "S"],
  [VM.WIPEONFORK, "W"],
];

const FILES: readonly OpenFile[] = [
  { id: FILE, path: "/file", kind: "disk", readable: true, writable: true, deleted: false },
  { id: FILE_AGAIN, path: "/file", kind: "disk", readable: true, writable: true, deleted: false },
  { id: MEMFD, path: "/memfd:x", kind: "shmem", readable: true, writable: true, deleted: true },
  { id: ZERO, path: "/dev/zero", kind: "zero", readable: true, writable: true, deleted: false },
];

/** Pages [from, to) of a row that are not holes. */
interface Run {
  readonly from: number;
  readonly to: number;
  readonly letter: string;
}

/**
 * An address space drawn as text: a character a page, a letter a mapping, a dot a hole. Rows given to
 * the operations are drawn in the same way, above one another:
 *
 *     strip("AA..AA")
 *       .mmap("..AA..").toString() === "AAAAAA"
 *
 * Two mappings of the same letter that touch are told apart by a bar: `AA|AA`. Files are mapped at the
 * offset of their place in the row.
 */
export class Strip {
  readonly machine: Machine;
  process: Pid = FIRST;
  /** How the last operation ended: "ok", or its errno. */
  last = "ok";
  private width = 0;

  constructor(row: string, profile?: Profile) {
    this.machine = new Machine(profile);
    this.mmap(row);
  }

  /** The state behind the last operation. */
  get state(): KernelState {
    return this.machine.state;
  }

  /** Maps every run of the row, in order. `pgoff` moves the file offset, `flags` adds to the letter's. */
  mmap(row: string, more: { readonly pgoff?: number; readonly flags?: number } = {}): this {
    for (const { from, to, letter } of this.runs(row)) {
      const kind = KINDS[letter.toUpperCase()] ?? { flags: PRIVATE };
      for (const file of FILES) if (file.id === kind.file) this.machine.ask({ call: "file", file });
      const offset = kind.file === undefined ? 0 : from + (more.pgoff ?? 0);
      this.ask({
        call: "mmap",
        addr: bytes(STRIP_PAGE + from),
        length: bytes(to - from),
        prot: protOf(letter),
        flags: kind.flags | MAP.FIXED | (more.flags ?? 0),
        offset: bytes(offset),
        file: kind.file ?? 0,
      });
    }
    return this;
  }

  /** Unmaps every run of the row. */
  munmap(row: string): this {
    return this.each(row, (addr, length) => ({ call: "munmap", addr, length }));
  }

  /** Gives every run of the row the access of its letter. */
  mprotect(row: string): this {
    return this.each(row, (addr, length, letter) => ({
      call: "mprotect",
      addr,
      length,
      prot: protOf(letter),
    }));
  }

  /** Gives a piece of advice about every run of the row: one of MADV. */
  madvise(row: string, advice: number): this {
    return this.each(row, (addr, length) => ({ call: "madvise", addr, length, advice }));
  }

  /** Locks every run of the row. */
  mlock(row: string, flags = 0): this {
    return this.each(row, (addr, length) => ({ call: "mlock", addr, length, flags }));
  }

  /** Unlocks every run of the row. */
  munlock(row: string): this {
    return this.each(row, (addr, length) => ({ call: "munlock", addr, length }));
  }

  /** Seals every run of the row. */
  mseal(row: string): this {
    return this.each(row, (addr, length) => ({ call: "mseal", addr, length, flags: 0 }));
  }

  /** Moves or resizes what lies under the first row's marks to those of the second. */
  mremap(from: string, to: string, flags: number): this {
    const [source] = this.runs(from);
    const [target] = this.runs(to);
    if (!source || !target) throw new Error("both rows have a mark");
    return this.ask({
      call: "mremap",
      addr: bytes(STRIP_PAGE + source.from),
      oldLength: bytes(source.to - source.from),
      newLength: bytes(target.to - target.from),
      flags,
      newAddr: bytes(STRIP_PAGE + target.from),
    });
  }

  /** Writes to every marked page, one after the other. */
  write(row: string): this {
    for (const { from, to } of this.runs(row))
      for (let page = from; page < to; page++) this.machine.write(STRIP_PAGE + page, this.process);
    return this;
  }

  /** Forks, and goes on in the child or stays in the parent. */
  fork(stay: "in the child" | "in the parent" = "in the child"): this {
    const child = pid(this.process + 1);
    this.ask({ call: "clone", flags: 17, child });
    if (stay === "in the child") this.process = child;
    return this;
  }

  /** Asks for anything else; places of the row begin at page STRIP_PAGE. */
  ask(request: Request): this {
    const outcome: Outcome = this.machine.ask(request, this.process);
    this.last = "errno" in outcome ? outcome.errno : "ok";
    return this;
  }

  /** The VMA of a page of the row. */
  vma(page: number): Vma {
    const vma = this.machine.mm(this.process).vmas.find(STRIP_PAGE + page);
    if (!vma) throw new Error(`nothing is mapped at ${page}`);
    return vma;
  }

  /** The row as it is now. */
  toString(): string {
    const vmas = this.machine.mm(this.process).vmas.collect(STRIP_PAGE, STRIP_PAGE + this.width);
    let text = "";
    let at = STRIP_PAGE;
    for (const v of vmas) {
      const letter = letterOf(v);
      const start = Math.max(v.start, STRIP_PAGE);
      text += ".".repeat(start - at);
      if (start === at && text.endsWith(letter)) text += "|";
      text += letter.repeat(Math.min(v.end, STRIP_PAGE + this.width) - start);
      at = v.end;
    }
    return text + ".".repeat(Math.max(0, STRIP_PAGE + this.width - at));
  }

  private each(row: string, request: (addr: number, length: number, letter: string) => Request): this {
    for (const { from, to, letter } of this.runs(row))
      this.ask(request(bytes(STRIP_PAGE + from), bytes(to - from), letter));
    return this;
  }

  private runs(row: string): readonly Run[] {
    const found = [...row.matchAll(/([^.])\1*/g)];
    this.width = Math.max(this.width, row.length);
    return found.map((m) => ({ from: m.index, to: m.index + m[0].length, letter: m[1] ?? "" }));
  }
}

/** Draws a row: maps every run of it, in a machine of its own. */
export const strip = (row: string, profile?: Profile): Strip => new Strip(row, profile);

function protOf(letter: string): number {
  if (letter === "_") return 0;
  return letter === letter.toUpperCase() ? PROT.READ | PROT.WRITE : PROT.READ;
}

function letterOf(v: Vma): string {
  if ((v.flags & (VM.READ | VM.WRITE | VM.EXEC)) === 0) return "_";
  const letter = kindLetter(v);
  return (v.flags & VM.WRITE) !== 0 ? letter : letter.toLowerCase();
}

function kindLetter(v: Vma): string {
  if ((v.high & VMH.SEALED) !== 0) return "E";
  if ((v.high & VMH.DROPPABLE) !== 0) return "D";
  const shared = (v.flags & VM.MAYSHARE) !== 0;
  const named = Object.entries(KINDS).find(
    ([, kind]) => kind.file === v.file && ((kind.flags & MAP.SHARED) !== 0) === shared,
  );
  if (named) return named[0];
  return FLAG_LETTERS.find(([flag]) => (v.flags & flag) !== 0)?.[1] ?? "A";
}
