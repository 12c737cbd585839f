import { type ProgramFile, X86_64 } from "@pagetrail/core";
import { type ExecFiles, type FoundExec, findProgram } from "../../elf/find-program.ts";
import type { SystemFiles } from "../../sink.ts";

/** What exec finds behind a path. */
export type FoundProgram =
  | (FoundExec & { readonly kind: "elf" })
  | { readonly kind: "foreign"; readonly path: string; readonly machine: string }
  | { readonly kind: "missing"; readonly path: string; readonly why: string };

/** Finds programs and their interpreters on a file system, each path once. */
export class Programs {
  readonly #found = new Map<string, FoundExec>();
  readonly #files: ExecFiles;

  constructor(system: SystemFiles) {
    this.#files = { open: (path) => openIn(system, path) };
  }

  /** @param path absolute, as the kernel opens it */
  find(path: string): FoundProgram {
    const found = this.search(path);
    if (found.kind === "elf") return found;
    return found.machine === undefined
      ? { kind: "missing", path: found.path, why: found.why }
      : { kind: "foreign", path: found.path, machine: String(found.machine) };
  }

  /** The same with the kernel's answer where there is no program. */
  search(path: string): FoundExec {
    const known = this.#found.get(path) ?? findProgram(this.#files, path, X86_64);
    this.#found.set(path, known);
    return known;
  }

  /** A dynamic loader, for programs whose own headers are gone. */
  loader(path: string): ProgramFile | undefined {
    const found = this.search(path);
    return found.kind === "elf" ? found.program : undefined;
  }
}

/** Files that cannot be read are as good as not there: a trace does not show who may execute what. */
function openIn(system: SystemFiles, path: string): ReturnType<ExecFiles["open"]> {
  if (system.read(path, 0, 1) === undefined) return "ENOENT";
  return {
    file: { path: system.realpath(path) ?? path },
    read: (offset, length) => system.read(path, offset, length) ?? new Uint8Array(),
  };
}
