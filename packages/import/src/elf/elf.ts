import {
  type ElfImage,
  type ElfMachine,
  type ElfSegment,
  type ElfSegmentName,
  type ElfSegmentType,
  type ElfWord,
  fail,
  ok,
  type Result,
} from "@pagetrail/core";
import { bytesText } from "./bytes-text.ts";

type Header = {
  readonly class: 32 | 64;
  readonly type: "EXEC" | "DYN" | number;
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
 * Reads the file header and program headers of an ELF program, 32 or 64 bits. For x86 the machine tells which:
 * the kernel looks at no other byte of `e_ident` than the magic.
 *
 * `bytes` is the file's beginning, at least `elfBytesNeeded` of it. The interpreter's name is filled in when
 * it lies within `bytes`; otherwise fetch `interpRange` and add it with `withInterp`.
 * Fails, with the reason, where the kernel finds no table of program headers: ENOEXEC, or ELIBBAD for an
 * interpreter.
 *
 * @kernel load_elf_binary, load_elf_phdrs, fs/binfmt_elf.c (v6.18)
 */
export function parseElf(bytes: Uint8Array): Result<ElfImage, string> {
  const image = parseHeaders(bytes);
  const range = image.ok ? interpRange(image.value) : undefined;
  if (!image.ok || range === undefined || range.offset + range.length > bytes.length) return image;
  return withInterp(image.value, bytes.subarray(range.offset, range.offset + range.length));
}

/** The same without the interpreter's name: an interpreter's own is never looked at. */
export function parseHeaders(bytes: Uint8Array): Result<ElfImage, string> {
  const header = readHeader(bytes);
  if (!header.ok) return header;
  const end = phdrsEnd(header.value);
  if (!end.ok) return end;
  if (end.value > bytes.length) {
    return fail(`the program headers end at byte ${end.value}, only ${bytes.length} bytes are here`);
  }
  const view = viewOf(bytes);
  const { class: bits, phnum, type, machine } = header.value;
  const phoff = Number(header.value.phoff);
  const segments = Array.from({ length: phnum }, (_, i) =>
    readSegment(view, phoff + i * PHDR_BYTES[bits], bits),
  );
  const place = phoff === HEADER_BYTES[bits] ? {} : { phoff };
  return ok({
    class: bits,
    type,
    machine,
    entry: exact(header.value.entry),
    ...place,
    segments,
  });
}

/**
 * How many bytes from the file's beginning `parseElf` needs, told from its first 64.
 * Fails when these are not the header of an ELF file that the kernel would run.
 */
export function elfBytesNeeded(start: Uint8Array): Result<number, string> {
  const header = readHeader(start);
  return header.ok ? phdrsEnd(header.value) : header;
}

/**
 * Where in the file the interpreter's name stands, its closing NUL included; undefined for a static program. An
 * offset that no file has may be inexact.
 */
export function interpRange(image: ElfImage): FileRange | undefined {
  const segment = image.segments.find((s) => s.type === "INTERP");
  return segment && { offset: Number(segment.offset), length: segment.filesz };
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
  const view = viewOf(bytes);
  const machine = machineOf(bytes.length < 20 ? 0 : view.getUint16(18, true));
  const bits = classOf(bytes, machine);
  if (!bits.ok) return bits;
  return bytes.length < HEADER_BYTES[bits.value]
    ? fail(`the ELF header is cut off at byte ${bytes.length}`)
    : readFields(view, machine, bits.value);
}

/** The machine decides; of those that are not x86 only what they say of themselves is known. */
function classOf(bytes: Uint8Array, machine: ElfMachine): Result<32 | 64, string> {
  if (machine === "x86-64") return ok(64);
  if (machine === "i386") return ok(32);
  const bits = bytes[4] === 1 ? 32 : bytes[4] === 2 ? 64 : undefined;
  if (bits === undefined) return fail(`ELF class ${bytes[4]} is neither 32 nor 64 bits`);
  return bytes[5] === 1 ? ok(bits) : fail(`ELF data encoding ${bytes[5]} is not little-endian`);
}

function readFields(view: DataView, machine: ElfMachine, bits: 32 | 64): Result<Header, string> {
  const type = view.getUint16(16, true);
  const counts = bits === 64 ? 54 : 42;
  const phentsize = view.getUint16(counts, true);
  if (phentsize !== PHDR_BYTES[bits]) return fail(`program headers of ${phentsize} bytes`);
  return ok({
    class: bits,
    type: type === 2 ? "EXEC" : type === 3 ? "DYN" : type,
    machine,
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

function readSegment(view: DataView, at: number, bits: 32 | 64): ElfSegment {
  // ELF64 moved p_flags forward so that its 8-byte fields are aligned.
  const [offset, vaddr, filesz, memsz, align] = bits === 64 ? [8, 16, 32, 40, 48] : [4, 8, 16, 20, 28];
  const word = (field = 0): bigint => address(view, at + field, bits);
  return {
    type: segmentType(view.getUint32(at, true)),
    flags: flagText(view.getUint32(at + (bits === 64 ? 4 : 24), true)),
    offset: exact(word(offset)),
    vaddr: Number(word(vaddr)),
    filesz: Number(word(filesz)),
    memsz: Number(word(memsz)),
    align: exact(word(align)),
  };
}

const segmentType = (n: number): ElfSegmentType => SEGMENT_NAMES.get(n) ?? n;

const flagText = (p: number): string => `${p & 4 ? "r" : "-"}${p & 2 ? "w" : "-"}${p & 1 ? "x" : "-"}`;

function machineOf(n: number): ElfMachine {
  if (n === 62) return "x86-64";
  // The kernel takes the number that was once meant for the 486 as well.
  return n === 3 || n === 6 ? "i386" : n;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** An Elf32 or Elf64 address, offset or word-sized size. */
const address = (view: DataView, at: number, bits: 32 | 64): bigint =>
  bits === 64 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));

const isExact = (n: bigint): boolean => n <= BigInt(Number.MAX_SAFE_INTEGER);

const exact = (n: bigint): ElfWord => (isExact(n) ? Number(n) : `0x${n.toString(16)}`);
