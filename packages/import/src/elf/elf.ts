import {
  type ElfImage,
  type ElfMachine,
  type ElfSegment,
  type ElfSegmentName,
  type ElfSegmentType,
  fail,
  ok,
  type Result,
} from "@pagetrail/core";
import { bytesText } from "./bytes-text.ts";

type Header = {
  readonly class: 32 | 64;
  readonly type: "EXEC" | "DYN";
  readonly machine: ElfMachine;
  readonly entry: bigint;
  readonly phoff: bigint;
  readonly phnum: number;
};

/** A run of bytes in a file. */
export type FileRange = { readonly offset: number; readonly length: number };

const HEADER_BYTES = { 32: 52, 64: 64 } as const;
const PHDR_BYTES = { 32: 32, 64: 56 } as const;
/** The kernel refuses a table of program headers above 64 KiB. */
const MAX_PHDRS_BYTES = 65_536;
const PATH_MAX = 4096;

const SEGMENT_NAMES: ReadonlyMap<number, ElfSegmentName> = new Map([
  [1, "LOAD"],
  [2, "DYNAMIC"],
  [3, "INTERP"],
  [4, "NOTE"],
  [6, "PHDR"],
  [7, "TLS"],
  [0x6474e550, "GNU_EH_FRAME"],
  [0x6474e551, "GNU_STACK"],
  [0x6474e552, "GNU_RELRO"],
  [0x6474e553, "GNU_PROPERTY"],
]);

/**
 * Reads the file header and program headers of a little-endian ELF program, 32 or 64 bits.
 *
 * `bytes` is the file's beginning, at least `elfBytesNeeded` of it. The interpreter's name is filled in when
 * it lies within `bytes`; otherwise fetch `interpRange` and add it with `withInterp`.
 * Fails, with the reason, on everything that `execve` would answer ENOEXEC to on account of these headers.
 *
 * @kernel load_elf_binary, load_elf_phdrs, fs/binfmt_elf.c (v6.18)
 */
export function parseElf(bytes: Uint8Array): Result<ElfImage, string> {
  const header = readHeader(bytes);
  if (!header.ok) return header;
  const end = phdrsEnd(header.value);
  if (!end.ok) return end;
  if (end.value > bytes.length) {
    return fail(`the program headers end at byte ${end.value}, only ${bytes.length} bytes are here`);
  }
  const view = viewOf(bytes);
  const { class: bits, phoff, phnum, type, machine } = header.value;
  const segments: ElfSegment[] = [];
  for (let i = 0; i < phnum; i++) {
    const segment = readSegment(view, Number(phoff) + i * PHDR_BYTES[bits], bits);
    if (!segment.ok) return fail(`program header ${i}: ${segment.error}`);
    segments.push(segment.value);
  }
  const image: ElfImage = { class: bits, type, machine, entry: exact(header.value.entry), segments };
  const range = interpRange(image);
  if (range === undefined || range.offset + range.length > bytes.length) return ok(image);
  return withInterp(image, bytes.subarray(range.offset, range.offset + range.length));
}

/**
 * How many bytes from the file's beginning `parseElf` needs, told from its first 64.
 * Fails when these are not the header of an ELF file that the kernel would run.
 */
export function elfBytesNeeded(start: Uint8Array): Result<number, string> {
  const header = readHeader(start);
  return header.ok ? phdrsEnd(header.value) : header;
}

/** Where in the file the interpreter's name stands, its closing NUL included; undefined for a static program. */
export function interpRange(image: ElfImage): FileRange | undefined {
  const segment = image.segments.find((s) => s.type === "INTERP");
  return segment && { offset: segment.offset, length: segment.filesz };
}

