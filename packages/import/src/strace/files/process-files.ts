import { decodeUtf8, parseFd, parseString, type StraceCall } from "../text/index.ts";
import { FdTable } from "./fd-table.ts";
import type { FdAnnotation, FileStore } from "./file-store.ts";
import type { OpenFile } from "./open-file.ts";
import { joinPath } from "./paths.ts";

/** The directory that relative paths begin at, "" while unknown. @kernel struct fs_struct */
type FsStruct = { cwd: string };

/** The files of one task: its table of descriptors and its directory, each possibly shared with others. */
export class ProcessFiles {
  readonly store: FileStore;
  table: FdTable;
  fs: FsStruct;

  private constructor(store: FileStore, table: FdTable, fs: FsStruct) {
    this.store = store;
    this.table = table;
    this.fs = fs;
  }

  /** A task that was there before the trace: its first three descriptors are open, on nobody knows what. */
  static found(store: FileStore, cwd: string): ProcessFiles {
    const files = new ProcessFiles(store, new FdTable(store), { cwd });
    for (const fd of [0, 1, 2])
      files.install(fd, store.open({ node: store.unnamed({ path: "", kind: "unknown" }) }));
    return files;
  }

  fork(shared: boolean): ProcessFiles {
    if (!shared) return new ProcessFiles(this.store, this.table.copy(), { ...this.fs });
    this.table.users++;
    return new ProcessFiles(this.store, this.table, this.fs);
  }

  exec(): void {
    this.unshareTable();
    this.unshareFs();
    this.table.closeOnExec();
  }

  unshareTable(): void {
    if (this.table.users === 1) return;
    const copy = this.table.copy();
    this.table.drop();
    this.table = copy;
  }

  unshareFs(): void {
    this.fs = { ...this.fs };
  }

  install(fd: number, file: OpenFile, { closeOnExec = false, line = 0 } = {}): void {
    this.table.install(fd, { file, closeOnExec, line });
  }

  /**
   * The open file behind a descriptor. Where -y says that it is another one than the trace showed, the trace
   * left something out: then it is a file that was opened out of sight.
   */
  file(fd: number, annotation: FdAnnotation = {}): OpenFile | undefined {
    const known = this.table.slot(fd)?.file;
    if (annotation.path === undefined && annotation.object === undefined) return known;
    if (known !== undefined && isSame(known, annotation)) {
      if (annotation.deleted) this.#markDeleted(known);
      return known;
    }
    const file = this.store.open({ node: this.store.annotated(annotation) });
    this.install(fd, file);
    return file;
  }

  /** The open file behind a call's descriptor argument. */
  fileOf(call: StraceCall, index: number): OpenFile | undefined {
    const text = parseFd(call.args[index] ?? "");
    if (text === undefined || text.fd === "AT_FDCWD") return undefined;
    // What was printed when the call began is out of date if the descriptor has been reused since.
    const reused = (this.table.slot(text.fd)?.line ?? 0) > call.startLine;
    return this.file(text.fd, reused ? {} : text);
  }

  /** The path argument `index`, from the directory argument `dir` or the current one; undefined for none. */
  path(call: StraceCall, index: number, dir?: number): string | undefined {
    const path = textOf(call.args[index]);
    if (path === undefined || path === "") return undefined;
    return joinPath(dir === undefined ? this.fs.cwd : this.#directory(call, dir), path);
  }

  #directory(call: StraceCall, index: number): string {
    const text = parseFd(call.args[index] ?? "");
    if (text?.fd !== "AT_FDCWD") return text?.path ?? this.fileOf(call, index)?.node.path ?? "";
    if (text.path !== undefined) this.fs.cwd = text.path;
    return this.fs.cwd;
  }

  #markDeleted({ node }: OpenFile): void {
    this.store.names.forget(node);
    node.deleted = true;
  }
}

function isSame({ node }: OpenFile, { path, object }: FdAnnotation): boolean {
  // A socket's text changes with its state.
  return path === undefined ? node.kind === "socket" || node.path === object : node.path === path;
}

/** The text of a string argument; undefined when it is none or strace cut it. */
export function textOf(argument: string | undefined): string | undefined {
  const string = argument === undefined ? undefined : parseString(argument);
  return string === undefined || string.cut ? undefined : decodeUtf8(string.bytes);
}
