import {
  isLocked,
  MADV,
  MAP,
  MCL,
  type MmStruct,
  MREMAP,
  MS,
  mmOf,
  PAGE_SIZE,
  PROT,
  type Request,
} from "@pagetrail/core";
import { fileOf } from "../model-run.ts";
import type { Random } from "../random.ts";
import type { FamilyModel } from "./family-model.ts";
import { FILE_PAGES } from "./live-pages.ts";
import { type AccessKind, CODE, type Deed, type PageOperation, WRITE_MAX } from "./operation.ts";

/** What a run is about: each feature makes some operations possible. */
export interface PageFeatures {
  readonly forks: boolean;
  readonly files: boolean;
  /** A file on disk, whose pages are clean at first. */
  readonly disk: boolean;
  readonly locks: boolean;
  readonly guards: boolean;
  readonly stacks: boolean;
  readonly heap: boolean;
  /** Aligned memory that asks for huge pages. */
  readonly huge: boolean;
}

export function somePageFeatures(random: Random): PageFeatures {
  const huge = random.chance(0.25);
  return {
    forks: random.chance(0.7),
    files: random.chance(0.7),
    // Reading where MADV_HUGEPAGE is set brings large folios into the page cache.
    disk: !huge && random.chance(0.25),
    locks: random.chance(0.3),
    guards: random.chance(0.3),
    stacks: random.chance(0.3),
    heap: random.chance(0.3),
    huge,
  };
}

/** The most members of a family that live at once, and that are born; the program has room for the latter. */
const MOST_ALIVE = 4;
export const MOST_BORN = 12;

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Where operations take place: most inside one page table, some across the borders of tables. */
const WINDOW = { start: 0x20000000, pages: 32 };
const BORDERS: readonly number[] = [WINDOW.start + 2 * MIB, GIB, 512 * GIB];
const BORDER_PAGES = 4;
/** Three whole blocks of 2 MiB. */
const HUGE = { start: 0x60000000, blocks: 3 };
const BLOCK = 2 * MIB;

/** Descriptors that members change: a memfd, and a file on disk. */
const MEMFD = 20;
const DISK = 28;

interface Place {
  readonly addr: number;
  readonly length: number;
}

/** Draws operations that suit the family's present address spaces. */
export class PageGenerator {
  private member = 0;

  constructor(
    private readonly random: Random,
    private readonly features: PageFeatures,
    private readonly family: FamilyModel,
  ) {}

  next(): PageOperation {
    const { random, features: f } = this;
    const kinds: (readonly [number, () => Deed | undefined])[] = [
      [34, () => this.access()],
      [12, () => this.mmap()],
      [5, () => this.munmap()],
      [8, () => this.mprotect()],
      [8, () => this.mremap()],
      [14, () => this.madvise()],
      [2, () => this.mincore()],
      [1, () => this.msync()],
      [f.forks ? 6 : 0, () => this.life()],
      [f.files || f.disk ? 4 : 0, () => this.fileChange()],
      [f.locks ? 8 : 0, () => this.lock()],
      [f.heap ? 5 : 0, () => this.brk()],
    ];
    const total = kinds.reduce((sum, [weight]) => sum + weight, 0);
    for (;;) {
      this.member = random.pick([...this.family.alive()]);
      let at = random.below(total);
      const kind = kinds.find(([weight]) => {
        at -= weight;
        return at < 0;
      });
      const deed = kind?.[1]();
      if (deed) return { member: this.member, ...deed };
    }
  }

  private get mm(): MmStruct {
    const mm = mmOf(this.family.state, this.family.tid(this.member));
    if (!mm) throw new Error("a living member has an address space");
    return mm;
  }

  /** The member's mappings but its page of instructions. */
  private get vmas(): readonly { readonly start: number; readonly end: number }[] {
    return this.mm.vmas
      .toArray()
      .map((v) => ({ start: v.start * PAGE_SIZE, end: v.end * PAGE_SIZE }))
      .filter((v) => v.start !== CODE);
  }

  private pages(): number {
    const { random } = this;
    return 1 + random.below(random.chance(0.8) ? 6 : 20);
  }

  private place(): Place {
    const { random } = this;
    if (this.features.huge && random.chance(0.3)) return this.hugePlace();
    const length = this.pages() * PAGE_SIZE;
    if (random.chance(0.55)) return { addr: WINDOW.start + random.below(WINDOW.pages) * PAGE_SIZE, length };
    if (random.chance(0.35)) {
      const border = random.pick(BORDERS);
      const addr = border - BORDER_PAGES * PAGE_SIZE + random.below(2 * BORDER_PAGES) * PAGE_SIZE;
      return { addr, length: Math.min(length, 2 * BORDER_PAGES * PAGE_SIZE) };
    }
    return this.partOfMapping(length);
  }

