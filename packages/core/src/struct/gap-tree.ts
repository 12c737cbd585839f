import { assert } from "../base/assert.ts";
import { checkNodes } from "./gap-check.ts";
import { type DiffVisitor, diffNodes } from "./gap-diff.ts";
import { checkOrder, checkPlace, ownChild, settle, spliceLeaf } from "./gap-edit.ts";
import { GapNode, MOST_SLOTS, type Owner, type Span } from "./gap-node.ts";
import { highestGap, lowestGap } from "./gap-search.ts";
import type { TreeNode } from "./tree-nodes.ts";

/** How full a tree built at once leaves its nodes: room for the edits to come. */
const BUILT_SLOTS = 36;

/**
 * Disjoint spans in ascending order, and the free gaps between them, each found in O(log n).
 *
 * A B+tree whose nodes are copied before they are changed, unless this tree has already copied them since the
 * last `clone`: cloning costs nothing, and a burst of edits copies each node once. Items are never changed, only
 * exchanged. Positions are page numbers, integers below 2^53.
 * @kernel struct maple_tree, lib/maple_tree.c
 */
export class GapTree<T extends Span> {
  #root: GapNode<T>;
  #size: number;
  /** Absent while no node may be changed in place: after a clone, and until the next edit. */
  #owner: Owner | undefined;

  private constructor(root: GapNode<T>, size: number) {
    this.#root = root;
    this.#size = size;
  }

  static empty<T extends Span>(): GapTree<T> {
    return new GapTree<T>(GapNode.leaf<T>({}), 0);
  }

  /** A tree of items that are in ascending order and disjoint. */
  static from<T extends Span>(sortedItems: readonly T[]): GapTree<T> {
    checkOrder(sortedItems, -Infinity, Infinity);
    const owner: Owner = {};
    const tree = new GapTree<T>(built(sortedItems, owner), sortedItems.length);
    tree.#owner = owner;
    return tree;
  }

  get size(): number {
    return this.#size;
  }

