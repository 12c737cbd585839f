import { MADV, MAP, type Outcome, PROT, type Request } from "@pagetrail/core";

/** Whoever answers system calls: the kernel, or its model. */
export type Kernel = (request: Request) => Outcome;

const PAGE = 4096;

/** A chunk is so many pages, and a guard page behind them that nobody may touch. */
export const CHUNK_PAGES = 4;

/** What a chunk takes, its guard page included. */
export const CHUNK = (CHUNK_PAGES + 1) * PAGE;

/**
 * The allocator of an imaginary program: hands out pages of chunks, keeps one empty chunk for the next time, and gives
 * the others back to the kernel.
 */
export class Arena {
  readonly #kernel: Kernel;
  /** Chunks by their address, each with the pages of it that are in use. */
  readonly #chunks = new Map<number, Set<number>>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Addresses of the chunks, in the order in which they were made. */
  get chunks(): readonly number[] {
    return [...this.#chunks.keys()];
  }

  /** Addresses of the pages that are in use. */
  get pages(): readonly number[] {
    return [...this.#chunks].flatMap(([chunk, used]) => [...used].map((page) => chunk + page * PAGE));
  }

  /** A page that nobody uses; undefined when the kernel has no more memory. */
  take(): number | undefined {
    for (const [chunk, used] of this.#chunks) {
      const page = [0, 1, 2, 3].find((n) => n < CHUNK_PAGES && !used.has(n));
      if (page === undefined) continue;
      used.add(page);
      return chunk + page * PAGE;
    }
    return this.#grow() ? this.take() : undefined;
  }

  /** Gives a page back, and its chunk where that is empty and not the only empty one. */
  give(address: number): void {
    for (const [chunk, used] of this.#chunks) {
      if (!used.delete((address - chunk) / PAGE)) continue;
      if (used.size > 0) return;
      const spare = [...this.#chunks].filter(([, { size }]) => size === 0);
      if (spare.length > 1) this.#drop(chunk);
      else this.#kernel({ call: "madvise", addr: chunk, length: CHUNK_PAGES * PAGE, advice: MADV.DONTNEED });
      return;
    }
  }

  #grow(): boolean {
    const made = this.#kernel({
      call: "mmap",
      addr: 0,
      length: CHUNK,
      prot: PROT.READ | PROT.WRITE,
      flags: MAP.PRIVATE | MAP.ANONYMOUS,
      offset: 0,
      file: 0,
    });
    if (!("ret" in made)) return false;
    const chunk = Number(made.ret);
    this.#kernel({ call: "mprotect", addr: chunk + CHUNK_PAGES * PAGE, length: PAGE, prot: 0 });
    this.#chunks.set(chunk, new Set());
    return true;
  }

  #drop(chunk: number): void {
    this.#chunks.delete(chunk);
    this.#kernel({ call: "munmap", addr: chunk, length: CHUNK });
  }
}