  /** Something about whole blocks, or a part of one. */
  private hugePlace(): Place {
    const { random } = this;
    const block = HUGE.start + random.below(HUGE.blocks) * BLOCK;
    if (random.chance(0.5)) return { addr: block, length: BLOCK * (1 + random.below(2)) };
    const page = random.pick([0, 0, 1, 255, 256, 510, 511, random.below(512)]);
    return { addr: block + page * PAGE_SIZE, length: this.pages() * PAGE_SIZE };
  }

  /** A piece at the edge of a mapping, or all of it. */
  private partOfMapping(length: number): Place {
    const { random, vmas } = this;
    if (vmas.length === 0) return { addr: WINDOW.start, length };
    const vma = random.pick(vmas);
    switch (random.below(5)) {
      case 0:
        return { addr: vma.end, length };
      case 1:
        return { addr: Math.max(vma.start, vma.end - length), length };
      case 2:
        return { addr: Math.max(vma.start - length, PAGE_SIZE), length };
      case 3:
        return { addr: vma.start, length: vma.end - vma.start };
      default:
        return { addr: vma.start, length };
    }
  }

  /** A range, mostly of mapped memory. */
  private range(): Place {
    return this.random.chance(0.5) ? this.partOfMapping(this.pages() * PAGE_SIZE) : this.place();
  }

  private access(): Deed {
    const { random, vmas } = this;
    const kind = random.pick<AccessKind>([
      ...["read", "read", "read", "write", "write", "write", "write", "exec"],
    ] as AccessKind[]);
    let addr = this.place().addr;
    if (random.chance(0.85) && vmas.length > 0) {
      const vma = random.pick(vmas);
      const pages = (vma.end - vma.start) / PAGE_SIZE;
      const page = random.chance(0.5) ? random.below(Math.min(pages, 4)) : random.below(pages);
      addr = vma.start + page * PAGE_SIZE;
    }
    if (this.features.stacks && random.chance(0.1) && vmas.length > 0)
      addr = random.pick(vmas).start - (1 + random.below(3)) * PAGE_SIZE;
    return { access: { addr, kind } };
  }

  private mmap(): Deed {
    const { random, features } = this;
    const place = this.place();
    const fds = [...(features.files ? [20, 20, 20, 22, 23, 25] : []), ...(features.disk ? [28, 28, 29] : [])];
    const anonymous = fds.length === 0 || random.chance(0.5);
    let flags: number = random.chance(0.65) ? MAP.PRIVATE : MAP.SHARED;
    if (anonymous && random.chance(0.03)) flags = MAP.DROPPABLE;
    if (anonymous) flags |= MAP.ANONYMOUS;
    flags |= random.bits([MAP.NORESERVE, MAP.STACK], 0.04);
    flags |= random.bits([MAP.POPULATE], 0.15);
    flags |= random.bits([MAP.NONBLOCK], 0.02);
    if (features.locks) flags |= random.bits([MAP.LOCKED], 0.15);
    if (features.stacks && anonymous) flags |= random.bits([MAP.GROWSDOWN], 0.3);
    flags |= random.chance(0.85) ? MAP.FIXED : random.bits([MAP.FIXED_NOREPLACE], 0.2);
    const fd = anonymous ? -1 : random.pick(fds);
    const offset = anonymous ? 0 : this.fileOffset(place.addr);
    const request: Request = {
      call: "mmap",
      ...place,
      prot: this.prot(),
      flags,
      offset,
      file: fd < 0 ? 0 : fileOf(fd),
    };
    return { request, fd };
  }

  /** Mostly one file mapped in parallel to the window, so that neighbours can merge. */
  private fileOffset(addr: number): number {
    const { random } = this;
    const parallel = (addr - WINDOW.start) / PAGE_SIZE;
    const page =
      parallel >= 0 && parallel < FILE_PAGES && random.chance(0.6) ? parallel : random.below(FILE_PAGES);
    return page * PAGE_SIZE;
  }

  private prot(): number {
    const { random } = this;
    if (random.chance(0.65)) return PROT.READ | PROT.WRITE;
    if (random.chance(0.1)) return PROT.READ | PROT.WRITE | PROT.EXEC;
    return random.bits([PROT.READ, PROT.WRITE, PROT.EXEC], 0.45);
  }

  private munmap(): Deed {
    const { addr, length } = this.range();
    return { request: { call: "munmap", addr, length } };
  }

  private mprotect(): Deed {
    const { addr, length } = this.range();
    return { request: { call: "mprotect", addr, length, prot: this.prot() } };
  }

