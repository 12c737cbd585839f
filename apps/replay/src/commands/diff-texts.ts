import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { ok, type Result } from "@pagetrail/core";
import { looksLikeMaps, type MapsText, parseMaps } from "@pagetrail/import";
import type { Output } from "../output.ts";
import { type Problem, refused } from "../problem.ts";
import { diffSnapshots, snapshotOfText } from "../snapshot.ts";
import { counted } from "../text/numbers.ts";
import { snapshotJson, snapshotLines } from "../text/snapshot-text.ts";
import type { Ending } from "./command.ts";
import type { DiffLogsOptions } from "./diff-logs.ts";

const HEAD = 4096;

/** Whether a file is the text of /proc/PID/maps or smaps, by its first line. */
export function isMapsFile(path: string): boolean {
  if (path === "-") return false;
  try {
    const fd = openSync(path, "r");
    try {
      const head = Buffer.alloc(HEAD);
      return looksLikeMaps(head.toString("latin1", 0, readSync(fd, head, 0, HEAD, 0)));
    } finally {
      closeSync(fd);
    }
  } catch {
    // Whoever opens it as a log says what is wrong with it.
    return false;
  }
}

/** Compares two texts of /proc/PID/maps or smaps. */
export async function diffTexts(
  left: string,
  right: string,
  { json, normalize = false }: DiffLogsOptions,
  out: Output,
): Ending {
  const a = readMaps(left);
  if (!a.ok) return a;
  const b = readMaps(right);
  if (!b.ok) return b;
  const diff = diffSnapshots(snapshotOfText(a.value), snapshotOfText(b.value), normalize);
  const same = diff.changes.length === 0 && diff.sizes.length === 0;
  if (json) out.document({ files: [left, right], normalize, ...snapshotJson(diff) });
  else {
    for (const [path, { mappings, kind }] of [
      [left, a.value],
      [right, b.value],
    ] as const)
      out.note(`${path}: ${kind}, ${counted(mappings.length, "mapping")}`);
    out.lines(snapshotLines(diff, out.style));
    if (same) out.note(normalize ? "no difference but for random places" : "no difference");
  }
  return ok(same ? 0 : 1);
}

function readMaps(path: string): Result<MapsText, Problem> {
  const text = readFileSync(path, "utf8");
  if (!looksLikeMaps(text))
    return refused({
      what: "this is no text of /proc/PID/maps or smaps, and the other file is",
      where: path,
      advice: "give two of these, or two logs",
    });
  const parsed = parseMaps(text);
  if (parsed.ok) return parsed;
  const { line, what } = parsed.error;
  return refused({
    what,
    where: `${path}, line ${line}`,
    advice: "give the whole file, as the kernel prints it",
  });
}
