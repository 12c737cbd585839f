import { alignUp, IA32, PAGE_SIZE } from "@pagetrail/core";
import { MAP, PROT, type ShownImage, type StraceCall } from "../text/index.ts";
import { Arguments } from "../translate/arguments.ts";

/** Bytes [start, start + length). */
export interface Span {
  readonly start: number;
  readonly length: number;
}

/** A program has shown what it will of its layout after this many calls. */
const MAX_CALLS = 1000;
const MAP_FIXED_BITS = (MAP.MAP_FIXED ?? 0) + (MAP.MAP_FIXED_NOREPLACE ?? 0);
/** ld.so.preload and ld.so.cache. */
const LOADER_FILES = '"/etc/ld.so.';
const USER_TOP = 2 ** 47;
const END_OF_32_BITS = 2 ** 32;
/**
 * Nothing but the stack lies this close below the top of user space: the mapping area keeps clear of all
 * places that randomisation may give it (16 GiB), and of 8 MiB below.
 */
const STACK_REGION = USER_TOP - 2 ** 34 - 2 ** 23;
/** The same of 32-bit programs, of whose stacks randomisation takes up to 8 MiB. */
const STACK_REGION_32 = IA32.stackTop - 2 ** 23 - 2 ** 23;

/**
 * What a program's first calls tell of where exec put things: fed with the calls of the task that did the
 * exec, in order, until nothing more is to be learnt.
 */
export class ExecHints {
  /** The first brk(NULL): start_brk. */
  startBrk: number | undefined;
  /** The first mapping that the kernel placed itself. */
  firstPlaced: Span | undefined;
  /** Read-only protections of ranges that this image did not map itself: RELRO of program, then loader. */
  readonly relros: Span[] = [];
  /** Lowest and highest argument that points into the region of stacks. */
  lowestPointer: number | undefined;
  highestPointer: number | undefined;
  /** A call that only 32-bit programs make. */
  looks32 = false;
  complete = false;
  /** The program is a 64-bit one, even if it makes 32-bit calls as well. */
  #is64 = false;
  #calls = 0;
  #askedForLibraries = false;
  readonly #mapped: Span[] = [];
  /** What the kernel touched of the new address space before exec returned, in order. */
  readonly touches: number[] = [];

  /** The dynamic loader looked for its configuration, or protected the program's RELRO and its own. */
  get looksDynamic(): boolean {
    return this.#askedForLibraries || this.relros.length >= 2 || this.image?.interpreter !== undefined;
  }

  /** @param image where exec put things, when the recording shows it */
  constructor(readonly image?: ShownImage) {
    if (image?.vdso !== undefined) this.looks32 = image.vdso < 2 ** 32;
  }

  /** The task exits, execs again, or the trace ends. */
  close(): void {
    this.complete = true;
  }

  /** strace noted by which entry the task's next calls come: until then it was by the other. */
  mode(note: string): void {
    if (note === "mode32" && this.#calls > 0) this.#is64 = true;
  }

  feed(call: StraceCall): void {
    if (this.complete) return;
    const a = new Arguments(call);
    if (call.name === "brk") this.#brk(a);
    else if (call.name === "mmap" || call.name === "mmap2") this.#mmap(a);
    else if (call.name === "mprotect") this.#mprotect(a);
    else this.#other(call);
    this.#calls += 1;
    const learnt = this.relros.length >= 2 && this.startBrk !== undefined && this.firstPlaced !== undefined;
    if (this.#calls >= MAX_CALLS || (learnt && this.highestPointer !== undefined)) this.complete = true;
  }

  #brk(a: Arguments): void {
    if (this.startBrk === undefined && a.number(0) === 0 && a.call.result.kind === "value")
      this.startBrk = a.call.result.value;
    if ((this.startBrk ?? 0) >= END_OF_32_BITS) this.#is64 = true;
  }

  #mmap(a: Arguments): void {
    // Placed by the bases of the other entry, such a mapping says nothing about the program's own.
    if (a.call.name === "mmap2" && this.#is64) return;
    if (a.call.name === "mmap2") this.looks32 = true;
    const { result } = a.call;
    const length = a.number(1);
    const flags = a.flags(3, MAP);
    // No kernel grants a mapping without a length: a damaged line says nothing.
    if (result.kind !== "value" || result.value === undefined || !length || flags === undefined) return;
    const span = { start: result.value, length: alignUp(length, PAGE_SIZE) };
    this.#mapped.push(span);
    if (span.start >= END_OF_32_BITS) this.#is64 = true;
    const placed = a.number(0) === 0 && (flags & MAP_FIXED_BITS) === 0;
    if (placed && this.firstPlaced === undefined) this.firstPlaced = span;
  }

  #mprotect(a: Arguments): void {
    const start = a.number(0);
    const length = a.number(1);
    if (start === undefined || length === undefined || a.flags(2, PROT) !== PROT.PROT_READ) return;
    const own = this.#mapped.some((m) => start >= m.start && start < m.start + m.length);
    if (!own) this.relros.push({ start, length });
  }

  #other(call: StraceCall): void {
    if (call.name === "set_thread_area" && !this.#is64) this.looks32 = true;
    if (call.args.some((text) => text.startsWith(LOADER_FILES))) this.#askedForLibraries = true;
    for (const text of call.args) {
      const pointer = stackPointer(text);
      if (pointer !== undefined) this.#pointer(pointer);
    }
  }

  /** Memory was touched there, inside the exec or by the program. */
  point(address: number, ofExec = false): void {
    if (ofExec) this.touches.push(address);
    if (!this.complete && isInStackRegion(address)) this.#pointer(address);
  }

  #pointer(pointer: number): void {
    this.lowestPointer = Math.min(this.lowestPointer ?? pointer, pointer);
    this.highestPointer = Math.max(this.highestPointer ?? pointer, pointer);
  }
}

/** An argument that is a plain pointer near the top of user space; undefined for all others. */
export function stackPointer(text: string): number | undefined {
  const [, digits] = /^0x(7ff[0-9a-f]{9}|ff[0-9a-f]{6})(?: |$)/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const pointer = Number.parseInt(digits, 16);
  return isInStackRegion(pointer) ? pointer : undefined;
}

function isInStackRegion(pointer: number): boolean {
  const [from, to] = pointer < 2 ** 32 ? [STACK_REGION_32, IA32.stackTop] : [STACK_REGION, USER_TOP];
  return pointer >= from && pointer < to;
}
