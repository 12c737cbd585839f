import { statSync } from "node:fs";
import { basename } from "node:path";
import { ok, type Result } from "@pagetrail/core";
import { readLog } from "@pagetrail/store";
import { fileProblem, type Problem, refused } from "./problem.ts";

/**
 * The log that an import writes: the one that is named, or in the current folder the recording's name
 * with .ptlog for its ending. A log that is there is made anew; refuses to overwrite anything else.
 */
export function logTarget(output: string | undefined, traces: readonly string[]): Result<string, Problem> {
  const path = output ?? defaultTarget(traces[0] ?? "-");
  if (path === undefined)
    return refused({ what: "the log needs a name", where: "standard input", advice: "give one with -o LOG" });
  if (path === "-")
    return refused({ what: "a log is written to a file", where: "-o -", advice: "name one with -o LOG" });
  return replaceable(path);
}

/** `strace.txt.gz` and `trace.4242` become `strace.ptlog` and `trace.ptlog`. */
function defaultTarget(trace: string): string | undefined {
  if (trace === "-") return undefined;
  const name = basename(trace).replace(/\.gz$/, "");
  return `${name.replace(/(?<=.)\.[^.]*$/, "")}.ptlog`;
}

function replaceable(path: string): Result<string, Problem> {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (!found || found.size === 0) return ok(path);
    if (found.isDirectory())
      return refused({ what: "this is a directory", where: path, advice: "name a file with -o LOG" });
    if (found.isFile() && isLog(path)) return ok(path);
    const what = "there is a file of this name already, and it is not a Pagetrail log";
    return refused({ what, where: path, advice: "choose another name with -o LOG" });
  } catch (error) {
    const problem = fileProblem(path, error);
    if (!problem) throw error;
    return refused(problem);
  }
}

/** Whether the file begins with a log's header, packed or not. */
export function isLog(path: string): boolean {
  for (const item of readLog(path)) return item.kind === "header";
  return false;
}
