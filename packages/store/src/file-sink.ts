import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import { done, fail, ok, type Result } from "@pagetrail/core";
import { attempt, errorCode } from "./io.ts";
import type { LineFile, SyncPolicy } from "./line-file.ts";
import type { LogLock } from "./lock.ts";
import type { LineSink } from "./log-writer.ts";
import type { StoreRefusal } from "./store.ts";

/** A log that is being created: where its lines wait, and where they will be found. */
export type Placement = {
  /** As the user named it. */
  readonly path: string;
  readonly partial: string;
  /** The path with symbolic links followed. */
  readonly target: string;
  readonly overwrite: boolean;
};

/** The lines of a locked log on their way into its file, and the file's way to its place. */
export class FileSink implements LineSink {
  readonly #lines: LineFile;
  readonly #lock: LogLock;
  readonly #sync: SyncPolicy;
  readonly #placement: Placement | undefined;

  /** Without a placement the file is in its place already. */
  constructor(log: {
    readonly lines: LineFile;
    readonly lock: LogLock;
    readonly sync: SyncPolicy;
    readonly placement?: Placement;
  }) {
    this.#lines = log.lines;
    this.#lock = log.lock;
    this.#sync = log.sync;
    this.#placement = log.placement;
  }

  write(line: string): Result<undefined, StoreRefusal> {
    const written = this.#lines.write(line);
    if (!written.ok || this.#sync !== "events") return written;
    const flushed = this.#lines.flush();
    return flushed.ok ? this.#lines.sync() : flushed;
  }

  commit(): Result<undefined, StoreRefusal> {
    const flushed = this.#lines.flush();
    return flushed.ok && this.#sync !== "end" ? this.#lines.sync() : flushed;
  }

  close(): Result<undefined, StoreRefusal> {
    const flushed = this.#lines.flush();
    if (!flushed.ok) return flushed;
    const synced = this.#lines.sync();
    if (!synced.ok) return synced;
    const placed = this.#placement === undefined ? done : place(this.#placement);
    if (!placed.ok) return placed;
    this.#lines.close();
    this.#lock.release();
    return done;
  }

  discard(): void {
    this.#lines.close();
    if (this.#placement !== undefined) rmSync(this.#placement.partial, { force: true });
    this.#lock.release();
  }
}

export const partialOf = (target: string, pid: number): string => `${target}.partial-${pid}`;

/** The file that a new log's path means; refuses what must not be replaced. */
export function freeTarget(path: string, overwrite: boolean): Result<string, StoreRefusal> {
  const found = attempt({ file: path, verb: "created" }, () => statSync(path, { throwIfNoEntry: false }));
  if (!found.ok) return found;
  if (found.value === undefined) return ok(path);
  if (!overwrite) return taken(path);
  if (!found.value.isFile()) return irregular(path);
  return attempt({ file: path, verb: "created" }, () => realpathSync(path));
}

/** The file of a log that is there. */
export function presentTarget(path: string): Result<string, StoreRefusal> {
  const found = attempt({ file: path, verb: "written" }, () => statSync(path));
  if (!found.ok) return found;
  if (!found.value.isFile()) return irregular(path);
  return attempt({ file: path, verb: "written" }, () => realpathSync(path));
}

function place({ path, partial, target, overwrite }: Placement): Result<undefined, StoreRefusal> {
  if (!overwrite && existsSync(target)) return taken(path);
  return attempt({ file: path, verb: "put in its place" }, () => {
    renameSync(partial, target);
    syncDirectory(dirname(target));
    return undefined;
  });
}

/** A rename is durable when its directory is; some file systems cannot be asked for that. */
function syncDirectory(directory: string): void {
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } catch (error) {
    if (errorCode(error) !== "EINVAL") throw error;
  } finally {
    closeSync(fd);
  }
}

function taken(path: string): Result<never, StoreRefusal> {
  return fail({
    fault: "exists",
    what: "there is a file of this name already",
    where: { file: path },
    advice: "choose another name, or say that it may be overwritten",
  });
}

function irregular(path: string): Result<never, StoreRefusal> {
  return fail({
    fault: "storage",
    what: "a log is kept in a regular file, and this is none",
    where: { file: path },
    advice: "name a file",
  });
}
