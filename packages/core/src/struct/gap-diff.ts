import { GapNode, type Span } from "./gap-node.ts";

/** Learns of one difference: `before` alone is an item taken away, `after` alone one added, both an exchange. */
export type DiffVisitor<T> = (before: T | undefined, after: T | undefined) => void;

/**
 * Visits the differences between the items below two nodes, in ascending order of start.
 *
 * Two cursors walk the trees. Whichever stands lower moves on; when both stand at the same start, a shared node
 * is stepped over whole, and otherwise the higher of the two nodes is entered, so that a shared node is never
 * entered before both cursors have reached it.
 */
export function diffNodes<T extends Span>(a: GapNode<T>, b: GapNode<T>, visit: DiffVisitor<T>): void {
  const left = new Cursor(a);
  const right = new Cursor(b);
  while (!left.done || !right.done) {
    if (left.start < right.start) {
      if (left.height >= 0) left.enter();
      else visit(left.take(), undefined);
    } else if (right.start < left.start) {
      if (right.height >= 0) right.enter();
      else visit(undefined, right.take());
    } else if (left.slot === right.slot) {
      left.advance();
      right.advance();
    } else if (left.height >= 0 || right.height >= 0) {
      if (left.height >= right.height) left.enter();
      else right.enter();
    } else visit(left.take(), right.take());
  }
}

/** Stands at one slot of a tree, a node or an item, until it is done. */
class Cursor<T extends Span> {
  readonly #nodes: GapNode<T>[] = [];
  readonly #indexes: number[] = [];
  slot: T | GapNode<T> | undefined;
  /** Of the node it stands at; -1 at an item. */
  height = -1;
  start = Infinity;

  constructor(root: GapNode<T>) {
    if (root.slots.length > 0) this.#push(GapNode.branch({}, [root], root.height + 1));
  }

  get done(): boolean {
    return this.slot === undefined;
  }

  /** Goes from the node it stands at to that node's first slot. */
  enter(): void {
    this.#push(this.slot as GapNode<T>);
  }

  /** Returns the item it stands at, and advances. */
  take(): T {
    const item = this.slot as T;
    this.advance();
    return item;
  }

  /** Goes to what follows the slot it stands at. */
  advance(): void {
    const nodes = this.#nodes;
    const indexes = this.#indexes;
    for (let depth = nodes.length - 1; depth >= 0; depth--) {
      const node = nodes[depth] as GapNode<T>;
      const i = (indexes[depth] as number) + 1;
      if (i < node.slots.length) {
        indexes[depth] = i;
        this.#stand(node, i);
        return;
      }
      nodes.pop();
      indexes.pop();
    }
    this.slot = undefined;
    this.height = -1;
    this.start = Infinity;
  }

  #push(node: GapNode<T>): void {
    this.#nodes.push(node);
    this.#indexes.push(0);
    this.#stand(node, 0);
  }

  #stand(node: GapNode<T>, i: number): void {
    this.slot = node.slots[i];
    this.height = node.height - 1;
    this.start = node.start(i);
  }
}
