import type { FileKind } from "./kinds.ts";

export type FileAccess = "r" | "w" | "rw" | "path";

export type Seal = "SEAL" | "SHRINK" | "GROW" | "WRITE" | "FUTURE_WRITE" | "EXEC";

/** What is known of an open file at one moment of the trace. */
export type OpenFileInfo = {
  /** The open file description: `dup` and `fork` share it, a second `open` of the same file does not. */
  readonly id: number;
  /** After symbolic links where they could be followed; relative while the directory is unknown; else "". */
  readonly path: string;
  /** As the program gave it. */
  readonly openedPath: string;
  /** Absent when the trace does not show how it was opened. */
  readonly access?: FileAccess;
  readonly kind: FileKind;
  /** Bytes, as far as the trace shows them. */
  readonly size?: number;
  /** As maps print it: "fe:00". */
  readonly device?: string;
  readonly inode?: number;
  /** Its last known name is gone. */
  readonly deleted: boolean;
  readonly seals?: readonly Seal[];
};

/** A file, shared by everybody who has it open. */
export type FileNode = {
  path: string;
  kind: FileKind;
  deleted: boolean;
  size: number | undefined;
  device: string | undefined;
  inode: number | undefined;
  seals: readonly Seal[] | undefined;
  /** How many open file descriptions it has. */
  opens: number;
};

/** An open file description. */
export type OpenFile = {
  readonly id: number;
  readonly node: FileNode;
  readonly openedPath: string;
  readonly access: FileAccess | undefined;
  readonly append: boolean;
  /** Where the next read or write begins; undefined once the trace does not show it any more. */
  position: number | undefined;
  /** How many descriptors, in all tables, lead here. */
  descriptors: number;
};

export function infoOf({ id, node, openedPath, access }: OpenFile): OpenFileInfo {
  const { path, kind, deleted, size, device, inode, seals } = node;
  return {
    id,
    path,
    openedPath,
    ...(access === undefined ? {} : { access }),
    kind,
    ...(size === undefined ? {} : { size }),
    ...(device === undefined ? {} : { device }),
    ...(inode === undefined ? {} : { inode }),
    deleted,
    ...(seals === undefined ? {} : { seals }),
  };
}

/** The size after a write that ends at byte `end`; an unknown size stays unknown. */
export function growTo(node: FileNode, end: number): void {
  if (node.size !== undefined && end > node.size) node.size = end;
}
