import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { ok, type Result } from "@pagetrail/core";
import type { Output } from "../output.ts";
import { errorCode, type Problem, refused } from "../problem.ts";

/** Where the text goes: standard output, or a file that is there only once it is whole. */
export interface Target {
  write(texts: Iterable<string>): void;
  done(): Result<undefined, Problem>;
  /** Leaves nothing behind that is not done. */
  abandon(): void;
}

const BUFFER = 256 * 1024;

export function openTarget(path: string | undefined, out: Output): Result<Target, Problem> {
  if (path === undefined || path === "-") {
    const write = (texts: Iterable<string>): void => {
      for (const text of texts) out.write(text);
    };
    return ok({ write, done: () => ok(undefined), abandon: () => undefined });
  }
  const temporary = `${path}.${process.pid}.part`;
  try {
    return ok(fileTarget(openSync(temporary, "wx"), temporary, path));
  } catch (error) {
    return unwritable(path, error);
  }
}

function fileTarget(fd: number, temporary: string, path: string): Target {
  let [pieces, length, isOpen]: [string[], number, boolean] = [[], 0, true];
  const flush = (): void => {
    const bytes = Buffer.from(pieces.join(""));
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    [pieces, length] = [[], 0];
  };
  return {
    write: (texts) => {
      for (const text of texts) {
        pieces.push(text);
        length += text.length;
        if (length >= BUFFER) flush();
      }
    },
    done: () => {
      flush();
      try {
        renameSync(temporary, path);
      } catch (error) {
        return unwritable(path, error);
      }
      closeSync(fd);
      isOpen = false;
      return ok(undefined);
    },
    abandon: () => {
      if (!isOpen) return;
      closeSync(fd);
      rmSync(temporary, { force: true });
    },
  };
}

function unwritable(path: string, error: unknown): Result<never, Problem> {
  const code = errorCode(error);
  if (code === undefined) throw error;
  return refused({
    what: `it cannot be written: ${code}`,
    where: path,
    advice: "choose another place with -o FILE",
  });
}
