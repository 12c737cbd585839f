import { type ElfImage, type ProgramFile, programLayout, X86_64 } from "@pagetrail/core";
import { elfBytesNeeded, interpRange, parseElf, withInterp } from "../../elf/elf.ts";
import { parseShebang, SHEBANG_BYTES } from "../../elf/shebang.ts";
import type { SystemFiles } from "../../sink.ts";

/** What exec finds behind a path. */
export type FoundProgram =
  | {
      readonly kind: "elf";
      readonly program: ProgramFile;
      readonly interpreter?: ProgramFile;
      /** Arguments that script interpreters put before the script's own, and the script's path. */
      readonly prepended: readonly string[];
    }
  | { readonly kind: "foreign"; readonly path: string; readonly machine: string }
  | { readonly kind: "missing"; readonly path: string; readonly why: string };

/** A script may be interpreted by a script, this often: BINPRM's limit. */
const MAX_SCRIPTS = 5;
const ELF_START = 64;

/** Finds programs and their interpreters on a file system, each file read once. */
export class Programs {
  readonly #images = new Map<string, ElfImage | string>();

  constructor(private readonly system: SystemFiles) {}

  /** @param path absolute, as the kernel opens it */
  find(path: string): FoundProgram {
    const prepended: string[] = [];
    let at = path;
    for (let depth = 0; depth <= MAX_SCRIPTS; depth++) {
      const start = this.system.read(at, 0, SHEBANG_BYTES);
      const script = start && parseShebang(start);
      if (!script) return this.#findElf(at, prepended);
      prepended.unshift(script.interpreter, ...(script.argument === undefined ? [] : [script.argument]), at);
      at = script.interpreter;
    }
    return { kind: "missing", path, why: "too many nested script interpreters" };
  }

  #findElf(path: string, prepended: readonly string[]): FoundProgram {
    const image = this.#image(path);
    if (typeof image === "string") return { kind: "missing", path, why: image };
    if (!programLayout(X86_64, image, 0)) return { kind: "foreign", path, machine: String(image.machine) };
    const program = { file: { path: this.system.realpath(path) ?? path }, image };
    if (image.interp === undefined) return { kind: "elf", program, prepended };
    const loader = this.#image(image.interp);
    if (typeof loader === "string") return { kind: "missing", path: image.interp, why: loader };
    const interpreter = { file: { path: this.system.realpath(image.interp) ?? image.interp }, image: loader };
    return { kind: "elf", program, interpreter, prepended };
  }

  /** A dynamic loader, for programs whose own headers are gone. */
  loader(path: string): ProgramFile | undefined {
    const image = this.#image(path);
    return typeof image === "string"
      ? undefined
      : { file: { path: this.system.realpath(path) ?? path }, image };
  }

  #image(path: string): ElfImage | string {
    const known = this.#images.get(path);
    if (known !== undefined) return known;
    const image = this.#read(path);
    this.#images.set(path, image);
    return image;
  }

  /** The ELF image of a file, or why there is none. */
  #read(path: string): ElfImage | string {
    const start = this.system.read(path, 0, ELF_START);
    if (!start) return "the file cannot be read";
    const needed = elfBytesNeeded(start);
    if (!needed.ok) return needed.error;
    const headers = this.system.read(path, 0, needed.value);
    const image = headers && parseElf(headers);
    if (!image) return "the file cannot be read";
    if (!image.ok) return image.error;
    const range = interpRange(image.value);
    if (!range || image.value.interp !== undefined) return image.value;
    const name = this.system.read(path, range.offset, range.length);
    const whole = name && withInterp(image.value, name);
    if (!whole) return "the interpreter's name cannot be read";
    return whole.ok ? whole.value : whole.error;
  }
}
