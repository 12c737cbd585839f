import { closeSync, fstatSync, ftruncateSync, openSync, rmSync } from "node:fs";
import { fail, LogEncoder, type LogEnd, type LogHeader, ok, type Result } from "@pagetrail/core";
import { FileSink, freeTarget, partialOf, presentTarget } from "./file-sink.ts";
import { attempt } from "./io.ts";
import { LineFile, type SyncPolicy, type WriteCall } from "./line-file.ts";
import { LogLock } from "./lock.ts";
import { LogWriter } from "./log-writer.ts";
import { packingOf, readLog } from "./read-log.ts";
import { sha256 } from "./sha256.ts";
import { findEnd, type Reopened, recovery, type StoreRefusal } from "./store.ts";

export type FileOptions = {
  /** `seals` unless told otherwise. */
  readonly sync?: SyncPolicy;
  /** How bytes reach the file: the system's call, unless a test brings a full disk. */
  readonly write?: WriteCall;
};

/** Logs of such names are packed as they are written. */
const PACKED_ENDING = ".gz";

type OpenLog = { readonly fd: number; readonly position: number };

/** Writes a log into a file. Other writers of the same file are refused until it is closed. */
export class FileLogWriter extends LogWriter {
  /**
   * Begins a log beside `path`, as `PATH.partial-PID`; it gets its name when it is finished, so that a
   * failure leaves an earlier log as it was. Refuses a file that is there, unless it may be overwritten.
   */
  static create(
    path: string,
    header: LogHeader,
    options: FileOptions & { readonly overwrite?: boolean } = {},
  ): Result<FileLogWriter, StoreRefusal> {
    const overwrite = options.overwrite === true;
    if (path.endsWith(PACKED_ENDING) && options.sync === "events") return refuseEvents(path);
    const target = freeTarget(path, overwrite);
    if (!target.ok) return target;
    const locked = LogLock.take(target.value);
    if (!locked.ok) return locked;
    const lock = locked.value;
    const partial = partialOf(target.value, process.pid);
    const opened = attempt({ file: path, verb: "created" }, () => {
      if (lock.deadPid !== undefined) rmSync(partialOf(target.value, lock.deadPid), { force: true });
      return openSync(partial, "w");
    });
    if (!opened.ok) {
      lock.release();
      return opened;
    }
    const packed = path.endsWith(PACKED_ENDING);
    const lines = new LineFile({ ...options, fd: opened.value, file: path, position: 0, packed });
    const placement = { path, partial, target: target.value, overwrite };
    const sink = new FileSink({ lines, lock, sync: options.sync ?? "seals", placement });
    const encoder = new LogEncoder({ header, hash: sha256 });
    const begun = beginLog(lines, encoder.header());
    if (begun.ok) return ok(new FileLogWriter(encoder, sink));
    sink.discard();
    return begun;
  }

  /**
   * Goes on with the log at `path` behind its last whole line: a torn tail is cut off and told, an
   * unfinished segment continued. Refuses a damaged log, and one that another process writes.
   */
  static append(path: string, options: FileOptions = {}): Result<Reopened<FileLogWriter>, StoreRefusal> {
    const target = presentTarget(path);
    if (!target.ok) return target;
    const locked = LogLock.take(target.value);
    if (!locked.ok) return locked;
    const reopened = FileLogWriter.#reopen(path, options, locked.value);
    if (!reopened.ok) locked.value.release();
    return reopened;
  }

  static #reopen(
    path: string,
    options: FileOptions,
    lock: LogLock,
  ): Result<Reopened<FileLogWriter>, StoreRefusal> {
    const kind = attempt({ file: path, verb: "read" }, () => packingOf(path));
    if (!kind.ok) return kind;
    if (kind.value === "foreign") return refusePacked(path);
    const packed = kind.value === "members";
    if (packed && options.sync === "events") return refuseEvents(path);
    const found = findEnd(readLog(path));
    if (!found.ok) return found;
    const { header, end } = found.value;
    const opened = attempt({ file: path, verb: "written" }, () => openBehind(path, end));
    if (!opened.ok) return opened;
    const lines = new LineFile({ ...options, ...opened.value, file: path, packed });
    const sink = new FileSink({ lines, lock, sync: options.sync ?? "seals" });
    const encoder = new LogEncoder({ header, hash: sha256, position: end.position });
    return ok({ writer: new FileLogWriter(encoder, sink), recovery: recovery(header, end) });
  }
}

/** The header is a part of its own: of a packed log the first member. */
function beginLog(lines: LineFile, header: string): Result<undefined, StoreRefusal> {
  const written = lines.write(header);
  return written.ok ? lines.flush() : written;
}

/** Opens a log for writing behind its last whole line, and cuts off what is torn. */
function openBehind(path: string, { torn }: LogEnd): OpenLog {
  const fd = openSync(path, "r+");
  try {
    const position = fstatSync(fd).size - (torn?.bytes ?? 0);
    if (torn !== undefined) ftruncateSync(fd, position);
    return { fd, position };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function refusePacked(path: string): Result<never, StoreRefusal> {
  return fail({
    fault: "packed",
    what: "a log that another program packed cannot be continued",
    where: { file: path },
    advice: "pack it anew, or unpack it: pagetrail pack LOG -o OTHER",
  });
}

function refuseEvents(path: string): Result<never, StoreRefusal> {
  return fail({
    fault: "packed",
    what: "a packed log is on the disk segment by segment, not event by event",
    where: { file: path },
    advice: "write it as text, and pack it when it is finished",
  });
}
