import { assert } from "../base/assert.ts";
import type { GapNode, Span } from "./gap-node.ts";

/**
 * The highest free gap of at least `length` pages within `[low, high)`, clipped to those bounds.
 * @kernel mas_empty_area_rev, lib/maple_tree.c
 */
export function highestGap<T extends Span>(
  root: GapNode<T>,
  length: number,
  low: number,
  high: number,
): Span | undefined {
  assert(length > 0, "a gap has a length");
  const count = root.slots.length;
  if (count === 0) return clippedGap(low, high, length, low, high);
  return (
    clippedGap(root.end(count - 1), high, length, low, high) ??
    highestGapBelow(root, length, low, high) ??
    clippedGap(low, root.start(0), length, low, high)
  );
}

/**
 * The lowest free gap of at least `length` pages within `[low, high)`, clipped to those bounds.
 * @kernel mas_empty_area, lib/maple_tree.c
 */
export function lowestGap<T extends Span>(
  root: GapNode<T>,
  length: number,
  low: number,
  high: number,
): Span | undefined {
  assert(length > 0, "a gap has a length");
  const count = root.slots.length;
  if (count === 0) return clippedGap(low, high, length, low, high);
  return (
    clippedGap(low, root.start(0), length, low, high) ??
    lowestGapBelow(root, length, low, high) ??
    clippedGap(root.end(count - 1), high, length, low, high)
  );
}

/** Among the gaps between two items of `node`. Only a child astride `low` or `high` is entered in vain. */
function highestGapBelow<T extends Span>(
  node: GapNode<T>,
  length: number,
  low: number,
  high: number,
): Span | undefined {
  const last = node.slots.length - 1;
  for (let i = node.lastStartingBelow(high); i >= 0; i--) {
    const end = node.end(i);
    if (i < last && node.start(i + 1) - end >= length) {
      const gap = clippedGap(end, node.start(i + 1), length, low, high);
      if (gap !== undefined) return gap;
    }
    if (end <= low) return undefined;
    if (node.height > 0 && (node.gaps[i] as number) >= length) {
      const gap = highestGapBelow(node.child(i), length, low, high);
      if (gap !== undefined) return gap;
    }
  }
  return undefined;
}

/** Its mirror image. */
function lowestGapBelow<T extends Span>(
  node: GapNode<T>,
  length: number,
  low: number,
  high: number,
): Span | undefined {
  const count = node.slots.length;
  for (let i = node.firstEndingAbove(low); i < count; i++) {
    const start = node.start(i);
    if (i > 0 && start - node.end(i - 1) >= length) {
      const gap = clippedGap(node.end(i - 1), start, length, low, high);
      if (gap !== undefined) return gap;
    }
    if (start >= high) return undefined;
    if (node.height > 0 && (node.gaps[i] as number) >= length) {
      const gap = lowestGapBelow(node.child(i), length, low, high);
      if (gap !== undefined) return gap;
    }
  }
  return undefined;
}

/** The part of the gap `[start, end)` within `[low, high)`, if it is long enough. */
function clippedGap(start: number, end: number, length: number, low: number, high: number): Span | undefined {
  const from = Math.max(start, low);
  const to = Math.min(end, high);
  return to - from >= length ? { start: from, end: to } : undefined;
}
