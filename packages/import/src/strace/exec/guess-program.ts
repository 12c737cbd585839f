import { alignUp, type ElfImage, type ElfSegment, PAGE_SIZE, type ProgramFile } from "@pagetrail/core";
import type { ExecHints } from "./exec-hints.ts";

const PIE_BASE = 0x555555554000;
const EXEC_BASE = 0x400000;
/** Without randomisation the heap of a position-dependent program starts low. */
const LOW = 2 ** 32;

const segment = (type: ElfSegment["type"], flags: string, vaddr: number, size: number): ElfSegment => ({
  type,
  flags,
  offset: vaddr,
  vaddr,
  filesz: size,
  memsz: size,
  align: PAGE_SIZE,
});

/**
 * The headers that a program probably has whose file is gone: the four segments that today's linkers make,
 * with the RELRO and the end that its first calls show. Everything between is a guess.
 */
export function guessProgram(path: string, hints: ExecHints): ProgramFile {
  const pie = hints.startBrk === undefined || hints.startBrk > LOW;
  const relro = hints.relros[0];
  const base = pie ? guessBase(hints) : EXEC_BASE;
  const origin = pie ? 0 : base;
  const data = relro ? relro.start - base : 3 * PAGE_SIZE;
  const protectedBytes = relro ? alignUp(relro.length, PAGE_SIZE) : 0;
  const random = hints.startBrk === undefined || hints.startBrk - base > 2 ** 28;
  const end = random ? data + protectedBytes + PAGE_SIZE : (hints.startBrk ?? 0) - base;
  const rodata = Math.max(data - PAGE_SIZE, 2 * PAGE_SIZE);
  const load = (flags: string, from: number, to: number): ElfSegment =>
    segment("LOAD", flags, origin + from, to - from);
  const stack = { ...segment("GNU_STACK", "rw-", 0, 0), offset: 0, align: 16 };
  const relroSegment = relro ? [segment("GNU_RELRO", "r--", origin + data, protectedBytes)] : [];
  const image: ElfImage = {
    class: 64,
    type: pie ? "DYN" : "EXEC",
    machine: "x86-64",
    entry: origin + PAGE_SIZE,
    segments: [
      load("r--", 0, PAGE_SIZE),
      load("r-x", PAGE_SIZE, rodata),
      load("r--", rodata, Math.max(data, rodata + PAGE_SIZE)),
      load("rw-", Math.max(data, rodata + PAGE_SIZE), Math.max(end, data + PAGE_SIZE)),
      ...relroSegment,
      stack,
    ],
    ...(hints.relros.length > 0 ? { interp: "/lib64/ld-linux-x86-64.so.2" } : {}),
  };
  return { file: { path }, image };
}

/** Where the program lies: at the fixed base without randomisation, else some pages below its RELRO. */
function guessBase(hints: ExecHints): number {
  const relro = hints.relros[0];
  const fixed = relro !== undefined && relro.start > PIE_BASE && relro.start - PIE_BASE < 2 ** 28;
  if (fixed || relro === undefined) return PIE_BASE;
  return relro.start - 3 * PAGE_SIZE;
}
