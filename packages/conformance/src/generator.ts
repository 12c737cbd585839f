import {
  MADV,
  MAP,
  MCL,
  type MmStruct,
  MREMAP,
  MS,
  mmOf,
  PAGE_SIZE,
  PERSONALITY,
  PROT,
  SHM,
  type Word,
} from "@pagetrail/core";
import { fileOf, type ModelRun } from "./model-run.ts";
import { drawMrelease, drawPolicy, drawPrctl } from "./more-calls.ts";
import type { Abi, Operation } from "./operation.ts";
import type { Random } from "./random.ts";
import { ADVICE, FDS, WORDS, type Words } from "./words.ts";

/** What a run is about: each feature makes some operations possible. */
export interface Features {
  readonly locks: boolean;
  /** Guard markers are pages, of which the model knows nothing: such runs populate nothing. */
  readonly guards: boolean;
  readonly seals: boolean;
  readonly limits: boolean;
  readonly forks: boolean;
  /** Mappings of megabytes and terabytes, which may not be populated. */
  readonly large: boolean;
  readonly special: boolean;
  readonly stacks: boolean;
  readonly persona: boolean;
  /** Huge pages of a pool that is empty: what is mapped of them cannot be used. */
  readonly huge: boolean;
  readonly policies: boolean;
  readonly rings: boolean;
  /** A file that ends inside the window; memory behind it cannot be locked. */
  readonly small: boolean;
}

export function someFeatures(random: Random): Features {
  const locks = random.chance(0.4);
  return {
    locks,
    guards: !locks && random.chance(0.3),
    seals: random.chance(0.25),
    limits: random.chance(0.3),
    forks: random.chance(0.4),
    large: !locks && random.chance(0.4),
    special: random.chance(0.15),
    stacks: random.chance(0.4),
    persona: random.chance(0.2),
    huge: random.chance(0.15),
    policies: random.chance(0.25),
    rings: random.chance(0.2),
    small: !locks && random.chance(0.3),
  };
}

const WINDOW = 0x20000000;
const WINDOW_PAGES = 24;
const HUGE = 2 ** 21;

/** One more than the largest word of the kernel. */
const SPAN = 1n << 64n;

/** Draws operations that suit the model's present address space, and that the program survives. */
export class Generator {
  private readonly words: Words;

  constructor(
    private readonly random: Random,
    private readonly features: Features,
    private readonly run: ModelRun,
    abi: Abi,
  ) {
    this.words = WORDS[abi];
  }

  next(): Operation {
    const { features: f, random } = this;
    const kinds: (readonly [number, () => Operation | undefined])[] = [
      [22, () => this.mmap()],
      [12, () => this.munmap()],
      [14, () => this.mprotect()],
      [10, () => this.mremap()],
      [8, () => this.madvise()],
      [14, () => this.touch()],
      [6, () => this.brk()],
      [2, () => this.mincore()],
      [2, () => this.msync()],
      [2, () => this.remapFilePages()],
      [3, () => this.shm()],
      [f.locks ? 10 : 0, () => this.lock()],
      [f.seals ? 3 : 0, () => this.mseal()],
      [f.limits ? 5 : 0, () => this.limit()],
      [f.forks ? 3 : 0, () => this.fork()],
      [f.persona ? 2 : 0, () => this.persona()],
      [f.huge ? 5 : 0, () => this.hugePages()],
      [f.policies ? 8 : 0, () => this.policy()],
      [f.rings ? 4 : 0, () => this.ring()],
      [2, () => this.processMadvise()],
      [f.persona ? 1 : 0, () => ({ request: drawMrelease(random) })],
    ];
    const total = kinds.reduce((sum, [weight]) => sum + weight, 0);
    for (;;) {
      let at = this.random.below(total);
      const kind = kinds.find(([weight]) => {
        at -= weight;
        return at < 0;
      });
      const operation = kind?.[1]();
      if (operation) return operation;
    }
  }

  private get mm(): MmStruct {
    const mm = mmOf(this.run.state, this.run.tid);
    if (!mm) throw new Error("a run has an address space");
    return mm;
  }

