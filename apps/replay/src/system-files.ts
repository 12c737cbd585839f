import { closeSync, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import type { SystemFiles } from "@pagetrail/import";

export interface MachineFilesOptions {
  /** A folder that has the recorded machine's files at their paths; it is asked first. */
  readonly sysroot?: string;
  /** Nothing but the sysroot is asked, so that an import is the same on every machine. */
  readonly alone?: boolean;
  /** Symbolic links of the recorded machine that the sysroot does not have as such. */
  readonly links?: Readonly<Record<string, string>>;
}

/** The files of this machine, and before them those of a sysroot, as an import asks for them. */
export class MachineFiles implements SystemFiles {
  readonly #sysroot: string | undefined;
  readonly #alone: boolean;
  readonly #links: Readonly<Record<string, string>>;

  constructor({ sysroot, alone = false, links = {} }: MachineFilesOptions = {}) {
    this.#sysroot = sysroot === undefined ? undefined : realpathSync(sysroot);
    this.#alone = alone;
    this.#links = links;
  }

  realpath(path: string): string | undefined {
    const linked = this.#linked(path);
    return this.#inSysroot(linked) ?? (this.#alone ? undefined : follow(linked));
  }

  read(path: string, offset: number, length: number): Uint8Array | undefined {
    const linked = this.#linked(path);
    const root = this.#sysroot;
    const own = root === undefined ? undefined : this.#inSysroot(linked);
    if (root !== undefined && own !== undefined) return readPart(join(root, own), offset, length);
    return this.#alone ? undefined : readPart(linked, offset, length);
  }

  #linked(path: string): string {
    return Object.hasOwn(this.#links, path) ? (this.#links[path] ?? path) : path;
  }

  /** The path inside the sysroot behind its links; undefined when it leads outside or to nothing. */
  #inSysroot(path: string): string | undefined {
    const root = this.#sysroot;
    if (root === undefined) return undefined;
    const found = follow(join(root, resolve("/", path)));
    return found?.startsWith(root + sep) ? found.slice(root.length) : undefined;
  }
}

/** What a system call that fails gives: nothing. Paths come from a recording and may be anything. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

const follow = (path: string): string | undefined => attempt(() => realpathSync(path));

function readPart(path: string, offset: number, length: number): Uint8Array | undefined {
  return attempt(() => {
    const fd = openSync(path, "r");
    try {
      if (!fstatSync(fd).isFile()) return undefined;
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
    } finally {
      closeSync(fd);
    }
  });
}
