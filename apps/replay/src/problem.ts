import { fail, type LogRefusal } from "@pagetrail/core";

/** Why a command does not do what it was asked: the user's to mend. */
export interface Problem {
  readonly what: string;
  /** The file, argument or event that it is about. */
  readonly where?: string;
  readonly advice: string;
}

/** A problem in the middle of work that has no result for it, as when a part of a log that is read late is damaged. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";

  constructor(readonly problem: Problem) {
    super(explain(problem));
  }
}

/** A failed result that carries a problem. */
export const refused = (problem: Problem): { readonly ok: false; readonly error: Problem } => fail(problem);

/** `what was wrong (where): what to do`, on one line. */
export function explain({ what, where, advice }: Problem): string {
  return `${what}${where === undefined ? "" : ` (${where})`}: ${advice}`;
}

/** A refusal of the log or its store in the words of the command line. */
export function problemOf({ what, where, advice }: LogRefusal<string>): Problem {
  const { file, line, segment, firstSeq, lastSeq } = where;
  const places: string[] = [];
  if (file !== undefined) places.push(file);
  if (line !== undefined) places.push(`line ${line}`);
  if (segment !== undefined) places.push(`segment ${segment}`);
  if (firstSeq !== undefined && lastSeq !== undefined && lastSeq >= firstSeq)
    places.push(`events ${firstSeq} to ${lastSeq}`);
  return places.length === 0 ? { what, advice } : { what, where: places.join(", "), advice };
}

/** The system's name of an error, such as ENOENT; undefined for an error of ours. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Why a file cannot be read; undefined for an error that the system did not give. */
export function fileProblem(file: string, error: unknown): Problem | undefined {
  const code = errorCode(error);
  if (code === undefined) return undefined;
  if (code === "ENOENT") return { what: "there is no such file", where: file, advice: "check the name" };
  if (code === "EISDIR") return { what: "this is a directory", where: file, advice: "name a file" };
  if (code === "EACCES" || code === "EPERM")
    return { what: "reading is not allowed", where: file, advice: "check who owns the file" };
  if (code.startsWith("Z_"))
    return { what: "its gzip data is cut off or damaged", where: file, advice: "pack the recording again" };
  return { what: `it cannot be read: ${code}`, where: file, advice: "try another copy" };
}