  /** A second tree with the same items. From here on neither sees the other's edits. */
  clone(): GapTree<T> {
    this.#owner = undefined;
    return new GapTree<T>(this.#root, this.#size);
  }

  /** The tree's nodes, for what goes by what two trees share. */
  get nodes(): TreeNode<T> {
    return new SpanNode(this.#root);
  }

  /** The item that contains `at`. */
  find(at: number): T | undefined {
    const leaf = this.#leafEndingAbove(at);
    const i = leaf.firstEndingAbove(at);
    return i < leaf.slots.length && leaf.start(i) <= at ? leaf.item(i) : undefined;
  }

  /**
   * The first item that ends above `at`: the one that contains it, or else the next.
   * @kernel find_vma, mm/mmap.c
   */
  findFrom(at: number): T | undefined {
    const leaf = this.#leafEndingAbove(at);
    const i = leaf.firstEndingAbove(at);
    return i < leaf.slots.length ? leaf.item(i) : undefined;
  }

  /** The last item that starts below `at`; of an item's start, its neighbour below. */
  findBefore(at: number): T | undefined {
    let node = this.#root;
    let i = node.lastStartingBelow(at);
    if (i < 0) return undefined;
    while (node.height > 0) {
      node = node.child(i);
      i = node.lastStartingBelow(at);
    }
    return node.item(i);
  }

  first(): T | undefined {
    return this.findFrom(-Infinity);
  }

  last(): T | undefined {
    return this.findBefore(Infinity);
  }

  /** Whether any item has a page in `[start, end)`. */
  overlaps(start: number, end: number): boolean {
    const leaf = this.#leafEndingAbove(start);
    const i = leaf.firstEndingAbove(start);
    return start < end && i < leaf.slots.length && leaf.start(i) < end;
  }

  /** Every item that has a page in `[start, end)`. */
  collect(start: number, end: number): T[] {
    const first = this.findFrom(start);
    if (!first || first.start >= end || start >= end) return [];
    // Mostly it is this one alone, and a list that grows from nothing takes room for many.
    const found = [first];
    let at = first.end;
    while (at < end) {
      const leaf = this.#leafEndingAbove(at);
      const count = leaf.slots.length;
      let i = leaf.firstEndingAbove(at);
      if (i === count) break;
      for (; i < count; i++) {
        if (leaf.start(i) >= end) return found;
        found.push(leaf.item(i));
      }
      at = leaf.end(count - 1);
    }
    return found;
  }

  /** The items in order, beginning with `findFrom(from)`. The tree must not be edited meanwhile. */
  *items(from = -Infinity): IterableIterator<T> {
    let at = from;
    for (;;) {
      const leaf = this.#leafEndingAbove(at);
      const count = leaf.slots.length;
      let i = leaf.firstEndingAbove(at);
      if (i === count) return;
      for (; i < count; i++) yield leaf.item(i);
      at = leaf.end(count - 1);
    }
  }

  /** All items in order; it also lets a test framework compare two trees by what they hold. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.items();
  }

  forEach(visit: (item: T) => void): void {
    visitBelow(this.#root, visit);
  }

  toArray(): T[] {
    return this.collect(-Infinity, Infinity);
  }

  /** Adds an item where nothing is. */
  insert(item: T): void {
    const leaf = this.#ownLeaf(item.start, this.#takeOwner());
    const count = leaf.slots.length;
    // In a leaf that is all of the tree there is nothing above to settle: most programs have no more.
    if (leaf !== this.#root || count === MOST_SLOTS) {
      this.splice([], [item]);
      return;
    }
    const at = leaf.lastStartingBelow(item.start + 1) + 1;
    checkPlace(item, at > 0 ? leaf.end(at - 1) : -Infinity, at < count ? leaf.start(at) : Infinity);
    leaf.insertItem(at, item);
    this.#size += 1;
  }

  /** Takes out the item that starts at exactly `start`. */
  remove(start: number): T {
    const item = this.findFrom(start);
    assert(item?.start === start, "an item to remove starts there");
    this.splice([item], []);
    return item;
  }

  /** Exchanges one item for another, whose span may differ but stays between the same neighbours. */
  replaceItem(oldItem: T, newItem: T): void {
    if (oldItem.start !== newItem.start || oldItem.end !== newItem.end) {
      this.splice([oldItem], [newItem]);
      return;
    }
    const leaf = this.#ownLeaf(oldItem.start, this.#takeOwner());
    const i = leaf.lastStartingBelow(oldItem.start + 1);
    assert(leaf.slots[i] === oldItem, UNKNOWN_ITEM);
    leaf.slots[i] = newItem;
  }

  /**
   * Exchanges a run of consecutive items for others, in ascending order and disjoint, that fit between the
   * neighbours of the run (of `inserted[0]`, when nothing is removed). Made for a few items on either side.
   */
  splice(removed: readonly T[], inserted: readonly T[]): void {
    const head = removed.length > 0 ? removed[0] : inserted[0];
    if (head === undefined) return;
    if (removed.length === this.#size) {
      this.#replaceAll(removed, inserted);
      return;
    }
    const at = head.start;
    const owner = this.#takeOwner();
    const leaf = this.#ownLeaf(at, owner);
    const count = leaf.slots.length;
    const below = leaf.lastStartingBelow(at + 1);
    const from = removed.length > 0 ? below : below + 1;
    const to = from + removed.length;
    // More than two leaves' worth could not be split in halves.
    if (to > count || count - removed.length + inserted.length > 2 * MOST_SLOTS) {
      this.#spliceOneByOne(removed, inserted);
      return;
    }
    for (let k = 0; k < removed.length; k++) assert(leaf.slots[from + k] === removed[k], UNKNOWN_ITEM);
    const floor = from > 0 ? leaf.end(from - 1) : (this.findBefore(at)?.end ?? -Infinity);
    const ceiling = to < count ? leaf.start(to) : this.#startAfter(leaf);
    checkOrder(inserted, floor, ceiling);
    this.#size += inserted.length - removed.length;
    // A leaf that is all of the tree has nobody above it who notes its gaps.
    if (leaf === this.#root && count - removed.length + inserted.length <= MOST_SLOTS)
      leaf.spliceItems(from, removed.length, inserted);
    else if (spliceLeaf(leaf, from, removed.length, inserted)) this.#root = settle(this.#root, at, owner);
  }

  /** The highest free gap of at least `length` pages within `[low, high)`, clipped to those bounds. */
  highestGap(length: number, low: number, high: number): Span | undefined {
    return highestGap(this.#root, length, low, high);
  }

  /** The lowest free gap of at least `length` pages within `[low, high)`, clipped to those bounds. */
  lowestGap(length: number, low: number, high: number): Span | undefined {
    return lowestGap(this.#root, length, low, high);
  }

  /** Visits, in ascending order of start, the items in which `other` differs; see `diffTrees`. */
  diff(other: GapTree<T>, visit: DiffVisitor<T>): void {
    diffNodes(this.#root, other.#root, visit);
  }

  /** Whatever is wrong with the tree: nothing, unless this module has a bug. */
  check(): string[] {
    return checkNodes(this.#root, this.#size);
  }

  /** The leaf that holds the first item that ends above `at`; the last leaf when no item does. */
  #leafEndingAbove(at: number): GapNode<T> {
    let node = this.#root;
    while (node.height > 0) node = node.child(Math.min(node.firstEndingAbove(at), node.slots.length - 1));
    return node;
  }

  /** Where the first item above a leaf starts. */
  #startAfter(leaf: GapNode<T>): number {
    const count = leaf.slots.length;
    return count > 0 ? (this.findFrom(leaf.end(count - 1))?.start ?? Infinity) : Infinity;
  }

  #takeOwner(): Owner {
    this.#owner ??= {};
    return this.#owner;
  }

  /** The leaf where an item that starts at `at` is, or belongs: made `owner`'s, and all nodes above it. */
  #ownLeaf(at: number, owner: Owner): GapNode<T> {
    if (this.#root.owner !== owner) this.#root = this.#root.copy(owner);
    let node = this.#root;
    while (node.height > 0) node = ownChild(node, Math.max(0, node.lastStartingBelow(at + 1)), owner);
    return node;
  }

  /** An address space is born, or ends, as a whole: cheaper to build than to edit. */
  #replaceAll(removed: readonly T[], inserted: readonly T[]): void {
    let known = 0;
    visitBelow(this.#root, (item) => {
      assert(item === removed[known++], UNKNOWN_ITEM);
    });
    checkOrder(inserted, -Infinity, Infinity);
    this.#root = built(inserted, this.#takeOwner());
    this.#size = inserted.length;
  }

  /** For a run that crosses from one leaf into the next, or is longer than a leaf takes. */
  #spliceOneByOne(removed: readonly T[], inserted: readonly T[]): void {
    for (const item of removed) this.splice([item], []);
    for (const item of inserted) this.splice([], [item]);
  }
}

const UNKNOWN_ITEM = "the items to take out are in the tree, one after the other";

/**
 * Visits every item of `a` that is not in `b` and the reverse, in ascending order of start. Two items that start
 * at the same page come together. What the two trees share is skipped, so that the cost is that of the edits
 * between them.
 */
export function diffTrees<T extends Span>(a: GapTree<T>, b: GapTree<T>, visit: DiffVisitor<T>): void {
  a.diff(b, visit);
}

/** The root of a new tree. */
function built<T extends Span>(sortedItems: readonly T[], owner: Owner): GapNode<T> {
  let nodes = evenRuns(sortedItems).map((run) => {
    const leaf = GapNode.leaf<T>(owner);
    leaf.spliceItems(0, 0, run);
    return leaf;
  });
  for (let height = 1; nodes.length > 1; height++) {
    nodes = evenRuns(nodes).map((run) => GapNode.branch(owner, run, height));
  }
  return nodes[0] ?? GapNode.leaf<T>(owner);
}

function visitBelow<T extends Span>(node: GapNode<T>, visit: (item: T) => void): void {
  const count = node.slots.length;
  if (node.height === 0) for (let i = 0; i < count; i++) visit(node.item(i));
  else for (let i = 0; i < count; i++) visitBelow(node.child(i), visit);
}

/** Cuts a list into as few runs as will do, all of nearly the same length. */
function evenRuns<E>(list: readonly E[]): E[][] {
  const count = Math.ceil(list.length / BUILT_SLOTS);
  const runs: E[][] = [];
  for (let i = 0; i < count; i++) {
    const from = Math.floor((i * list.length) / count);
    runs.push(list.slice(from, Math.floor(((i + 1) * list.length) / count)));
  }
  return runs;
}

class SpanNode<T extends Span> implements TreeNode<T> {
  constructor(readonly id: GapNode<T>) {}

  get height(): number {
    return this.id.height;
  }

  get keys(): readonly number[] {
    return this.id.bounds;
  }

  get items(): readonly T[] {
    return this.id.height === 0 ? (this.id.slots as readonly T[]) : [];
  }

  children(): readonly TreeNode<T>[] {
    return (this.id.slots as readonly GapNode<T>[]).map((node) => new SpanNode(node));
  }
}
