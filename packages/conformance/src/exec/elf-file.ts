/** A word of an ELF file: as wide as its class says. */
export type FileWord = number | bigint;

/** A program header as it is written. */
export interface FileSegment {
  readonly type: FileWord;
  readonly flags: FileWord;
  readonly offset: FileWord;
  readonly vaddr: FileWord;
  readonly filesz: FileWord;
  readonly memsz: FileWord;
  readonly align: FileWord;
}

/** An ELF file of which only the headers count: whatever its numbers say is written as it is. */
export interface ElfFile {
  readonly class: 32 | 64;
  readonly type: FileWord;
  readonly machine: FileWord;
  readonly entry: FileWord;
  readonly phoff: FileWord;
  readonly phentsize: FileWord;
  readonly phnum: FileWord;
  readonly segments: readonly FileSegment[];
  /** Text in the file, and where: the interpreter's name. */
  readonly text?: { readonly at: number; readonly bytes: string };
  /** Bytes of the whole file; zeros fill it up, and what stands behind is cut off. */
  readonly size: number;
}

export const PT = {
  NULL: 0,
  LOAD: 1,
  DYNAMIC: 2,
  INTERP: 3,
  NOTE: 4,
  PHDR: 6,
  GNU_STACK: 0x6474e551,
} as const;
export const PF = { X: 1, W: 2, R: 4 } as const;
export const ET = { REL: 1, EXEC: 2, DYN: 3, CORE: 4 } as const;
export const EM = { I386: 3, X86_64: 62 } as const;

const HEADER_BYTES = { 32: 52, 64: 64 } as const;
const PHDR_BYTES = { 32: 32, 64: 56 } as const;

/** What the header of a sound file says beside what its kind decides. */
export const soundHeader = (bits: 32 | 64, segments: number) => ({
  class: bits,
  machine: bits === 64 ? EM.X86_64 : EM.I386,
  phoff: HEADER_BYTES[bits],
  phentsize: PHDR_BYTES[bits],
  phnum: segments,
});

/** The bytes of a file. */
export function elfBytes(file: ElfFile): Uint8Array {
  const bits = file.class;
  const text = file.text ? file.text.at + file.text.bytes.length : 0;
  const headers = HEADER_BYTES[bits] + file.segments.length * PHDR_BYTES[bits];
  const room = Math.max(file.size, headers, text);
  const bytes = new Uint8Array(room);
  const view = new DataView(bytes.buffer);
  const half = (at: number, n: FileWord): void =>
    view.setUint16(at, Number(BigInt.asUintN(16, BigInt(n))), true);
  const word = (at: number, n: FileWord): void =>
    bits === 64
      ? view.setBigUint64(at, BigInt.asUintN(64, BigInt(n)), true)
      : view.setUint32(at, Number(BigInt.asUintN(32, BigInt(n))), true);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, bits / 32, 1, 1]);
  half(16, file.type);
  half(18, file.machine);
  word(24, file.entry);
  word(bits === 64 ? 32 : 28, file.phoff);
  const counts = bits === 64 ? 54 : 42;
  half(counts, file.phentsize);
  half(counts + 2, file.phnum);
  for (const [i, segment] of file.segments.entries())
    writeSegment(view, HEADER_BYTES[bits] + i * PHDR_BYTES[bits], bits, segment, word);
  if (file.text) bytes.set(Buffer.from(file.text.bytes, "latin1"), file.text.at);
  return bytes.subarray(0, file.size);
}

function writeSegment(
  view: DataView,
  at: number,
  bits: 32 | 64,
  s: FileSegment,
  word: (at: number, n: FileWord) => void,
): void {
  const low = (n: FileWord): number => Number(BigInt.asUintN(32, BigInt(n)));
  view.setUint32(at, low(s.type), true);
  view.setUint32(at + (bits === 64 ? 4 : 24), low(s.flags), true);
  const words = [s.offset, s.vaddr, s.filesz, s.memsz, s.align];
  const places = bits === 64 ? [8, 16, 32, 40, 48] : [4, 8, 16, 20, 28];
  for (const [i, n] of words.entries()) word(at + (places[i] ?? 0), n);
}
