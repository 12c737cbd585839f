/**
 * A node of a persistent tree of ours, whatever kind of tree it is. A node that is part of a committed state is never
 * changed, so that what is known of it can be remembered with it.
 */
export interface TreeNode<T> {
  /** The node itself, to tell it from others. */
  readonly id: object;
  /** 0 of a leaf. */
  readonly height: number;
  /** What a leaf holds, and the keys that it has them under; empty lists of a branch. */
  readonly keys: readonly number[];
  readonly items: readonly T[];
  children(): readonly TreeNode<T>[];
}

/**
 * Works a value out for a tree from its leaves up, and remembers it with every node: the next tree costs what the two
 * do not share.
 */
export function foldTree<T, A>(
  node: TreeNode<T>,
  known: WeakMap<object, A>,
  fold: { leaf(keys: readonly number[], items: readonly T[]): A; branch(parts: readonly A[]): A },
): A {
  const found = known.get(node.id);
  if (found !== undefined) return found;
  const value =
    node.height === 0
      ? fold.leaf(node.keys, node.items)
      : fold.branch(node.children().map((child) => foldTree(child, known, fold)));
  known.set(node.id, value);
  return value;
}

/** What is in a tree and not in another: its nodes, by their slots, and its items. */
export interface Unshared<T> {
  node(slots: number): void;
  item(item: T): void;
}

/**
 * Visits the nodes and items of `after` that `before` has not. It goes down both trees a level at a time, and what
 * the two share it does not enter.
 */
export function visitUnshared<T>(
  before: TreeNode<T> | undefined,
  after: TreeNode<T>,
  visit: Unshared<T>,
): void {
  let old: readonly TreeNode<T>[] = before ? [before] : [];
  let now: readonly TreeNode<T>[] = [after];
  while (now.length > 0) {
    const height = now[0]?.height ?? 0;
    while ((old[0]?.height ?? 0) > height) old = old.flatMap((node) => node.children());
    const same = (old[0]?.height ?? -1) === height;
    const shared = same ? new Set(old.map(({ id }) => id)) : undefined;
    const fresh = shared ? now.filter(({ id }) => !shared.has(id)) : now;
    for (const { keys, items } of fresh) visit.node(Math.max(keys.length, items.length));
    if (shared) {
      const kept = new Set(now.map(({ id }) => id));
      old = old.filter(({ id }) => !kept.has(id));
    }
    if (height === 0) {
      visitItems(
        old.flatMap(({ items }) => items),
        fresh,
        visit,
      );
      return;
    }
    if (same) old = old.flatMap((node) => node.children());
    now = fresh.flatMap((node) => node.children());
  }
}

function visitItems<T>(before: readonly T[], fresh: readonly TreeNode<T>[], visit: Unshared<T>): void {
  const had = new Set(before);
  for (const { items } of fresh) for (const item of items) if (!had.has(item)) visit.item(item);
}
