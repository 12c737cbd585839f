/**
 * What `load_elf_binary` reads of a program or its interpreter: the file header and the program headers,
 * without any of the code. Plain JSON, because a log carries it.
 *
 * @kernel load_elf_binary, load_elf_phdrs, fs/binfmt_elf.c (v6.18)
 */
export type ElfImage = {
  readonly class: 32 | 64;
  /** Any other `e_type` by its number: an interpreter's is looked at only when it is mapped. */
  readonly type: "EXEC" | "DYN" | number;
  readonly machine: ElfMachine;
  /** The program's first instruction, relative to the load bias. */
  readonly entry: ElfWord;
  /** Where in the file the program headers stand; absent where they follow the file header. */
  readonly phoff?: number;
  /** In the order of the file: the kernel maps the LOAD ones in that order. */
  readonly segments: readonly ElfSegment[];
  /** The interpreter that PT_INTERP names; absent for a static program, and while its bytes are unread. */
  readonly interp?: string;
};

/** A word of the file: a number while it is exact in one, hex text above 2^53. */
export type ElfWord = number | string;

/** The architectures that the model can run by name, any other by its `e_machine` number. */
export type ElfMachine = "x86-64" | "i386" | number;

/**
 * One program header. Sizes, offsets and addresses are bytes as the file gives them, unrounded. Addresses and
 * sizes above 2^53 are near the file's: nothing is ever mapped there.
 */
export type ElfSegment = {
  readonly type: ElfSegmentType;
  /** Readable, writable, executable, as three letters or dashes: `r-x`. */
  readonly flags: string;
  readonly offset: ElfWord;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
  /** As written; the loader ignores what is no power of two. */
  readonly align: ElfWord;
};

/** The segments that have a name, any other by its `p_type` number. */
export type ElfSegmentType = ElfSegmentName | number;

export type ElfSegmentName =
  | "LOAD"
  | "DYNAMIC"
  | "INTERP"
  | "NOTE"
  | "PHDR"
  | "TLS"
  | "GNU_EH_FRAME"
  | "GNU_STACK"
  | "GNU_RELRO"
  | "GNU_PROPERTY";