  /** A page-aligned place, mostly of the window or at the edge of something mapped. */
  private place(): { readonly addr: number; readonly length: number } {
    const { random } = this;
    const length = (1 + random.below(random.chance(0.8) ? 5 : 14)) * PAGE_SIZE;
    if (random.chance(0.65)) return { addr: WINDOW + random.below(WINDOW_PAGES) * PAGE_SIZE, length };
    const { addr, length: some } = this.edge(length);
    return { addr: Math.max(0, addr), length: some };
  }

  private edge(length: number): { readonly addr: number; readonly length: number } {
    const vma = this.random.pick(this.mm.vmas.toArray());
    const whole = Math.min(vma.pages, 64) * PAGE_SIZE;
    switch (this.random.below(5)) {
      case 0:
        return { addr: vma.start * PAGE_SIZE, length };
      case 1:
        return { addr: vma.end * PAGE_SIZE, length };
      case 2:
        return { addr: vma.end * PAGE_SIZE - length, length };
      case 3:
        return { addr: vma.start * PAGE_SIZE - length, length };
      default:
        return { addr: vma.start * PAGE_SIZE, length: whole };
    }
  }

  /** A range for an operation: now and then unaligned, empty, wrapping or outside user space. */
  private range(): { readonly addr: Word; readonly length: Word } {
    const { random } = this;
    const { addr, length } = this.place();
    if (random.chance(0.9))
      return { addr, length: random.chance(0.15) ? length - random.below(PAGE_SIZE) : length };
    return {
      addr: random.chance(0.6)
        ? Math.max(0, addr + random.pick([0, 1, 8, -1]))
        : random.pick(this.words.addresses),
      length: random.pick(this.words.lengths),
    };
  }

  /** Whether the program survives that something happens to the range. */
  private isSafe(addr: Word, length: Word): boolean {
    const start = BigInt(addr);
    const end = start + ((BigInt(length) + 4095n) / 4096n) * 4096n;
    const { program: low } = this.words;
    // A 64-bit kernel adds up the words of 32-bit calls without a wrap.
    if (BigInt(length) > SPAN - 4096n || end >= SPAN) return true;
    const program = { start: low, end: this.mm.startBrk };
    if (BigInt(program.end) > start && BigInt(program.start) < end) return false;
    return this.mm.vmas.toArray().every((v) => {
      const stack = v.start * PAGE_SIZE <= this.mm.startStack && this.mm.startStack < v.end * PAGE_SIZE;
      const special = !this.features.special && v.ops.label !== undefined;
      if (!stack && !special) return true;
      return BigInt(v.end) * 4096n <= start || BigInt(v.start) * 4096n >= end;
    });
  }

  private mmap(): Operation | undefined {
    const { random, features } = this;
    const small = this.place();
    const length: Word =
      features.large && random.chance(0.4)
        ? random.pick(this.words.large)
        : random.chance(0.03)
          ? random.pick(this.words.lengths)
          : small.length - (random.chance(0.1) ? random.below(PAGE_SIZE) : 0);
    const anonymous = random.chance(0.65);
    let flags: number = random.chance(0.75) ? MAP.PRIVATE : MAP.SHARED;
    if (random.chance(0.06)) flags = random.pick([0, 3, 4, 8, 8, 8]);
    if (anonymous) flags |= MAP.ANONYMOUS;
    const populates = BigInt(length) <= 64 * PAGE_SIZE && !features.guards;
    flags |= random.bits([MAP.NORESERVE, MAP.STACK], 0.06);
    flags |= random.bits([MAP["32BIT"], MAP.ABOVE4G, MAP.DENYWRITE, MAP.NONBLOCK, MAP.SYNC], 0.03);
    if (populates) flags |= random.bits([MAP.POPULATE], 0.08);
    if (populates && features.locks) flags |= random.bits([MAP.LOCKED], 0.15);
    if (features.stacks) flags |= random.bits([MAP.GROWSDOWN], 0.2);
    let addr: Word = 0;
    if (random.chance(0.75)) {
      addr = random.chance(0.95) ? small.addr : random.pick(this.words.addresses);
      if (random.chance(0.05)) addr = BigInt(addr) + 8n;
      flags |= random.chance(0.6) ? MAP.FIXED : random.bits([MAP.FIXED_NOREPLACE], 0.3);
    }
    const fixed = (flags & (MAP.FIXED | MAP.FIXED_NOREPLACE)) !== 0;
    if (fixed && !this.isSafe(addr, length)) return undefined;
    const fd = anonymous ? -1 : this.descriptor();
    const prot = this.prot();
    // Mostly one file mapped in parallel to the window, so that neighbours can merge.
    const parallel = Math.max(0, Number(addr) - WINDOW) % 2 ** 26;
    const whole = Math.floor(parallel / PAGE_SIZE) * PAGE_SIZE;
    const offset: Word =
      anonymous && random.chance(0.9)
        ? 0
        : random.chance(0.8)
          ? whole
          : random.pick(features.large ? this.words.farOffsets : this.words.offsets);
    const file = fd < 0 ? 0 : fileOf(fd);
    return { request: { call: "mmap", addr, length, prot, flags, offset, file }, fd };
  }

