import { Random } from "@pagetrail/conformance";
import {
  advanceState,
  type Event,
  execute,
  type FileId,
  initialState,
  type KernelState,
  MADV,
  MAP,
  type OpenFile,
  type Pid,
  PROT,
  type Profile,
  REFERENCE_PROFILE,
  type Request,
  Transaction,
} from "@pagetrail/core";
import { executePlain } from "./plain-calls.ts";
import { type PlainMm, type PlainVma, plainMm } from "./plain-mm.ts";

/** The process that the workload is about. */
export const PROCESS = 100 as Pid;

/** A log for the benchmarks: where it begins, and its events with the model's own outcomes. */
export interface Workload {
  /** What leads to the origin from nothing. */
  readonly preparation: readonly Event[];
  readonly origin: KernelState;
  readonly events: readonly Event[];
}

const PROFILE: Profile = {
  ...REFERENCE_PROFILE,
  sysctl: { ...REFERENCE_PROFILE.sysctl, totalPages: 2 ** 22 },
};

const PAGE = 4096;
const HEAP = 0x555555800000;
const PROGRAM = 0x555555554000;
/** The program's own VMAs, which the workload leaves alone, so that its files stay known. */
const PROGRAM_VMAS = 4;
const ANONYMOUS = MAP.PRIVATE | MAP.ANONYMOUS;
const PROTS = [PROT.READ | PROT.WRITE, PROT.READ | PROT.WRITE, PROT.READ, 0, PROT.READ | PROT.EXEC] as const;
const ADVICE = [
  MADV.DONTNEED,
  MADV.DONTNEED,
  MADV.DONTNEED,
  MADV.FREE,
  MADV.DONTDUMP,
  MADV.DODUMP,
  MADV.NOHUGEPAGE,
];

const file = (id: number): OpenFile => ({
  id: id as FileId,
  path: `/usr/lib/library-${id}.so`,
  kind: "disk",
  readable: true,
  writable: false,
  deleted: false,
  size: 2 ** 21,
});

/** Requests that make a program of `PROGRAM_VMAS` VMAs and a heap, then anonymous VMAs that do not merge. */
function* preparationRequests(vmas: number): Iterable<Request> {
  yield { call: "adopt", comm: "bench", tgid: PROCESS };
  for (let id = 1; id <= PROGRAM_VMAS; id++) {
    yield { call: "file", file: file(id) };
    const addr = PROGRAM + id * 16 * PAGE;
    const flags = MAP.PRIVATE | MAP.FIXED;
    yield { call: "mmap", addr, length: 8 * PAGE, prot: PROT.READ, flags, offset: 0, file: id };
  }
  yield { call: "brk", addr: 0 };
  for (let i = PROGRAM_VMAS; i < vmas; i++) {
    const prot = i % 2 === 0 ? PROT.READ : PROT.READ | PROT.WRITE;
    yield { call: "mmap", addr: 0, length: (4 + (i % 5)) * PAGE, prot, flags: ANONYMOUS, offset: 0, file: 0 };
  }
}

function prepare(vmas: number): Pick<Workload, "preparation" | "origin"> {
  const preparation: Event[] = [];
  let origin = initialState(PROFILE);
  for (const request of preparationRequests(vmas)) {
    const asked = { seq: origin.seq + 1, tid: PROCESS, request };
    // Where the heap begins is not the model's to say: the recording tells it.
    const recorded = { ret: request.call === "brk" ? HEAP : 0 };
    const { predicted } = advanceState(origin, { ...asked, outcome: recorded });
    const event =
      request.call === "brk"
        ? { ...asked, outcome: recorded, divergence: predicted }
        : { ...asked, outcome: predicted };
    preparation.push(event);
    origin = advanceState(origin, event).state;
  }
  return { preparation, origin };
}

/**
 * A log of `count` memory calls on an address space of about `vmas` VMAs, the same every time. Of a hundred
 * calls about 30 are mmap, 22 munmap, 35 mprotect, 5 brk and 8 madvise; a few of them are refused.
 */
export function makeWorkload(vmas: number, count: number): Workload {
  const { preparation, origin } = prepare(vmas);
  const plain = plainMm(origin, PROCESS);
  const chooser = new Chooser(vmas, plain);
  const tx = new Transaction(origin);
  const events: Event[] = [];
  for (let seq = origin.seq + 1; events.length < count; seq++) {
    const request = chooser.next();
    const outcome = execute(tx, { tid: PROCESS, request, outcome: { ret: 0 } });
    executePlain(plain, request);
    events.push({ seq, tid: PROCESS, request, outcome });
  }
  return { preparation, origin, events };
}

