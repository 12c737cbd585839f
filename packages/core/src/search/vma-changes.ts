import type { PageRange } from "../base/index.ts";
import { type MmStruct, VM_ACCESS_FLAGS, type Vma } from "../mm/index.ts";
import { diffTrees, GapTree } from "../struct/index.ts";
import { diffMaps, type MapChange } from "../timeline/index.ts";
import type { VmaEvent } from "./vocabulary.ts";

const EMPTY = GapTree.empty<Vma>();

const treeOf = (mm: MmStruct | undefined): GapTree<Vma> => mm?.vmas ?? EMPTY;

const EVERYWHERE: PageRange = { start: 0, end: Number.POSITIVE_INFINITY } as unknown as PageRange;

const meets = (a: PageRange, b: PageRange): boolean => a.start < b.end && b.start < a.end;

/** Mappings that are there on one side alone, in order of address, as far as they meet the range. */
interface Sides {
  readonly gone: readonly Vma[];
  readonly come: readonly Vma[];
}

/** What only the model sees, such as that a write has come, is no change of a mapping. */
const looksSame = (b: Vma, a: Vma): boolean =>
  b.start === a.start &&
  b.end === a.end &&
  b.flags === a.flags &&
  b.high === a.high &&
  b.pgoff === a.pgoff &&
  b.file === a.file &&
  b.policy === a.policy;

function sidesOf(before: MmStruct | undefined, after: MmStruct | undefined, range: PageRange): Sides {
  const [gone, come]: [Vma[], Vma[]] = [[], []];
  diffTrees(treeOf(before), treeOf(after), (b, a) => {
    if (b && a && looksSame(b, a)) return;
    if (b && meets(b, range)) gone.push(b);
    if (a && meets(a, range)) come.push(a);
  });
  return { gone, come };
}

/** Every range of pages whose mapping is another behind an event than before it. */
export function* changedRanges(
  before: MmStruct | undefined,
  after: MmStruct | undefined,
): Iterable<PageRange> {
  const { gone, come } = sidesOf(before, after, EVERYWHERE);
  yield* gone;
  yield* come;
}

/**
 * Whether the event between two states did this to mappings of the range, or to any at all. Pages that were not
 * mapped before are created, whatever else became of their mapping, and in the same way removed and protected.
 */
export function vmaBecame(
  before: MmStruct | undefined,
  after: MmStruct | undefined,
  range: PageRange = EVERYWHERE,
  became: VmaEvent,
): boolean {
  if (before === after || treeOf(before) === treeOf(after)) return false;
  const sides = sidesOf(before, after, range);
  if (sides.gone.length === 0 && sides.come.length === 0) return false;
  switch (became) {
    case "changed":
      return true;
    case "created":
      return !covers(sides.gone, sides.come, range) || someKind(before, after, range, "created");
    case "removed":
      return !covers(sides.come, sides.gone, range) || someKind(before, after, range, "removed");
    case "protected":
      return protectedIn(sides, range);
    case "grown":
    case "shrunk":
    case "moved":
    case "split":
    case "merged":
      return someKind(before, after, range, became);
  }
}

function someKind(
  before: MmStruct | undefined,
  after: MmStruct | undefined,
  range: PageRange,
  kind: MapChange["kind"],
): boolean {
  const changes = diffMaps(treeOf(before), treeOf(after));
  return changes.some((change) => change.kind === kind && partsOf(change).some((vma) => meets(vma, range)));
}

/** The mappings that a change speaks of, before and behind it. */
function partsOf(change: MapChange): readonly Vma[] {
  switch (change.kind) {
    case "created":
      return [change.after];
    case "removed":
      return [change.before];
    case "split":
      return [change.before, ...change.parts];
    case "merged":
      return [...change.parts, change.after];
    default:
      return [change.before, change.after];
  }
}

/** Whether each page of `parts` in the range is also one of `whole`; both in order of address. */
function covers(whole: readonly Vma[], parts: readonly Vma[], range: PageRange): boolean {
  let i = 0;
  for (const part of parts) {
    let at = Math.max(part.start, range.start);
    const end = Math.min(part.end, range.end);
    while (at < end) {
      while (i < whole.length && (whole[i] as Vma).end <= at) i++;
      const cover = whole[i];
      if (!cover || cover.start > at) return false;
      at = cover.end;
    }
  }
  return true;
}

/** Whether a page of the range is mapped on both sides, with another access. */
function protectedIn({ gone, come }: Sides, range: PageRange): boolean {
  let i = 0;
  for (const a of come) {
    while (i < gone.length && (gone[i] as Vma).end <= a.start) i++;
    for (let j = i; j < gone.length; j++) {
      const b = gone[j] as Vma;
      if (b.start >= a.end) break;
      const common = { start: Math.max(a.start, b.start), end: Math.min(a.end, b.end) } as PageRange;
      if (meets(common, range) && ((a.flags ^ b.flags) & VM_ACCESS_FLAGS) !== 0) return true;
    }
  }
  return false;
}
