import type { KernelTraits, Layout } from "../arch/index.ts";
import { addressOf, PAGE_SIZE, shrink, type Word } from "../base/index.ts";
import type { MmEdit, MmStruct } from "../mm/index.ts";
import type { ElfImage } from "./elf-image.ts";
import type { LoadedImage } from "./elf-load.ts";

/** One entry of the auxiliary vector, by the name after AT_; what only the machine can tell has no value. */
export interface AuxEntry {
  readonly name: AuxName;
  readonly value: Word | undefined;
}

/** The types of entries: include/uapi/linux/auxvec.h, arch/x86/include/uapi/asm/auxvec.h. */
export const AT = {
  NULL: 0,
  PHDR: 3,
  PHENT: 4,
  PHNUM: 5,
  PAGESZ: 6,
  BASE: 7,
  FLAGS: 8,
  ENTRY: 9,
  UID: 11,
  EUID: 12,
  GID: 13,
  EGID: 14,
  PLATFORM: 15,
  HWCAP: 16,
  CLKTCK: 17,
  SECURE: 23,
  RANDOM: 25,
  HWCAP2: 26,
  RSEQ_FEATURE_SIZE: 27,
  RSEQ_ALIGN: 28,
  EXECFN: 31,
  SYSINFO: 32,
  SYSINFO_EHDR: 33,
  MINSIGSTKSZ: 51,
} as const;

export type AuxName = keyof typeof AT;

/** In the order in which the kernel writes them. */
const ORDER: readonly AuxName[] = [
  "SYSINFO",
  "SYSINFO_EHDR",
  "MINSIGSTKSZ",
  "HWCAP",
  "PAGESZ",
  "CLKTCK",
  "PHDR",
  "PHENT",
  "PHNUM",
  "BASE",
  "FLAGS",
  "ENTRY",
  "UID",
  "EUID",
  "GID",
  "EGID",
  "SECURE",
  "RANDOM",
  "HWCAP2",
  "EXECFN",
  "PLATFORM",
  "RSEQ_FEATURE_SIZE",
  "RSEQ_ALIGN",
  "NULL",
];

/** The entries that a program gets, AT_NULL included; only a 32-bit one is told of AT_SYSINFO. */
export function auxNames({ lacksAuxv }: KernelTraits, { bits }: Layout): readonly AuxName[] {
  const lacks: ReadonlySet<AuxName> = lacksAuxv;
  return ORDER.filter((name) => !lacks.has(name) && (name !== "SYSINFO" || bits === 32));
}

/** Where things lie between the strings and the auxiliary vector, from high to low. Bytes. */
export interface AboveAuxv {
  readonly platform: number;
  /** The 16 bytes that AT_RANDOM points at. */
  readonly random: number;
}

const CLOCKS_PER_SEC = 100;
const PHDR_BYTES = { 32: 32, 64: 56 } as const;

/** What the loaders found out about a program. */
export interface LoadedProgram {
  readonly image: ElfImage;
  readonly program: LoadedImage;
  readonly interpreter: LoadedImage | undefined;
}

/**
 * The auxiliary vector of a program that has just been loaded.
 *
 * @kernel create_elf_tables, fs/binfmt_elf.c (6.18)
 */
export function auxiliaryVector(edit: MmEdit, loaded: LoadedProgram, above: AboveAuxv): readonly AuxEntry[] {
  const { layout, vdso, envEnd } = edit.mm;
  const { image, program, interpreter } = loaded;
  const values: Partial<Record<AuxName, Word>> = {
    SYSINFO_EHDR: addressOf(vdso),
    PAGESZ: PAGE_SIZE,
    CLKTCK: CLOCKS_PER_SEC,
    PHDR: elfAddress(layout, BigInt(phdrAddress(image)) + BigInt(program.bias)),
    PHENT: PHDR_BYTES[layout.bits],
    PHNUM: image.segments.length,
    BASE: elfAddress(layout, BigInt(interpreter?.bias ?? 0)),
    FLAGS: 0,
    ENTRY: elfAddress(layout, BigInt(image.entry) + BigInt(program.bias)),
    SECURE: 0,
    RANDOM: above.random,
    EXECFN: envEnd,
    PLATFORM: above.platform,
    NULL: 0,
  };
  return auxNames(edit.env.traits, layout).map((name) => ({ name, value: values[name] }));
}

/** An elf_addr_t, as wide as the program's words. */
const elfAddress = ({ bits }: Layout, n: bigint): Word => shrink(BigInt.asUintN(bits, n));

/** The program headers' place among the segments, before the bias; 0 when no segment has them. */
function phdrAddress({ class: bits, phoff = bits === 64 ? 64 : 52, segments }: ElfImage): number {
  const holds = segments.filter((s) => {
    const offset = Number(s.offset);
    return s.type === "LOAD" && offset <= phoff && phoff < offset + s.filesz;
  });
  const last = holds.at(-1);
  return last ? phoff - Number(last.offset) + last.vaddr : 0;
}

/**
 * The words of a new stack from the stack pointer up: the count of arguments, pointers to them and to the
 * environment, and the auxiliary vector. What only the machine can tell is undefined.
 *
 * @param args bytes of each argument, its NUL included
 * @param env the same of the environment
 */
export function stackWords(
  { argStart }: Pick<MmStruct, "argStart">,
  args: readonly number[],
  env: readonly number[],
  auxv: readonly AuxEntry[],
): readonly (Word | undefined)[] {
  let at = argStart;
  const pointers = (lengths: readonly number[]): readonly number[] =>
    lengths.map((length) => {
      const pointer = at;
      at += length;
      return pointer;
    });
  return [
    args.length,
    ...pointers(args),
    0,
    ...pointers(env),
    0,
    ...auxv.flatMap(({ name, value }) => [AT[name], value]),
  ];
}
