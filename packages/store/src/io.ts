import { fail, ok, type Result } from "@pagetrail/core";
import type { StoreFault, StoreRefusal } from "./store.ts";

/** Does what may fail in the file system; the failure is a value that names the file. */
export function attempt<T>(
  { file, verb }: { readonly file: string; readonly verb: string },
  action: () => T,
): Result<T, StoreRefusal> {
  try {
    return ok(action());
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    const { fault, what, advice } = explain(code);
    return fail({ fault, what: `the log cannot be ${verb}: ${what}`, where: { file }, advice });
  }
}

/** The system's name of an error, such as ENOENT; undefined for an error of ours. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

type Explanation = { readonly fault: StoreFault; readonly what: string; readonly advice: string };

function explain(code: string): Explanation {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return {
        fault: "full",
        what: `no space is left (${code})`,
        advice: "free some space, or choose another place",
      };
    case "ENOENT":
      return { fault: "missing", what: "there is no such file or directory", advice: "check the name" };
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return {
        fault: "storage",
        what: `it is not allowed here (${code})`,
        advice: "check who owns the place",
      };
    case "EISDIR":
    case "ENOTDIR":
      return { fault: "storage", what: `a directory is in the way (${code})`, advice: "name a file" };
    case "ERR_BUFFER_TOO_LARGE":
    case "ERR_OUT_OF_RANGE":
      return {
        fault: "packed",
        what: "it is too large to be unpacked in memory",
        advice: "unpack it with zcat first",
      };
    default:
      if (code.startsWith("Z_")) {
        return {
          fault: "packed",
          what: `it is not whole (${code})`,
          advice: "pack the log again, or restore it",
        };
      }
      return { fault: "storage", what: `the system says ${code}`, advice: "try another place" };
  }
}