  private mremap(): Deed | undefined {
    const { random } = this;
    const { addr, length: oldLength } = this.range();
    const target = this.place().addr;
    const flags = random.pick([0, 1, 1, 3, 3, 3, 3, 5, 5, 7, 7]);
    // The pages of a locked source that do not move stay marked as locked for ever.
    const source = this.mm.vmas.find(addr / PAGE_SIZE);
    if ((flags & MREMAP.DONTUNMAP) !== 0 && source && isLocked(source)) return undefined;
    const newLength = random.chance(0.65) ? oldLength : this.place().length;
    const old = random.chance(0.04) ? 0 : oldLength;
    // A block moved elsewhere is huge only where both places are aligned.
    const newAddr =
      this.features.huge && (flags & MREMAP.FIXED) !== 0 && random.chance(0.5) && oldLength >= BLOCK
        ? HUGE.start + random.below(HUGE.blocks + 1) * BLOCK
        : target;
    return { request: { call: "mremap", addr, oldLength: old, newLength, flags, newAddr } };
  }

  private madvise(): Deed {
    const { random, features } = this;
    const { addr, length } = this.range();
    const advices = [
      ...COMMON_ADVICE,
      ...(features.guards ? GUARD_ADVICE : []),
      ...(features.huge ? HUGE_ADVICE : []),
    ];
    return { request: { call: "madvise", addr, length, advice: random.pick(advices) } };
  }

  private mincore(): Deed | undefined {
    const { addr, length } = this.range();
    if (length > WINDOW.pages * PAGE_SIZE) return undefined;
    return { request: { call: "mincore", addr, length } };
  }

  private msync(): Deed {
    const { addr, length } = this.range();
    return { request: { call: "msync", addr, length, flags: this.random.pick([MS.ASYNC, MS.INVALIDATE]) } };
  }

  private life(): Deed | undefined {
    const alive = this.family.alive().length;
    const grows = this.random.chance(0.65);
    if (grows) {
      return alive < MOST_ALIVE && this.family.born < MOST_BORN ? { life: "fork" } : undefined;
    }
    return alive > 1 ? { life: "exit" } : undefined;
  }

  private fileChange(): Deed | undefined {
    const { random, features } = this;
    const fd = features.files && (!features.disk || random.chance(0.6)) ? MEMFD : DISK;
    if (random.chance(0.5)) {
      const length = 1 + random.below(WRITE_MAX);
      const offset = random.below(FILE_PAGES) * PAGE_SIZE;
      // The rest of the page behind a disk file's end counts as used whenever the file grows.
      if (fd === DISK && offset + length > this.family.sizeOf(DISK)) return undefined;
      return { fill: { fd, offset, length } };
    }
    const pages = random.chance(0.3) ? FILE_PAGES : random.below(FILE_PAGES + 4);
    // Whether a file on disk has something to be cleared behind its end depends on its blocks.
    const bytes = fd === MEMFD && random.chance(0.3) ? random.below(PAGE_SIZE) : 0;
    return { truncate: { fd, size: pages * PAGE_SIZE + bytes } };
  }

  private lock(): Deed {
    const { random } = this;
    const { addr, length } = this.range();
    switch (random.below(8)) {
      case 0:
        return { request: { call: "mlockall", flags: random.pick([MCL.CURRENT, MCL.FUTURE, 3, 5, 6, 7]) } };
      case 1:
        return { request: { call: "munlockall" } };
      case 2:
      case 3:
        return { request: { call: "munlock", addr, length } };
      default:
        return { request: { call: "mlock", addr, length, flags: random.chance(0.3) ? 1 : 0 } };
    }
  }

  private brk(): Deed {
    const { random, mm } = this;
    const near = mm.brk + (random.below(13) - 6) * PAGE_SIZE + random.pick([0, 0, 100]);
    const addr = random.chance(0.85) ? near : random.pick([0, mm.startBrk, mm.brk]);
    return { request: { call: "brk", addr } };
  }
}

const COMMON_ADVICE: readonly number[] = [
  ...[MADV.DONTNEED, MADV.DONTNEED, MADV.DONTNEED, MADV.FREE, MADV.FREE, MADV.FREE, MADV.REMOVE, MADV.REMOVE],
  ...[MADV.COLD, MADV.PAGEOUT, MADV.WILLNEED, MADV.POPULATE_READ, MADV.POPULATE_READ, MADV.POPULATE_WRITE],
  ...[MADV.POPULATE_WRITE, MADV.DONTNEED_LOCKED, MADV.DONTFORK, MADV.DOFORK, MADV.WIPEONFORK],
  ...[MADV.KEEPONFORK, MADV.SEQUENTIAL, MADV.NORMAL],
];
const GUARD_ADVICE: readonly number[] = [
  ...[MADV.GUARD_INSTALL, MADV.GUARD_INSTALL, MADV.GUARD_INSTALL, MADV.GUARD_REMOVE, MADV.GUARD_REMOVE],
];
const HUGE_ADVICE: readonly number[] = [...[MADV.HUGEPAGE, MADV.HUGEPAGE, MADV.HUGEPAGE, MADV.NOHUGEPAGE]];