/** Completes an image with the bytes of its `interpRange`. Fails when the kernel would not take them as a name. */
export function withInterp(image: ElfImage, name: Uint8Array): Result<ElfImage, string> {
  if (name.length < 2) return fail("the interpreter's name is empty");
  if (name.length > PATH_MAX) return fail(`the interpreter's name has ${name.length} bytes`);
  if (name.at(-1) !== 0) return fail("the interpreter's name does not end with a NUL");
  return ok({ ...image, interp: bytesText(name.subarray(0, name.indexOf(0))) });
}

function readHeader(bytes: Uint8Array): Result<Header, string> {
  if (bytes.length < 16) return fail(`${bytes.length} bytes are too few for an ELF header`);
  if (bytes[0] !== 0x7f || bytes[1] !== 0x45 || bytes[2] !== 0x4c || bytes[3] !== 0x46) {
    return fail("does not begin with the ELF magic");
  }
  const bits = bytes[4] === 1 ? 32 : bytes[4] === 2 ? 64 : undefined;
  if (bits === undefined) return fail(`ELF class ${bytes[4]} is neither 32 nor 64 bits`);
  if (bytes[5] !== 1) return fail(`ELF data encoding ${bytes[5]} is not little-endian`);
  if (bytes.length < HEADER_BYTES[bits]) return fail(`the ELF header is cut off at byte ${bytes.length}`);
  const view = viewOf(bytes);
  const type = view.getUint16(16, true);
  if (type !== 2 && type !== 3) return fail(`ELF type ${type} is neither EXEC nor DYN`);
  const counts = bits === 64 ? 54 : 42;
  const phentsize = view.getUint16(counts, true);
  if (phentsize !== PHDR_BYTES[bits]) return fail(`program headers of ${phentsize} bytes`);
  return ok({
    class: bits,
    type: type === 2 ? "EXEC" : "DYN",
    machine: machineOf(view.getUint16(18, true)),
    entry: address(view, 24, bits),
    phoff: address(view, bits === 64 ? 32 : 28, bits),
    phnum: view.getUint16(counts + 2, true),
  });
}

/** The first byte after the program headers. */
function phdrsEnd(header: Header): Result<number, string> {
  const size = header.phnum * PHDR_BYTES[header.class];
  if (size === 0) return fail("there are no program headers");
  if (size > MAX_PHDRS_BYTES) return fail(`${header.phnum} program headers are more than the kernel takes`);
  const end = header.phoff + BigInt(size);
  if (!isExact(end)) return fail("the program headers lie beyond 2^53");
  return ok(Math.max(Number(end), HEADER_BYTES[header.class]));
}

function readSegment(view: DataView, at: number, bits: 32 | 64): Result<ElfSegment, string> {
  // ELF64 moved p_flags forward so that its 8-byte fields are aligned.
  const fields = bits === 64 ? [8, 16, 32, 40, 48] : [4, 8, 16, 20, 28];
  const words = fields.map((field) => address(view, at + field, bits));
  if (!words.every(isExact)) return fail("an address or size above 2^53");
  const [offset = 0, vaddr = 0, filesz = 0, memsz = 0, align = 0] = words.map(Number);
  const type = segmentType(view.getUint32(at, true));
  const flags = flagText(view.getUint32(at + (bits === 64 ? 4 : 24), true));
  return ok({ type, flags, offset, vaddr, filesz, memsz, align });
}

const segmentType = (n: number): ElfSegmentType => SEGMENT_NAMES.get(n) ?? n;

const flagText = (p: number): string => `${p & 4 ? "r" : "-"}${p & 2 ? "w" : "-"}${p & 1 ? "x" : "-"}`;

function machineOf(n: number): ElfMachine {
  if (n === 62) return "x86-64";
  return n === 3 ? "i386" : n;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** An Elf32 or Elf64 address, offset or word-sized size. */
const address = (view: DataView, at: number, bits: 32 | 64): bigint =>
  bits === 64 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));

const isExact = (n: bigint): boolean => n <= BigInt(Number.MAX_SAFE_INTEGER);

const exact = (n: bigint): number | string => (isExact(n) ? Number(n) : `0x${n.toString(16)}`);