  private descriptor(): number {
    const { random, features } = this;
    if (features.small && random.chance(0.3)) return 32;
    return random.chance(0.1) ? random.pick([31, 33]) : random.pick(FDS);
  }

  private prot(): number {
    const { random } = this;
    if (random.chance(0.6)) return PROT.READ | PROT.WRITE;
    if (random.chance(0.02)) return random.pick([8, 0x10, 0x1000003]);
    return random.bits([PROT.READ, PROT.WRITE, PROT.EXEC], 0.4);
  }

  private munmap(): Operation | undefined {
    const { addr, length } = this.range();
    if (!this.isSafe(addr, length)) return undefined;
    return { request: { call: "munmap", addr, length } };
  }

  private mprotect(): Operation | undefined {
    const { addr, length } = this.range();
    if (!this.isSafe(addr, length)) return undefined;
    if (this.random.chance(0.03)) {
      const pkey = this.random.pick([-1, -1, 0, 1, -2]);
      return { request: { call: "pkey_mprotect", addr, length, prot: this.prot(), pkey } };
    }
    const prot = this.prot() | (this.features.stacks ? this.random.bits([PROT.GROWSDOWN], 0.1) : 0);
    const grown = prot | this.random.bits([PROT.GROWSUP], 0.01);
    return {
      request: {
        call: "mprotect",
        addr,
        length,
        prot: grown,
      },
    };
  }

  private remapFilePages(): Operation | undefined {
    const { random } = this;
    const { addr, length: size } = this.range();
    // It populates what it maps.
    if (this.features.guards || BigInt(size) > 64 * PAGE_SIZE || !this.isSafe(addr, size)) return undefined;
    // The parent of a run that went on in a child still holds its segments.
    if (
      this.features.forks &&
      this.mm.vmas.findFrom(Math.floor(Number(addr) / PAGE_SIZE))?.ops.name === "shm"
    )
      return undefined;
    const pgoff = random.below(16);
    const prot = random.chance(0.05) ? 1 : 0;
    const flags = random.pick([0, MAP.NONBLOCK, MAP.PRIVATE]);
    return { request: { call: "remap_file_pages", addr, size, prot, pgoff, flags } };
  }

  private mremap(): Operation | undefined {
    const { random, features } = this;
    const { addr, length: oldLength } = random.chance(0.05) ? this.range() : this.place();
    const target = random.chance(0.97) ? this.place().addr : random.pick(this.words.addresses);
    const flags = random.pick([0, 1, 1, 1, 3, 3, 3, 5, 5, 7, 7, 2, 4, 9]);
    let newLength: Word = random.chance(0.6) ? oldLength : this.place().length;
    if (features.large && random.chance(0.2)) newLength = random.pick(this.words.large);
    if (random.chance(0.02)) newLength = random.pick(this.words.lengths);
    const old = random.chance(0.05) ? 0 : oldLength;
    const given = (flags & (MREMAP.FIXED | MREMAP.DONTUNMAP)) !== 0;
    if (!this.isSafe(addr, old) || !this.isSafe(addr, PAGE_SIZE) || !this.isSafe(addr, newLength))
      return undefined;
    if (given && !this.isSafe(target, newLength)) return undefined;
    return { request: { call: "mremap", addr, oldLength: old, newLength, flags, newAddr: target } };
  }

  private madvise(): Operation | undefined {
    const { addr, length } = this.range();
    const advice = this.advice();
    if (!this.isSafe(addr, length)) return undefined;
    return { request: { call: "madvise", addr, length, advice } };
  }

