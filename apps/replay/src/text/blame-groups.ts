import {
  type BlameRange,
  callOf,
  type KernelState,
  type MmStruct,
  permissions,
  type Timeline,
  type Vma,
  vmaName,
} from "@pagetrail/core";
import { count, pagesSize } from "./numbers.ts";
import type { Style } from "./style.ts";
import { type Column, table } from "./table.ts";

/** Ranges that one place of a program made: by the same call from the same stack, of the same file. */
export interface BlameGroup {
  readonly call: string;
  readonly stack: readonly string[];
  readonly permissions: string;
  readonly name: string;
  readonly ranges: number;
  readonly pages: number;
  /** The events that made the first and the last of them. */
  readonly first: number;
  readonly last: number;
}

/** The groups, those with most ranges first. */
export function groupBlame(
  timeline: Timeline,
  state: KernelState,
  mm: MmStruct,
  blamed: readonly { readonly vma: Vma; readonly range: BlameRange }[],
): readonly BlameGroup[] {
  const groups = new Map<string, BlameGroup>();
  for (const { vma, range } of blamed) {
    const { seq } = range.created;
    const event = timeline.eventAt(seq);
    const made = { call: event ? callOf(event) : "", stack: event?.stack ?? [] };
    const is = { permissions: permissions(vma), name: vmaName(state, mm, vma) };
    const key = JSON.stringify([made, is]);
    const known = groups.get(key) ?? { ...made, ...is, ranges: 0, pages: 0, first: seq, last: seq };
    groups.set(key, {
      ...known,
      ranges: known.ranges + 1,
      pages: known.pages + range.end - range.start,
      first: Math.min(known.first, seq),
      last: Math.max(known.last, seq),
    });
  }
  return [...groups.values()].sort((a, b) => b.ranges - a.ranges || b.pages - a.pages || a.first - b.first);
}

const COLUMNS: readonly Column[] = [
  { title: "RANGES", right: true },
  { title: "SIZE", right: true },
  { title: "PERM" },
  { title: "MADE BY" },
  { title: "FIRST", right: true },
  { title: "LAST", right: true },
  { title: "NAME" },
];

/** A line a group, the user stack below it where the recording has one. */
export function* groupTable(groups: readonly BlameGroup[], style: Style): Iterable<string> {
  const rows = groups.map(({ ranges, pages, permissions: perm, call, first, last, name }) => [
    count(ranges),
    pagesSize(pages),
    perm,
    call,
    String(first),
    String(last),
    name,
  ]);
  const [head = "", ...lines] = table(COLUMNS, rows);
  yield style.dim(head);
  for (const [i, line] of lines.entries()) {
    yield line;
    for (const frame of groups[i]?.stack ?? []) yield style.dim(`          at ${frame}`);
  }
}
