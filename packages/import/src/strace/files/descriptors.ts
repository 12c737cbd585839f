import type { CallResult, StraceCall } from "../text/index.ts";
import { close, FD_CALLS } from "./fd-calls.ts";
import { type FdAnnotation, FileStore, type FileStoreOptions } from "./file-store.ts";
import type { Handler, SucceededCall } from "./handler.ts";
import { NAME_CALLS } from "./name-calls.ts";
import { OBJECT_CALLS } from "./object-calls.ts";
import { OPEN_CALLS } from "./open-calls.ts";
import { infoOf, type OpenFileInfo } from "./open-file.ts";
import { ProcessFiles } from "./process-files.ts";
import { SIZE_CALLS } from "./size-calls.ts";

export type DescriptorsOptions = FileStoreOptions & {
  /** The directory in which the first processes started; without it their relative paths stay relative. */
  readonly cwd?: string;
};

const HANDLERS: ReadonlyMap<string, Handler> = new Map(
  [OPEN_CALLS, OBJECT_CALLS, FD_CALLS, SIZE_CALLS, NAME_CALLS].flatMap((handlers) =>
    Object.entries(handlers),
  ),
);

/**
 * Follows descriptors through a trace, so that a mapping knows its file.
 *
 * Give every call to `observe` in the order in which calls return, and say when tasks begin, exec and end. A
 * task that was never announced is taken for one from before the trace. Memory is bounded by what is open.
 */
export class Descriptors {
  readonly #tasks = new Map<number, ProcessFiles>();
  readonly #store: FileStore;
  #cwd: string;

  constructor({ cwd = "", ...options }: DescriptorsOptions = {}) {
    this.#cwd = cwd;
    this.#store = new FileStore(options);
  }

  /** A new task, before its first call; `shared` when it shares its parent's table (CLONE_FILES). */
  fork(parentTid: number, childTid: number, shared: boolean): void {
    const child = this.#task(parentTid).fork(shared);
    this.exit(childTid);
    this.#tasks.set(childTid, child);
  }

  /** A task runs a new program: what is marked close-on-exec is closed. */
  exec(tid: number): void {
    this.#task(tid).exec();
  }

  exit(tid: number): void {
    this.#tasks.get(tid)?.table.drop();
    this.#tasks.delete(tid);
  }

  /** Takes note of a finished call; those that have nothing to do with files are of no effect. */
  observe(call: StraceCall): void {
    if (call.headless) return;
    if (call.name === "close") {
      if (isClosed(call.result)) close(this.#task(call.tid), call);
      return;
    }
    const handler = HANDLERS.get(call.name);
    if (handler !== undefined && succeeded(call)) handler(this.#task(call.tid), call);
  }

  /**
   * The open file behind a descriptor at this moment. With what -y printed (`parseFd`), a file whose opening
   * the trace does not show is known by its path, and keeps its id until the descriptor is closed.
   */
  lookup(tid: number, fd: number, annotation?: FdAnnotation): OpenFileInfo | undefined {
    const file = this.#task(tid).file(fd, annotation);
    return file === undefined ? undefined : infoOf(file);
  }

  /** The directory in which the first processes started has become known. */
  startIn(cwd: string): void {
    this.#cwd = cwd;
    for (const task of this.#tasks.values()) if (task.fs.cwd === "") task.fs.cwd = cwd;
  }

  /** The task's current directory, "" while the trace has not shown it. */
  cwd(tid: number): string {
    return this.#task(tid).fs.cwd;
  }

  #task(tid: number): ProcessFiles {
    const known = this.#tasks.get(tid);
    if (known !== undefined) return known;
    const found = ProcessFiles.found(this.#store, this.#cwd);
    this.#tasks.set(tid, found);
    return found;
  }
}

const succeeded = (call: StraceCall): call is SucceededCall => call.result.kind === "value";

/** Whatever close answers, the descriptor is gone, unless it was none. */
const isClosed = (result: CallResult): boolean =>
  result.kind === "value" || (result.kind === "error" && result.errno !== "EBADF");