  private advice(): number {
    const { random, features } = this;
    if (features.guards && random.chance(0.3)) return random.pick([MADV.GUARD_INSTALL, MADV.GUARD_REMOVE]);
    if (!features.guards && !features.large && !features.small && random.chance(0.1))
      return random.pick([MADV.POPULATE_READ, MADV.POPULATE_WRITE]);
    // Whether huge pages can be made depends on which pages are there.
    if (!features.large && !features.huge && random.chance(0.05))
      return random.pick([MADV.COLLAPSE, MADV.HUGEPAGE, MADV.HUGEPAGE]);
    const advice = random.pick(ADVICE);
    // Holes cannot be punched at the offsets that such runs map.
    return features.large && advice === MADV.REMOVE ? MADV.NORMAL : advice;
  }

  private processMadvise(): Operation | undefined {
    const ranges = Array.from({ length: this.random.below(4) }, (): readonly [Word, Word] => {
      const { addr, length } = this.range();
      return [addr, length];
    });
    if (!ranges.every(([addr, length]) => this.isSafe(addr, length))) return undefined;
    const flags = this.random.chance(0.05) ? 1 : 0;
    const target = this.random.chance(0.05) ? -1 : 0;
    return { request: { call: "process_madvise", target, ranges, advice: this.advice(), flags } };
  }

  private policy(): Operation | undefined {
    const { addr, length } = this.range();
    if (!this.isSafe(addr, length)) return undefined;
    return { request: { call: "mbind", addr, length, ...drawPolicy(this.random) } };
  }

  private ring(): Operation {
    const { random, mm, run } = this;
    // Other memory at a ring's place may hold any number.
    const isThere = (page: number): boolean => [undefined, "aio"].includes(mm.vmas.find(page)?.ops.name);
    const rings = (mm.rings ?? []).flatMap((ring) =>
      ring && isThere(ring.start) ? [ring.start * PAGE_SIZE] : [],
    );
    if (rings.length > 0 && random.chance(0.5))
      return { request: { call: "io_destroy", ctx: random.pick([...rings, WINDOW - PAGE_SIZE]) } };
    const events = random.pick([1, 10, 64, 100, 200, 0, 70_000, 2 ** 24]);
    return { request: { call: "io_setup", events, cpus: run.cpus } };
  }

  /** A mapping of the pool, where the window is. */
  private hugePages(): Operation | undefined {
    const { random } = this;
    const addr = WINDOW + random.below(3) * HUGE + (random.chance(0.1) ? PAGE_SIZE : 0);
    const length = random.pick([1, 1, 2]) * HUGE - (random.chance(0.2) ? random.below(HUGE) : 0);
    const type = random.chance(0.7) ? MAP.PRIVATE : MAP.SHARED;
    const reserved = random.chance(0.1) ? 0 : MAP.NORESERVE;
    const fixed = random.chance(0.7) ? MAP.FIXED : 0;
    if (!this.isSafe(addr, 2 * HUGE)) return undefined;
    const flags = type | MAP.ANONYMOUS | MAP.HUGETLB | reserved | fixed;
    return { request: { call: "mmap", addr, length, prot: this.prot(), flags, offset: 0, file: 0 }, fd: -1 };
  }

  private touch(): Operation | undefined {
    const { random } = this;
    const { addr } = this.place();
    if (addr > this.mm.layout.taskSize) return undefined;
    const vma = this.mm.vmas.findFrom(addr / PAGE_SIZE);
    if (vma && vma.start * PAGE_SIZE <= addr && vma.ops.label !== undefined) return undefined;
    // A ring says in its first page which it is.
    if (vma?.ops.name === "aio") return undefined;
    // A page of these may hold a guard marker.
    if (this.features.guards && vma && vma.flags & 0x800) return undefined;
    if (!this.isSafe(addr, PAGE_SIZE)) return undefined;
    const write = random.chance(0.75);
    return { touch: addr, write };
  }

  private brk(): Operation {
    const { random } = this;
    const { startBrk, brk } = this.mm;
    const near =
      brk + (random.below(13) - 6) * PAGE_SIZE + (random.chance(0.3) ? random.below(PAGE_SIZE) : 0);
    const addr = random.chance(0.8)
      ? near
      : random.pick([0, startBrk, startBrk - 1, brk, ...this.words.addresses]);
    return { request: { call: "brk", addr } };
  }

