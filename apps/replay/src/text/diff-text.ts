import {
  diffMaps,
  type KernelState,
  type MapChange,
  type MmStruct,
  mapsLine,
  type PageChange,
  pageAddress,
  permissions,
  type Vma,
} from "@pagetrail/core";
import { pagesSize } from "./numbers.ts";
import type { Style } from "./style.ts";

/** One side of a comparison: an address space in its state. */
export interface DiffSide {
  readonly state: KernelState;
  readonly mm: MmStruct | undefined;
}

/** How one mapping is written on a line of its own. */
export type LineOf = (state: KernelState, mm: MmStruct, vma: Vma) => string;

/** Changes as lines with a gutter: `+` created, `-` removed, `~` changed, with both sides below it. */
export function* diffLines(
  changes: readonly MapChange[],
  before: DiffSide,
  after: DiffSide,
  { style, line = mapsLine }: { readonly style: Style; readonly line?: LineOf },
): Generator<string> {
  const lineOf =
    ({ state, mm }: DiffSide) =>
    (vma: Vma): string =>
      mm ? line(state, mm, vma).trimEnd() : "";
  yield* changeLines(changes, style, lineOf(before), lineOf(after));
}

/** The same with a function for the lines of each side. */
export function* changeLines(
  changes: readonly MapChange[],
  style: Style,
  before: (vma: Vma) => string,
  after: (vma: Vma) => string,
): Generator<string> {
  for (const change of changes) {
    if (change.kind === "created") yield style.added(`+ ${after(change.after)}`);
    else if (change.kind === "removed") yield style.removed(`- ${before(change.before)}`);
    else {
      yield style.changed(`~ ${headline(change)}`);
      for (const vma of sideBefore(change)) yield style.removed(`    - ${before(vma)}`);
      for (const vma of sideAfter(change)) yield style.added(`    + ${after(vma)}`);
    }
  }
}

const GAINED: ReadonlySet<string> = new Set(["populated", "swapped in"]);
const LOST: ReadonlySet<string> = new Set(["dropped", "swapped out"]);

/** Changes of pages below those of mappings: a run of pages of which the same became, a line. */
export function* pageLines(changes: readonly PageChange[], style: Style): Generator<string> {
  for (const { kind, start, end } of changes) {
    const range = `${pageAddress(start)}-${pageAddress(end)}`;
    const count = end - start === 1 ? "1 page" : `${end - start} pages`;
    if (GAINED.has(kind)) yield style.added(`  + ${range} ${count} ${kind}`);
    else if (LOST.has(kind)) yield style.removed(`  - ${range} ${count} ${kind}`);
    else yield style.changed(`  ~ ${range} ${count} ${kind}`);
  }
}

/** What it takes to come from one side's mappings to the other's. */
export function changesBetween(before: DiffSide, after: DiffSide): readonly MapChange[] {
  if (before.mm && after.mm) return diffMaps(before.mm.vmas, after.mm.vmas);
  const removed = [...(before.mm?.vmas.items() ?? [])].map(
    (vma): MapChange => ({ kind: "removed", before: vma }),
  );
  const created = [...(after.mm?.vmas.items() ?? [])].map(
    (vma): MapChange => ({ kind: "created", after: vma }),
  );
  return [...removed, ...created];
}

type Change = Exclude<MapChange, { kind: "created" } | { kind: "removed" }>;

function headline(change: Change): string {
  switch (change.kind) {
    case "split":
      return `split into ${change.parts.length}`;
    case "merged":
      return `merged from ${change.parts.length}`;
    case "grown":
      return resized(change.before, change.after, "grown");
    case "shrunk":
      return resized(change.before, change.after, "shrunk");
    case "moved":
      return change.after.pages === change.before.pages
        ? "moved"
        : `moved and resized from ${pagesSize(change.before.pages)} to ${pagesSize(change.after.pages)}`;
    case "protected":
      return `protected: ${permissions(change.before)} to ${permissions(change.after)}`;
    case "changed":
    case "renamed":
      return change.kind;
  }
}

function resized(before: Vma, after: Vma, verb: string): string {
  const difference = Math.abs(after.pages - before.pages);
  if (difference === 0) return "shifted";
  const end =
    before.start === after.start ? "at its end" : before.end === after.end ? "at its start" : "at both ends";
  return `${verb} by ${pagesSize(difference)} ${end}`;
}

export const sideBefore = (change: MapChange): readonly Vma[] =>
  change.kind === "created" ? [] : change.kind === "merged" ? change.parts : [change.before];

export const sideAfter = (change: MapChange): readonly Vma[] =>
  change.kind === "removed" ? [] : change.kind === "split" ? change.parts : [change.after];

/** `24 → 25 mappings, 3,904 KB → 4,036 KB`: what the change comes to. */
export function totals(before: MmStruct | undefined, after: MmStruct | undefined): string {
  const vmas = `${before?.vmas.size ?? 0} → ${after?.vmas.size ?? 0} mappings`;
  return `${vmas}, ${pagesSize(before?.totalVm ?? 0)} → ${pagesSize(after?.totalVm ?? 0)}`;
}
