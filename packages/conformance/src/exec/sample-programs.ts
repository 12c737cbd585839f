import { type ElfFile, ET, type FileSegment, type FileWord, PF, PT, soundHeader } from "./elf-file.ts";

/** A kind of program, by name. One with an interpreter names it by a path that is to be filled in. */
export interface SampleProgram {
  readonly name: string;
  readonly file: ElfFile;
}

const R = PF.R;
const RX = PF.R | PF.X;
const RW = PF.R | PF.W;
const RWX = PF.R | PF.W | PF.X;

const load = (
  flags: number,
  offset: number,
  vaddr: number,
  filesz: number,
  more: Partial<FileSegment> = {},
): FileSegment => ({ type: PT.LOAD, flags, offset, vaddr, filesz, memsz: filesz, align: 0x1000, ...more });

const stack = (flags: number): FileSegment => ({ ...load(flags, 0, 0, 0), type: PT.GNU_STACK, align: 16 });

/** Where the interpreter's name stands in the files. */
export const INTERP_AT = 0x300;

const NOTE: FileSegment = { ...load(R, 0x2c0, 0x2c0, 32), type: PT.NOTE, align: 4 };

interface Shape {
  readonly type?: FileWord;
  readonly at?: number;
  readonly entry?: number;
  readonly segments: readonly FileSegment[];
  readonly size?: number;
  readonly interp?: boolean;
}

/** A sound file; `interp` asks for an interpreter of the given name. */
function make(
  bits: 32 | 64,
  { type = ET.DYN, entry = 0x1000, segments, size = 0x5000, interp }: Shape,
  ld: string,
): ElfFile {
  const bytes = `${ld}\0`;
  const named: FileSegment = { ...load(R, INTERP_AT, INTERP_AT, bytes.length), type: PT.INTERP, align: 1 };
  const all = interp ? [named, ...segments, NOTE] : [...segments, NOTE];
  return {
    ...soundHeader(bits, all.length),
    type,
    entry,
    segments: all,
    ...(interp ? { text: { at: INTERP_AT, bytes } } : {}),
    size,
  };
}

/** The segments that linkers make, from an address on. */
const usual = (at: number, align = 0x1000): readonly FileSegment[] => [
  load(R, 0, at, 0x628, { align }),
  load(RX, 0x1000, at + align, 0x171, { align }),
  load(R, 0x2000, at + 2 * align, 0xcc, { align }),
  load(RW, 0x2db8, at + 3 * align + 0xdb8, 0x258, { memsz: 0x2b0, align }),
  stack(RW),
];

const bssOnly = (at: number): readonly FileSegment[] => [
  load(RX, 0, at, 0x1000),
  load(RW, 0, at + 0x2000, 0, { memsz: 0x5123 }),
  stack(RW),
];

