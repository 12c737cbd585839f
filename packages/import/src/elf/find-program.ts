import { type ElfImage, type Errno, type Layout, type ProgramFile, programLayout } from "@pagetrail/core";
import { elfBytesNeeded, interpRange, parseHeaders, withInterp } from "./elf.ts";
import { parseShebang, SHEBANG_BYTES } from "./shebang.ts";

/** A file that exec has opened. */
export interface ExecFile {
  readonly file: ProgramFile["file"];
  /** Up to `length` bytes from `offset`: fewer at the end of the file. */
  read(offset: number, length: number): Uint8Array;
}

/** The file system as exec asks it. */
export interface ExecFiles {
  /** Opens a file to execute it, or says with which errno that fails: do_open_execat, fs/exec.c. */
  open(path: string): ExecFile | Errno;
}

/** What exec finds behind a path: a program it can run, or what it answers instead. */
export type FoundExec =
  | {
      readonly kind: "elf";
      readonly program: ProgramFile;
      readonly interpreter?: ProgramFile;
      /** Arguments that script interpreters put before the script's own, and the script's path. */
      readonly prepended: readonly string[];
    }
  | {
      readonly kind: "refused";
      /** Opening the first file, or reading it and those that it leads to. */
      readonly at: "open" | "format";
      readonly errno: Errno;
      readonly why: string;
      /** The file at which it failed. */
      readonly path: string;
      /** A program for a machine that the kernel does not run. */
      readonly machine?: ElfImage["machine"];
    };

type Refused = FoundExec & { readonly kind: "refused" };

const refused = (path: string, errno: Errno, why: string): Refused => ({
  kind: "refused",
  at: "format",
  errno,
  why,
  path,
});

/** A script may be interpreted by a script, this often. */
const MAX_SCRIPTS = 5;

/**
 * Follows `#!` lines to an ELF file and its interpreter, in the kernel's order.
 *
 * @param kernel what the kernel is built for
 * @kernel exec_binprm, fs/exec.c; load_script, fs/binfmt_script.c; load_elf_binary, fs/binfmt_elf.c (6.18)
 */
export function findProgram(files: ExecFiles, path: string, kernel: Layout): FoundExec {
  const prepended: string[] = [];
  let at = path;
  for (let scripts = 0; ; scripts++) {
    const opened = scripts === 0 ? files.open(at) : openNamed(files, at);
    if (typeof opened === "string")
      return { ...refused(at, opened, "the file cannot be opened"), at: scripts === 0 ? "open" : "format" };
    if (scripts > MAX_SCRIPTS) return refused(at, "ELOOP", "too many nested script interpreters");
    const script = parseShebang(opened.read(0, SHEBANG_BYTES));
    if (!script) return findElf(files, at, opened, prepended, kernel);
    if (prepended.length > 0) prepended.shift();
    prepended.unshift(script.interpreter, ...(script.argument === undefined ? [] : [script.argument]), at);
    at = script.interpreter;
  }
}

/** An empty name inside a file stands for the working directory, which is no program: open_exec, fs/exec.c. */
const openNamed = (files: ExecFiles, name: string): ExecFile | Errno =>
  name === "" ? "EACCES" : files.open(name);

function findElf(
  files: ExecFiles,
  path: string,
  opened: ExecFile,
  prepended: readonly string[],
  kernel: Layout,
): FoundExec {
  const image = readImage(opened);
  if (typeof image === "string") return refused(path, "ENOEXEC", image);
  if (image.type !== "EXEC" && image.type !== "DYN")
    return refused(path, "ENOEXEC", `ELF type ${image.type} is neither EXEC nor DYN`);
  if (!programLayout(kernel, image, 0)) return foreign(path, image);
  const named = readInterp(path, opened, image);
  if ("kind" in named) return named;
  const program = { file: opened.file, image: named };
  if (named.interp === undefined) return { kind: "elf", program, prepended };
  const interpreter = openInterpreter(files, named.interp, image);
  return "kind" in interpreter ? interpreter : { kind: "elf", program, interpreter, prepended };
}

const foreign = (path: string, { machine }: ElfImage): Refused => ({
  ...refused(path, "ENOEXEC", `a program for machine ${machine}`),
  machine,
});

const FILE_HEADER = { 32: 52, 64: 64 } as const;

/** The headers of a file, or why it has none. */
function readImage(opened: ExecFile): ElfImage | string {
  const start = opened.read(0, FILE_HEADER[64]);
  // What is missing of a short file's header counts as zero.
  const header = new Uint8Array(FILE_HEADER[64]);
  header.set(start);
  const needed = elfBytesNeeded(header);
  if (!needed.ok) return needed.error;
  // The table may lie anywhere that 64 bits can name: what no file has is not asked for.
  if (opened.read(needed.value - 1, 1).length === 0) return "the program headers are cut off";
  const image = parseHeaders(opened.read(0, needed.value));
  return image.ok ? image.value : image.error;
}

const LARGEST_OFFSET = 2n ** 63n;

/** The image with the name that PT_INTERP leads to. */
function readInterp(path: string, opened: ExecFile, image: ElfImage): ElfImage | Refused {
  const range = interpRange(image);
  if (!range) return image;
  const { offset = 0 } = image.segments.find((s) => s.type === "INTERP") ?? {};
  if (range.length < 2 || range.length > 4096)
    return refused(path, "ENOEXEC", `an interpreter's name of ${range.length} bytes`);
  if (BigInt(offset) + BigInt(range.length) >= LARGEST_OFFSET)
    return refused(path, "EINVAL", "the interpreter's name lies beyond the largest offset of a file");
  const name = opened.read(range.offset, range.length);
  if (name.length < range.length) return refused(path, "EIO", "the interpreter's name is cut off");
  const whole = withInterp(image, name);
  return whole.ok ? whole.value : refused(path, "ENOEXEC", whole.error);
}

/** Opens the interpreter of a program, of which it must have the machine. */
function openInterpreter(files: ExecFiles, path: string, program: ElfImage): ProgramFile | Refused {
  const opened = openNamed(files, path);
  if (typeof opened === "string") return refused(path, opened, "the interpreter cannot be opened");
  const length = FILE_HEADER[program.class];
  if (opened.read(0, length).length < length)
    return refused(path, "EIO", "the interpreter is too short for an ELF header");
  const image = readImage(opened);
  if (typeof image === "string") return refused(path, "ELIBBAD", image);
  if (image.machine !== program.machine)
    return refused(path, "ELIBBAD", `the interpreter is for machine ${image.machine}`);
  return { file: opened.file, image };
}
