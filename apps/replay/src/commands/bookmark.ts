import { ok } from "@pagetrail/core";
import { isBookmarkName, readBookmarks, writeBookmarks } from "../bookmarks.ts";
import { describeMoment } from "../moment.ts";
import { openLog } from "../open-log.ts";
import type { Output } from "../output.ts";
import { findMoment } from "../position.ts";
import { refused } from "../problem.ts";
import { type Column, table } from "../text/table.ts";
import type { CommonOptions, Ending } from "./command.ts";

export interface BookmarkOptions extends CommonOptions {
  readonly delete?: boolean;
}

const COLUMNS: readonly Column[] = [{ title: "NAME" }, { title: "MOMENT" }];

/** Names a moment of a log, for every command that takes a position; without a name it lists those that there are. */
export async function bookmarkCommand(
  path: string,
  { name, position }: { readonly name: string | undefined; readonly position: string | undefined },
  options: BookmarkOptions,
  out: Output,
): Ending {
  if (path === "-")
    return refused({ what: "bookmarks lie beside a file", where: "-", advice: "write the log into a file" });
  const log = await openLog(path, out);
  if (!log.ok) return log;
  const known = readBookmarks(log.value);
  if (!known.ok) return refused({ what: known.error, where: path, advice: "see pagetrail bookmark --help" });
  const marks = new Map(known.value);
  if (name !== undefined) {
    const bare = name.replace(/^@/, "");
    if (!isBookmarkName(bare))
      return refused({
        what: "this is no name",
        where: name,
        advice: "begin with a letter; then letters, digits, _ and .",
      });
    if (options.delete === true) {
      if (!marks.delete(bare))
        return refused({
          what: `there is no bookmark @${bare}`,
          where: path,
          advice: "see pagetrail bookmark LOG",
        });
    } else {
      const moment = findMoment(position ?? "end", log.value);
      if (!moment.ok) return refused({ what: moment.error, where: path, advice: "see pagetrail events" });
      if (moment.value.note) out.note(moment.value.note);
      marks.set(bare, moment.value.seq);
    }
    const problem = writeBookmarks(log.value, marks);
    if (problem) return refused(problem);
  }
  if (options.json) out.document({ log: path, bookmarks: Object.fromEntries(marks) });
  else if (name === undefined)
    out.lines(
      table(
        COLUMNS,
        [...marks].map(([one, seq]) => [`@${one}`, describeMoment(log.value, seq)]),
      ),
    );
  else if (options.delete !== true)
    out.line(
      `@${name.replace(/^@/, "")}: ${describeMoment(log.value, marks.get(name.replace(/^@/, "")) ?? 0)}`,
    );
  return ok(0);
}
