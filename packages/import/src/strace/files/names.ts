import type { FileNode } from "./open-file.ts";

/** A file's name went away, or became another. Paths are absolute where the trace lets them be. */
export type NameChange =
  | { readonly kind: "unlinked"; readonly path: string }
  | { readonly kind: "renamed"; readonly from: string; readonly to: string }
  | { readonly kind: "exchanged"; readonly a: string; readonly b: string };

export type NameListener = (change: NameChange) => void;

/** Which open file a path names now. Files that nobody has open have no entry. */
export class Names {
  readonly #nodes = new Map<string, FileNode>();

  at(path: string): FileNode | undefined {
    return this.#nodes.get(path);
  }

  add(node: FileNode): void {
    this.#nodes.set(node.path, node);
  }

  /** Nobody has the file open any more, or its path is another file's. */
  forget(node: FileNode): void {
    if (this.#nodes.get(node.path) === node) this.#nodes.delete(node.path);
  }

  unlink(path: string): void {
    const node = this.#nodes.get(path);
    if (node === undefined) return;
    node.deleted = true;
    this.#nodes.delete(path);
  }

  /** Moves a file, or a directory with all below it. What was called `to` loses its name. */
  rename(from: string, to: string): void {
    const moved = this.#under(from);
    this.unlink(to);
    this.#move(moved, from, to);
  }

  /** RENAME_EXCHANGE: each takes the other's name. */
  exchange(a: string, b: string): void {
    const [underA, underB] = [this.#under(a), this.#under(b)];
    this.#move(underA, a, b);
    this.#move(underB, b, a);
  }

  #under(path: string): readonly FileNode[] {
    return [...this.#nodes.values()].filter((n) => n.path === path || n.path.startsWith(`${path}/`));
  }

  #move(nodes: readonly FileNode[], from: string, to: string): void {
    for (const node of nodes) {
      this.forget(node);
      node.path = to + node.path.slice(from.length);
      this.add(node);
    }
  }
}
