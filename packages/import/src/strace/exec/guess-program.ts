import {
  alignUp,
  type ElfImage,
  type ElfSegment,
  mmapBase,
  PAGE_SIZE,
  type ProgramFile,
  X86_64,
} from "@pagetrail/core";
import type { ExecHints } from "./exec-hints.ts";

const EXEC_BASE = 0x400000;
/** Where a program that is linked at 0 goes without randomisation: ELF_ET_DYN_BASE's page. */
const PIE_BASE = X86_64.elfEtDynBase - (X86_64.elfEtDynBase % PAGE_SIZE);
/** Without randomisation the heap of a position-dependent program starts low. */
const LOW = 2 ** 32;
/** A program and its heap lie this close together when the heap is not randomised. */
const NEAR = 2 ** 28;
const VDSO_PAGES = 8;

/** Offsets from the program's base, in bytes: what can be told of its extent. */
interface Extent {
  readonly base: number;
  readonly data: number;
  readonly relro: number;
  readonly end: number;
}

/**
 * The headers that a program probably has whose file is gone: the four segments that today's linkers make,
 * with the RELRO and the end that its first calls show. Everything between is a guess; right for small
 * programs, whose four segments of code and constants are a page each.
 */
export function guessProgram(path: string, hints: ExecHints): ProgramFile {
  const pie = hints.startBrk === undefined || hints.startBrk > LOW;
  const extent = pie && !hints.looksDynamic ? staticPie(hints) : beforeHeap(hints, pie);
  const origin = pie ? 0 : EXEC_BASE;
  const image: ElfImage = {
    class: 64,
    type: pie ? "DYN" : "EXEC",
    machine: "x86-64",
    entry: origin + PAGE_SIZE,
    segments: segments(origin, extent),
    ...(hints.looksDynamic ? { interp: "/lib64/ld-linux-x86-64.so.2" } : {}),
  };
  return { file: { path }, image };
}

/** A program whose heap begins at its end, or some random distance above. */
function beforeHeap(hints: ExecHints, pie: boolean): Extent {
  const [seen] = hints.relros;
  const base = pie ? guessBase(seen?.start) : EXEC_BASE;
  const data = seen ? seen.start - base : 3 * PAGE_SIZE;
  const relro = seen ? alignUp(seen.length, PAGE_SIZE) : 0;
  const least = data + relro + PAGE_SIZE;
  const distance = hints.startBrk === undefined ? NEAR : hints.startBrk - base;
  return { base, data, relro, end: distance < NEAR ? Math.max(distance, least) : least };
}

/** Without randomisation at the fixed base; else some pages below the RELRO, as small programs are. */
const guessBase = (relro: number | undefined): number =>
  relro === undefined || (relro > PIE_BASE && relro - PIE_BASE < NEAR) ? PIE_BASE : relro - 3 * PAGE_SIZE;

/** A static PIE fills the top of the mapping area, down to the vdso, below which the first mapping goes. */
function staticPie(hints: ExecHints): Extent {
  const top = mmapBase(X86_64, 8 * 2 ** 20, { on: false, pages: 0 }) * PAGE_SIZE;
  const placed = hints.firstPlaced;
  const base = placed ? placed.start + placed.length + VDSO_PAGES * PAGE_SIZE : top - 5 * PAGE_SIZE;
  const span = base < top ? top - base : 5 * PAGE_SIZE;
  const [seen] = hints.relros;
  const inside = seen !== undefined && seen.start > base && seen.start < base + span;
  const data = inside ? seen.start - base : Math.max(span - 2 * PAGE_SIZE, 3 * PAGE_SIZE);
  return { base, data, relro: inside ? seen.length : 0, end: Math.max(span, data + PAGE_SIZE) };
}

function segments(origin: number, { data, relro, end }: Extent): readonly ElfSegment[] {
  const code = Math.max(data, 3 * PAGE_SIZE);
  const file = Math.min(end - code, relro + PAGE_SIZE);
  const part = (
    type: ElfSegment["type"],
    flags: string,
    from: number,
    filesz: number,
    memsz = filesz,
  ): ElfSegment => ({
    type,
    flags,
    offset: from,
    vaddr: origin + from,
    filesz,
    memsz,
    align: PAGE_SIZE,
  });
  return [
    part("LOAD", "r--", 0, PAGE_SIZE),
    part("LOAD", "r-x", PAGE_SIZE, code - 2 * PAGE_SIZE),
    part("LOAD", "r--", code - PAGE_SIZE, PAGE_SIZE),
    // Linkers mostly let the data share a page of the file with the constants before it.
    { ...part("LOAD", "rw-", code, file, end - code), offset: code - PAGE_SIZE },
    ...(relro > 0 ? [part("GNU_RELRO", "r--", code, relro)] : []),
    { ...part("GNU_STACK", "rw-", 0, 0), vaddr: 0, align: 16 },
  ];
}
