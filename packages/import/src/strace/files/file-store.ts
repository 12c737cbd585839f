import type { FdText } from "../text/index.ts";
import { DEFAULT_PATH_KINDS, type FileKind, kindOfObject, kindOfPath, type PathKinds } from "./kinds.ts";
import { type NameListener, Names } from "./names.ts";
import type { FileAccess, FileNode, OpenFile, Seal } from "./open-file.ts";
import { isAbsolute, splitLast } from "./paths.ts";

/** What -y prints behind a descriptor. */
export type FdAnnotation = Omit<FdText, "fd">;

/** Follows symbolic links on the machine of the recording; undefined when the path is not there. */
export type ResolvePath = (absolutePath: string) => string | undefined;

/** A file as a call opens it; what is left out is unknown. */
export type OpenRequest = {
  readonly node: FileNode;
  readonly openedPath?: string;
  readonly access?: FileAccess;
  readonly append?: boolean;
};

export type NewNode = {
  readonly path: string;
  readonly kind: FileKind;
  readonly deleted?: boolean;
  readonly size?: number;
  readonly seals?: readonly Seal[];
};

export type FileStoreOptions = {
  readonly resolve?: ResolvePath;
  readonly kinds?: PathKinds;
  /** Hears of every name that goes away or changes, also of files that nobody has open. */
  readonly onNameChange?: NameListener;
};

/** All files that some process of the trace has open. */
export class FileStore {
  readonly names: Names = new Names();
  readonly #resolve: ResolvePath | undefined;
  readonly #kinds: PathKinds;
  readonly #tell: NameListener;
  #lastId = 0;

  constructor({ resolve, kinds = DEFAULT_PATH_KINDS, onNameChange = () => {} }: FileStoreOptions) {
    this.#resolve = resolve;
    this.#kinds = kinds;
    this.#tell = onNameChange;
  }

  kindOf(path: string): FileKind {
    return kindOfPath(path, this.#kinds);
  }

  /** The path behind all links, for a file that is opened. */
  resolve(path: string): string {
    // The links of /proc lead to the reader's own process, not to the recorded one's.
    if (!isAbsolute(path) || this.kindOf(path) === "proc") return path;
    return this.#resolve?.(path) ?? this.resolveParent(path);
  }

  /** The path behind all links but a last one, for a name that is made or taken away. */
  resolveParent(path: string): string {
    const split = splitLast(path);
    if (split === undefined || !isAbsolute(path)) return path;
    const parent = this.#resolve?.(split.parent) ?? split.parent;
    return `${parent === "/" ? "" : parent}/${split.name}`;
  }

  /** The file that a path names: the open one, or one that nobody had open. */
  named(path: string): FileNode {
    return this.names.at(path) ?? this.create(path);
  }

  /** A file that came into being under this path, whatever had the name before. */
  create(path: string, size?: number): FileNode {
    this.names.unlink(path);
    const node = this.unnamed({ path, kind: this.kindOf(path), ...(size === undefined ? {} : { size }) });
    this.names.add(node);
    return node;
  }

  /** A file that no path leads to. */
  unnamed({ path, kind, deleted = false, size, seals }: NewNode): FileNode {
    return { path, kind, deleted, size, seals, device: undefined, inode: undefined, opens: 0 };
  }

  annotated({ path, deleted, device, object }: FdAnnotation): FileNode {
    if (path === undefined) {
      return this.unnamed({
        path: object ?? "",
        kind: object === undefined ? "unknown" : kindOfObject(object),
      });
    }
    const node = deleted ? this.unnamed({ path, kind: this.kindOf(path), deleted }) : this.named(path);
    if (device !== undefined && node.kind !== "zero") {
      node.kind = device.startsWith("block") ? "blockdev" : "chardev";
    }
    return node;
  }

  unlink(path: string): void {
    this.names.unlink(path);
    this.#tell({ kind: "unlinked", path });
  }

  rename(from: string, to: string): void {
    this.names.rename(from, to);
    this.#tell({ kind: "renamed", from, to });
  }

  exchange(a: string, b: string): void {
    this.names.exchange(a, b);
    this.#tell({ kind: "exchanged", a, b });
  }

  open({ node, openedPath = node.path, access, append = false }: OpenRequest): OpenFile {
    node.opens++;
    const position = access === undefined ? undefined : 0;
    return { id: ++this.#lastId, node, openedPath, access, append, position, descriptors: 0 };
  }

  /** The last descriptor of an open file is gone. */
  close({ node }: OpenFile): void {
    node.opens--;
    if (node.opens === 0) this.names.forget(node);
  }
}