  private mincore(): Operation | undefined {
    const { addr, length } = this.range();
    // The program has room for so many answers.
    const many = BigInt(length) > 4096n * 4096n;
    if (many || BigInt(addr) + BigInt(length) > this.mm.layout.taskSize) return undefined;
    return { request: { call: "mincore", addr, length } };
  }

  private msync(): Operation {
    const { addr, length } = this.range();
    const flags = this.random.pick([MS.ASYNC, MS.ASYNC, MS.INVALIDATE, MS.ASYNC | MS.INVALIDATE, 0, 5, 8]);
    return { request: { call: "msync", addr, length, flags } };
  }

  private shm(): Operation | undefined {
    const { random } = this;
    const { addr, length } = this.place();
    if (random.chance(0.35)) {
      const at = random.chance(0.7) ? this.attached() : addr;
      return { request: { call: "shmdt", addr: at } };
    }
    const at = random.chance(0.3) ? 0 : addr + (random.chance(0.1) ? 8 : 0);
    if (at !== 0 && !this.isSafe(at, length + PAGE_SIZE)) return undefined;
    const flags = random.bits([SHM.RDONLY, SHM.RND, SHM.REMAP, SHM.EXEC], 0.3);
    return { attach: { addr: at, flags, size: length } };
  }

  private attached(): number {
    const segments = this.mm.vmas.toArray().filter((v) => v.ops.name === "shm");
    return segments.length === 0 ? WINDOW : this.random.pick(segments).start * PAGE_SIZE;
  }

  private lock(): Operation | undefined {
    const { random } = this;
    const { addr, length } = this.range();
    if (!this.isSafe(addr, length)) return undefined;
    switch (random.below(8)) {
      case 0: {
        const flags = random.pick([0, MCL.CURRENT, MCL.FUTURE, 3, 4, 5, 6, 7, 8]);
        return { request: { call: "mlockall", flags } };
      }
      case 1:
        return { request: { call: "munlockall" } };
      case 2:
      case 3:
        return { request: { call: "munlock", addr, length } };
      case 4: {
        const flags = random.pick([0, 1, 1, 2]);
        return { request: { call: "mlock", addr, length, flags } };
      }
      default:
        return { request: { call: "mlock", addr, length, flags: 0 } };
    }
  }

  private mseal(): Operation | undefined {
    const { addr, length } = this.range();
    const flags = this.random.chance(0.05) ? 1 : 0;
    if (!this.isSafe(addr, length)) return undefined;
    return { request: { call: "mseal", addr, length, flags } };
  }

  private limit(): Operation {
    const { random, mm } = this;
    if (random.chance(0.15)) return { drop: "capabilities" };
    const resource = random.pick(["as", "data", "stack", "memlock"] as const);
    const { hard } = this.hardLimit(resource);
    const used = { as: mm.totalVm, data: mm.dataVm, stack: 40, memlock: mm.lockedVm }[resource];
    const wanted = random.chance(0.4) ? hard : random.chance(0.1) ? 0 : (used + random.below(30)) * PAGE_SIZE;
    const soft = Math.min(wanted, hard);
    return { request: { call: "setrlimit", target: 0, resource, soft, hard } };
  }

  private hardLimit(resource: "as" | "data" | "stack" | "memlock"): { readonly hard: number } {
    const task = this.run.state.tasks.get(this.run.tid);
    const group = task && this.run.state.groups.get(task.tgid);
    if (!group) throw new Error("a run has a process");
    return group.limits[resource];
  }

  private fork(): Operation {
    return { fork: this.random.chance(0.5) ? "go on" : "child exits" };
  }

  private persona(): Operation {
    const { random } = this;
    if (random.chance(0.4)) return { request: drawPrctl(random, this.mm) };
    if (random.chance(0.2)) {
      const arg = random.pick([0, 1, 1, 2, 3, 4]);
      return { request: { call: "prctl", option: 65, arg } };
    }
    const implied = random.bits([PERSONALITY.READ_IMPLIES_EXEC], 0.5);
    const persona = random.chance(0.2) ? 0xffffffff : PERSONALITY.ADDR_NO_RANDOMIZE | implied;
    return { request: { call: "personality", persona } };
  }
}
