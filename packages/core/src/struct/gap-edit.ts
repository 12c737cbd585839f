import { assert } from "../base/assert.ts";
import { FEWEST_SLOTS, GapNode, MOST_SLOTS, type Owner, type Span } from "./gap-node.ts";

const OVERLAP = "spans are not empty, ascend, and do not overlap";

/** Stops unless the items are in ascending order, disjoint, none empty, and lie within `[floor, ceiling)`. */
export function checkOrder(items: readonly Span[], floor: number, ceiling: number): void {
  let end = floor;
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as Span;
    assert(end <= item.start && item.start < item.end, OVERLAP);
    end = item.end;
  }
  assert(end <= ceiling, OVERLAP);
}

/** Stops unless one item is not empty and lies within `[floor, ceiling)`. */
export function checkPlace(item: Span, floor: number, ceiling: number): void {
  assert(floor <= item.start && item.start < item.end && item.end <= ceiling, OVERLAP);
}

/** The child in slot `i` of a node that is `owner`'s, made `owner`'s as well. */
export function ownChild<T extends Span>(node: GapNode<T>, i: number, owner: Owner): GapNode<T> {
  const child = node.child(i);
  if (child.owner === owner) return child;
  const copy = child.copy(owner);
  node.slots[i] = copy;
  return copy;
}

/** Exchanges items of one leaf, and says whether the nodes above have to be settled. */
export function spliceLeaf<T extends Span>(
  leaf: GapNode<T>,
  from: number,
  removed: number,
  inserted: readonly T[],
): boolean {
  const to = from + removed;
  const inside = from > 0 && to < leaf.slots.length;
  const widest = inside ? leaf.widestGapAmong(from - 1, to) : 0;
  leaf.spliceItems(from, removed, inserted);
  const count = leaf.slots.length;
  if (!inside || count < FEWEST_SLOTS || count > MOST_SLOTS) return true;
  return leaf.widestGapAmong(from - 1, from + inserted.length) !== widest;
}

/** Brings a tree in order after the leaf at `at` was edited, from that leaf upward; returns the root. */
export function settle<T extends Span>(root: GapNode<T>, at: number, owner: Owner): GapNode<T> {
  settleBelow(root, at, owner);
  if (root.slots.length > MOST_SLOTS) {
    const higher = GapNode.branch(owner, [root], root.height + 1);
    higher.splitChild(0, owner);
    return higher;
  }
  return root.height > 0 && root.slots.length === 1 ? root.child(0) : root;
}

/** Says whether `node` now starts, ends or gapes otherwise, or has more or fewer slots. */
function settleBelow<T extends Span>(node: GapNode<T>, at: number, owner: Owner): boolean {
  if (node.height === 0) return true;
  const i = Math.max(0, node.lastStartingBelow(at + 1));
  const child = node.child(i);
  if (!settleBelow(child, at, owner)) return false;
  const count = child.slots.length;
  if (count > MOST_SLOTS) node.splitChild(i, owner);
  else if (count < FEWEST_SLOTS) mendChild(node, i, owner);
  else return node.setChild(i, child);
  return true;
}

/** Joins a child that has become too small with a neighbour. */
function mendChild<T extends Span>(node: GapNode<T>, i: number, owner: Owner): void {
  const lower = i > 0 ? i - 1 : i;
  ownChild(node, lower, owner);
  node.mergeChildren(lower, owner);
}