const SHAPES: readonly (Shape & { readonly name: string })[] = [
  { name: "PIE", segments: usual(0), interp: true },
  { name: "PIE aligned to 2 MiB", segments: usual(0, 0x200000), interp: true },
  { name: "PIE linked at 64 KiB", segments: usual(0x10000), entry: 0x11000, interp: true },
  { name: "PIE of odd alignment", segments: usual(0).map((s) => ({ ...s, align: 3 })), interp: true },
  {
    name: "PIE in the middle of a page",
    segments: [load(RX, 0x234, 0xb34, 0x1000), stack(RW)],
    interp: true,
  },
  {
    name: "dynamic at a fixed place",
    type: ET.EXEC,
    segments: usual(0x400000),
    entry: 0x401000,
    interp: true,
  },
  { name: "static", type: ET.EXEC, segments: usual(0x400000), entry: 0x401000 },
  { name: "static PIE", segments: usual(0) },
  { name: "static PIE aligned to 64 KiB", segments: usual(0, 0x10000), entry: 0x10000 },
  { name: "static PIE aligned to 2 MiB", segments: usual(0, 0x200000), entry: 0x200000 },
  {
    name: "static PIE that begins with a bss",
    segments: [load(RW, 0, 0, 0, { memsz: 0x3000 }), load(RX, 0, 0x4000, 0x1000)],
  },
  {
    name: "static PIE that begins with a bss, aligned to 64 KiB",
    segments: [load(RW, 0, 0, 0, { memsz: 0x3000, align: 0x10000 }), load(RX, 0, 0x4000, 0x1000)],
  },
  {
    name: "large bss",
    type: ET.EXEC,
    segments: [load(RWX, 0, 0x400000, 0x1000, { memsz: 0x10000000 }), stack(RW)],
    entry: 0x400100,
  },
  { name: "bss alone", type: ET.EXEC, segments: bssOnly(0x400000), entry: 0x400000 },
  {
    name: "bss of what cannot be written",
    type: ET.EXEC,
    segments: [
      load(R, 0, 0x400000, 0x123, { memsz: 0x3000 }),
      load(RX, 0x1000, 0x404000, 0x20, { memsz: 0x2000 }),
    ],
    entry: 0x404000,
  },
  {
    name: "executable stack",
    type: ET.EXEC,
    segments: [load(RX, 0, 0x400000, 0x1000), stack(RWX)],
    entry: 0x400000,
  },
  { name: "no PT_GNU_STACK", type: ET.EXEC, segments: [load(RX, 0, 0x400000, 0x1000)], entry: 0x400000 },
  {
    name: "two PT_GNU_STACK",
    type: ET.EXEC,
    segments: [stack(RW), load(RX, 0, 0x400000, 0x1000), stack(RWX)],
    entry: 0x400000,
  },
  {
    name: "overlapping segments",
    type: ET.EXEC,
    segments: [
      load(RX, 0, 0x400000, 0x3000),
      load(RW, 0x1000, 0x401000, 0x1000, { memsz: 0x1800 }),
      stack(RW),
    ],
    entry: 0x400000,
  },
  {
    name: "segments out of order",
    segments: [
      load(RX, 0x2000, 0x6000, 0x1000),
      load(R, 0, 0, 0x1000),
      load(RW, 0x1000, 0x3000, 0x800, { memsz: 0x1000 }),
    ],
    entry: 0x6000,
    interp: true,
  },
  {
    name: "neighbours in the file",
    type: ET.EXEC,
    segments: [load(RX, 0, 0x400000, 0x1000), load(RX, 0x1000, 0x401000, 0x1000)],
  },
  { name: "no segment to load", type: ET.EXEC, segments: [stack(RW)] },
  { name: "no segment to load, of type DYN", segments: [stack(RW)] },
  { name: "no segment to load, dynamic", segments: [stack(RW)], interp: true },
  { name: "no code", type: ET.EXEC, segments: [load(RW, 0, 0x400000, 0x1000)], entry: 0x400000 },
  {
    name: "write only",
    type: ET.EXEC,
    segments: [load(PF.W, 0, 0x400000, 0x800, { memsz: 0x1900 })],
    entry: 0x400000,
  },
];

/** Programs of every kind that a linker makes and of some that none does, in both classes. */
export const samplePrograms = (interpreters: Readonly<Record<32 | 64, string>>): readonly SampleProgram[] =>
  ([64, 32] as const).flatMap((bits) =>
    SHAPES.map((shape) => ({
      name: `${bits}-bit ${shape.name}`,
      file: make(bits, shape, interpreters[bits]),
    })),
  );

/** Files that can be an interpreter: as linkers make them, at a fixed place, aligned, and linked elsewhere. */
export const sampleInterpreters = (bits: 32 | 64): readonly SampleProgram[] => {
  const fixed = bits === 64 ? 0x10000000 : 0x20000000;
  const shapes: readonly (Shape & { readonly name: string })[] = [
    { name: "interpreter", segments: usual(0) },
    { name: "interpreter at a fixed place", type: ET.EXEC, segments: usual(fixed), entry: fixed + 0x1000 },
    { name: "interpreter aligned to 2 MiB", segments: usual(0, 0x200000), entry: 0x200000 },
    { name: "interpreter linked high", segments: usual(0x40000000), entry: 0x40001000 },
  ];
  return shapes.map((shape) => ({ name: `${bits}-bit ${shape.name}`, file: make(bits, shape, "") }));
};
