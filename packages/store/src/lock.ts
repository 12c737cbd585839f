import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { fail, ok, type Result } from "@pagetrail/core";
import { attempt, errorCode } from "./io.ts";
import type { StoreRefusal } from "./store.ts";

/** A process, told apart from a later one with the same number by its start. */
type Holder = { readonly pid: number; readonly started: string };

/** A lock file this old without a whole line in it was left by a process that died while taking it. */
const EMPTY_LOCK_MS = 10_000;

/** The right to write one log: the file `NAME.lock` with the writer's pid and start time. */
export class LogLock {
  readonly #path: string;
  /** The dead process whose lock this one replaced. */
  readonly deadPid: number | undefined;

  private constructor(path: string, deadPid: number | undefined) {
    this.#path = path;
    this.deadPid = deadPid;
  }

  /** Locks the log `file`; refuses while another writer lives, and takes over from a dead one. */
  static take(file: string): Result<LogLock, StoreRefusal> {
    const path = `${file}.lock`;
    let deadPid: number | undefined;
    for (let attempts = 0; attempts < 3; attempts += 1) {
      const made = attempt({ file, verb: "written" }, () => makeLock(path));
      if (!made.ok) return made;
      if (made.value) return ok(new LogLock(path, deadPid));
      const found = readText(path);
      if (found === undefined) continue;
      const holder = parseHolder(found);
      if (holder === undefined ? isYoung(path) : isAlive(holder)) return locked(file, holder);
      const moved = attempt({ file, verb: "written" }, () => removeLock(path, found));
      if (!moved.ok) return moved;
      deadPid = holder?.pid;
    }
    return locked(file, undefined);
  }

  release(): void {
    rmSync(this.#path, { force: true });
  }
}

/** False when a lock is there already. */
function makeLock(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, "wx");
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
  try {
    writeSync(fd, `${process.pid} ${startOf(process.pid) ?? ""}\n`);
    return true;
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Removes a dead process's lock, unless somebody else has done so and locked the log since. */
function removeLock(path: string, dead: string): void {
  const aside = `${path}.stale-${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw error;
  }
  if (readText(aside) === dead) rmSync(aside, { force: true });
  else renameSync(aside, path);
}

function parseHolder(text: string): Holder | undefined {
  const [, pid = "", started = ""] = /^(\d+) (\d*)\n$/.exec(text) ?? [];
  return pid === "" ? undefined : { pid: Number(pid), started };
}

function isYoung(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs < EMPTY_LOCK_MS;
}

function isAlive({ pid, started }: Holder): boolean {
  if (started !== "") return startOf(pid) === started;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/** A running process's start in clock ticks since boot; undefined for a zombie, or without /proc. */
function startOf(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  const [state, ...rest] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  return state === "Z" || state === "X" ? undefined : rest[18];
}

function locked(file: string, holder: Holder | undefined): Result<never, StoreRefusal> {
  const who = holder === undefined ? "another process" : `process ${holder.pid}`;
  return fail({
    fault: "locked",
    what: `${who} is writing this log`,
    where: { file },
    advice: `let it finish, or stop it; if there is no such process, remove ${file}.lock`,
  });
}
