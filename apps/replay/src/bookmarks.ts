import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { fail, ok, type Result } from "@pagetrail/core";
import type { LoadedLog } from "./open-log.ts";
import { errorCode, fileProblem, type Problem } from "./problem.ts";

/** Names for moments of a log, in a file of text beside it. */
interface BookmarkFile {
  readonly pagetrail: "bookmarks";
  /** The hash of the log's first seal: a log that was made anew is another one. */
  readonly log: string;
  readonly bookmarks: Readonly<Record<string, number>>;
}

export const isBookmarkName = (name: string): boolean => /^[A-Za-z][\w.]*$/.test(name);

const pathOf = ({ name }: LoadedLog): string => `${name}.bookmarks`;

const identityOf = ({ seals, hash }: LoadedLog): string => seals[0]?.sha256 ?? hash;

/** The events that bookmarks of a log name, by name; fails, in words, where they are another log's or damaged. */
export function readBookmarks(log: LoadedLog): Result<ReadonlyMap<string, number>, string> {
  if (log.name === "standard input") return ok(new Map());
  const path = pathOf(log);
  try {
    const file = JSON.parse(readFileSync(path, "utf8")) as Partial<BookmarkFile>;
    const { bookmarks = {} } = file;
    const marks = Object.entries(bookmarks);
    const whole = marks.every(([name, seq]) => isBookmarkName(name) && Number.isSafeInteger(seq));
    if (file.pagetrail !== "bookmarks" || !whole) return fail(`${path} is damaged: delete it`);
    if (file.log !== identityOf(log))
      return fail(`${path} is of another log that had this name: delete it, and set the bookmarks again`);
    return ok(new Map(marks));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return ok(new Map());
    if (error instanceof SyntaxError) return fail(`${path} is damaged: delete it`);
    return fail(`${path} cannot be read: ${errorCode(error) ?? String(error)}`);
  }
}

/** Writes all bookmarks of a log: the old file stays until the new one is whole. */
export function writeBookmarks(log: LoadedLog, bookmarks: ReadonlyMap<string, number>): Problem | undefined {
  const path = pathOf(log);
  const partial = `${path}.partial-${process.pid}`;
  const content: BookmarkFile = {
    pagetrail: "bookmarks",
    log: identityOf(log),
    bookmarks: Object.fromEntries([...bookmarks].sort(([, a], [, b]) => a - b)),
  };
  try {
    if (bookmarks.size === 0) {
      rmSync(path, { force: true });
      return undefined;
    }
    writeFileSync(partial, `${JSON.stringify(content, null, 2)}\n`);
    renameSync(partial, path);
    return undefined;
  } catch (error) {
    rmSync(partial, { force: true });
    const problem = fileProblem(path, error);
    if (!problem) throw error;
    return problem;
  }
}