/** Chooses the next call by looking at what is mapped. */
class Chooser {
  readonly #random: Random;
  readonly #mm: PlainMm;
  readonly #vmas: number;

  constructor(vmas: number, mm: PlainMm) {
    this.#random = new Random(vmas);
    this.#mm = mm;
    this.#vmas = vmas;
  }

  next(): Request {
    const kind = this.#random.below(100);
    if (kind < 30) return this.#mmap();
    if (kind < 52) return this.#munmap();
    if (kind < 87) return this.#mprotect();
    if (kind < 92) return this.#brk();
    return this.#madvise();
  }

  /** Whether there are more VMAs than there should be: then calls take whole ones, and some of several. */
  get #crowded(): boolean {
    return this.#mm.vmas.length > this.#vmas;
  }

  #mmap(): Request {
    const random = this.#random;
    const kind = random.below(10);
    const prot = random.pick(PROTS);
    const length = (1 + random.below(64)) * PAGE;
    if (kind < 5) return { call: "mmap", addr: 0, length, prot, flags: ANONYMOUS, offset: 0, file: 0 };
    if (kind < 7) {
      const offset = random.below(32) * PAGE;
      const of = 1 + random.below(PROGRAM_VMAS);
      return {
        call: "mmap",
        addr: 0,
        length,
        prot: prot & ~PROT.WRITE,
        flags: MAP.PRIVATE,
        offset,
        file: of,
      };
    }
    if (kind < 8) {
      // A thread's stack: 8 MiB and a guard page.
      const flags = ANONYMOUS | MAP.NORESERVE | MAP.STACK;
      return { call: "mmap", addr: 0, length: 2049 * PAGE, prot: 0, flags, offset: 0, file: 0 };
    }
    const [start, end] = this.#part(this.#vma());
    const flags = ANONYMOUS | MAP.FIXED;
    return {
      call: "mmap",
      addr: start * PAGE,
      length: (end - start) * PAGE,
      prot,
      flags,
      offset: 0,
      file: 0,
    };
  }

  /** A VMA, or a part of one; where it is crowded whole ones, up to the end of the next but one. */
  #munmap(): Request {
    const vma = this.#vma();
    const { vmas } = this.#mm;
    const last = this.#crowded && this.#random.chance(0.7) ? vmas[vmas.indexOf(vma) + 2] : undefined;
    const [start, end] = last ? [vma.start, last.end] : this.#range(vma);
    const addr = start * PAGE + (this.#random.below(100) === 0 ? 8 : 0);
    return { call: "munmap", addr, length: (end - start) * PAGE };
  }

  #mprotect(): Request {
    const [start, end] = this.#range(this.#vma());
    const length = (end - start + (this.#random.below(50) === 0 ? 16 : 0)) * PAGE;
    return { call: "mprotect", addr: start * PAGE, length, prot: this.#random.pick(PROTS) };
  }

  #brk(): Request {
    const { brk, startBrk } = this.#mm;
    const step = (this.#random.below(70) - 30) * PAGE;
    const addr = brk + step > startBrk + 2 ** 23 ? startBrk : Math.max(startBrk, brk + step);
    return { call: "brk", addr };
  }

  #madvise(): Request {
    const [start, end] = this.#part(this.#vma());
    const advice = this.#random.pick(ADVICE);
    return { call: "madvise", addr: start * PAGE, length: (end - start) * PAGE, advice };
  }

  #range(vma: PlainVma): readonly [number, number] {
    return this.#crowded || this.#random.chance(0.6) ? [vma.start, vma.end] : this.#part(vma);
  }

  /** Any VMA but the program's own. */
  #vma(): PlainVma {
    const { vmas } = this.#mm;
    return vmas[PROGRAM_VMAS + this.#random.below(vmas.length - PROGRAM_VMAS)] as PlainVma;
  }

  /** The first, the last or any other part of a VMA. */
  #part({ start, end }: PlainVma): readonly [number, number] {
    const random = this.#random;
    const length = 1 + random.below(end - start);
    const kind = random.below(3);
    if (kind === 0) return [start, start + length];
    if (kind === 1) return [end - length, end];
    const from = start + random.below(end - start - length + 1);
    return [from, from + length];
  }
}
