import type { Random } from "../random.ts";
import { type ElfFile, ET, type FileSegment, type FileWord, PT } from "./elf-file.ts";

/** A damaged file, and what was done to it. */
export interface Damaged {
  readonly file: ElfFile;
  readonly what: string;
}

/** Addresses and sizes at which something changes. */
const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  0xfffn,
  0x1000n,
  0x1001n,
  0xf000n,
  0x10000n,
  0x200000n,
  0x400000n,
  0x7fffffffn,
  0x80000000n,
  0xc0000000n,
  0xf7ffe000n,
  0xfffddfffn,
  0xffffd000n,
  0xffffe000n,
  0xfffff000n,
  0xffffffffn,
  0x100000000n,
  0x555555554000n,
  0x7ffff7fff000n,
  0x7fffffffe000n,
  0x7fffffffefffn,
  0x7ffffffff000n,
  0x800000000000n,
  2n ** 47n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 62n + 0x1000n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 4096n,
  2n ** 64n - 1n,
];

function change(random: Random, word: FileWord): bigint {
  const old = BigInt(word);
  switch (random.below(6)) {
    case 0:
    case 1:
      return random.pick(EDGES);
    case 2:
      return old + random.pick([1n, -1n, 0x10n, 0x1000n, -0x1000n, 0x2000n, 0x10000n]);
    case 3:
      return old ^ (1n << BigInt(random.below(64)));
    case 4:
      return old * 2n;
    default:
      return random.pick(EDGES) + random.pick([-1n, 1n, 0x234n, -0x1000n]);
  }
}

const HEADER = ["type", "machine", "entry", "phoff", "phentsize", "phnum"] as const;
const SEGMENT = ["type", "flags", "offset", "vaddr", "filesz", "memsz", "align"] as const;

function changeHeader(random: Random, file: ElfFile): Damaged {
  const field = random.pick(HEADER);
  const small: Readonly<Record<string, readonly number[]>> = {
    type: Object.values(ET),
    machine: [3, 6, 62, 183, 0],
    phentsize: [0, 32, 56, 64],
    phnum: [0, 1, 2, 7, 1170, 1171, 2048, 2049, 65535],
  };
  const choices = small[field];
  const value = choices && random.chance(0.8) ? BigInt(random.pick(choices)) : change(random, file[field]);
  return { file: { ...file, [field]: value }, what: `${field} 0x${BigInt.asUintN(64, value).toString(16)}` };
}

function changeSegment(random: Random, file: ElfFile): Damaged {
  const i = random.below(file.segments.length);
  const field = random.pick(SEGMENT);
  const value = segmentValue(random, file, i, field);
  const segments = file.segments.map((s, k): FileSegment => (k === i ? { ...s, [field]: value } : s));
  const what = `segment ${i}: ${field} 0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
  return { file: { ...file, segments }, what };
}

function segmentValue(random: Random, file: ElfFile, i: number, field: (typeof SEGMENT)[number]): FileWord {
  if (field === "type") return random.pick(Object.values(PT));
  if (field === "flags") return random.below(8);
  const other = random.pick(file.segments);
  if (random.chance(0.15)) return other[field];
  return change(random, file.segments[i]?.[field] ?? 0);
}

function changeSize(random: Random, file: ElfFile): Damaged {
  const size = random.pick([
    0, 3, 17, 40, 51, 52, 63, 64, 65, 120, 0x200, 0x301, 0xfff, 0x1000, 0x2dff, 0x2e00, 0x3000,
  ]);
  return { file: { ...file, size }, what: `cut at byte ${size}` };
}

/** Other names for an interpreter: a NUL stands where the kernel looks for one, or does not. */
const NAMES = [
  "",
  "\0",
  "x",
  "/\0",
  "/nowhere\0",
  "script\0",
  "short\0",
  "text\0",
  "plain\0",
  "ld-other\0",
  "./ld64\0",
  "ld64\0ld32\0",
];

function changeName(random: Random, file: ElfFile): Damaged {
  if (!file.text) return changeSegment(random, file);
  const bytes = random.pick(NAMES);
  const filesz = random.chance(0.9) ? bytes.length : bytes.length + random.pick([-1, 1, 4096]);
  const segments = file.segments.map((s) => (s.type === PT.INTERP ? { ...s, filesz } : s));
  return {
    file: { ...file, segments, text: { ...file.text, bytes } },
    what: `interpreter ${JSON.stringify(bytes)}, ${filesz} bytes`,
  };
}

/** One to three changes to a file. */
export function damage(random: Random, sound: ElfFile): Damaged {
  let file = sound;
  const what: string[] = [];
  for (let left = 1 + random.below(3); left > 0; left--) {
    const kind = random.below(10);
    const way = kind < 6 ? changeSegment : kind < 8 ? changeHeader : kind < 9 ? changeSize : changeName;
    const damaged = way(random, file);
    file = damaged.file;
    what.push(damaged.what);
  }
  return { file, what: what.join("; ") };
}
