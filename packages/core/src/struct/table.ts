import { BTreeEx } from "sorted-btree/extended/index.js";
import type { TreeNode } from "./tree-nodes.ts";

/** Learns of one difference: `before` alone is a record taken away, `after` alone one added, both an exchange. */
export type TableVisitor<K, V> = (key: K, before: V | undefined, after: V | undefined) => void;

/**
 * A population of records by number: ordered, and cloned at no cost. Records are never changed, only exchanged,
 * and none is `undefined`.
 */
export class Table<K extends number, V> {
  readonly #tree: BTreeEx<K, V>;

  private constructor(tree: BTreeEx<K, V>) {
    this.#tree = tree;
  }

  static empty<K extends number, V>(): Table<K, V> {
    return new Table<K, V>(new BTreeEx<K, V>(undefined, ascending));
  }

  static from<K extends number, V>(entries: Iterable<readonly [K, V]>): Table<K, V> {
    const table = Table.empty<K, V>();
    for (const [key, value] of entries) table.set(key, value);
    return table;
  }

  get size(): number {
    return this.#tree.size;
  }

  /** A second table with the same records. From here on neither sees the other's edits. */
  clone(): Table<K, V> {
    return new Table<K, V>(this.#tree.clone());
  }

  get(key: K): V | undefined {
    return this.#tree.get(key);
  }

  has(key: K): boolean {
    return this.#tree.has(key);
  }

  set(key: K, value: V): void {
    this.#tree.set(key, value);
  }

  /** Takes a record out, and says whether there was one. */
  delete(key: K): boolean {
    return this.#tree.delete(key);
  }

  /** The tree's nodes, for what goes by what two tables share. */
  get nodes(): TreeNode<V> {
    return new TableNode<V>((this.#tree as unknown as { readonly _root: LibraryNode<V> })._root);
  }

  /** The lowest key. */
  first(): K | undefined {
    return this.#tree.minKey();
  }

  /** The highest key. */
  last(): K | undefined {
    return this.#tree.maxKey();
  }

  /** In ascending order, as are the values and entries. The table must not be edited meanwhile. */
  keys(): IterableIterator<K> {
    return this.#tree.keys();
  }

  values(): IterableIterator<V> {
    return this.#tree.values();
  }

  entries(): IterableIterator<[K, V]> {
    return this.#tree.entries();
  }

  /** Records whose keys are in [low, high), in ascending order, as a list: the table may be edited meanwhile. */
  range(low: K, high: K): readonly V[] {
    return this.#tree.getRange(low, high).map(([, value]) => value);
  }

  /** The entries; it also lets a test framework compare two tables by what they hold. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  /** Visits, in ascending order, the keys whose record `other` lacks, adds or exchanges; skips what both share. */
  diff(other: Table<K, V>, visit: TableVisitor<K, V>): void {
    const found: [K, V | undefined, V | undefined][] = [];
    const note = (key: K, before: V | undefined, after: V | undefined): void => {
      found.push([key, before, after]);
    };
    this.#tree.diffAgainst(
      other.#tree,
      (key, before) => note(key, before, undefined),
      (key, after) => note(key, undefined, after),
      note,
    );
    // The library finds a record that is gone and one that was exchanged in either order.
    found.sort(([a], [b]) => ascending(a, b));
    for (const [key, before, after] of found) visit(key, before, after);
  }
}

/** A node as sorted-btree has it: a branch has children, and a leaf values. */
interface LibraryNode<V> {
  readonly keys: readonly number[];
  readonly values: readonly V[];
  readonly children?: readonly LibraryNode<V>[];
}

class TableNode<V> implements TreeNode<V> {
  readonly #node: LibraryNode<V>;

  constructor(node: LibraryNode<V>) {
    this.#node = node;
  }

  get id(): object {
    return this.#node;
  }

  get height(): number {
    let height = 0;
    for (let below = this.#node.children; below; below = below[0]?.children) height++;
    return height;
  }

  get keys(): readonly number[] {
    return this.#node.keys;
  }

  get items(): readonly V[] {
    // An empty leaf has a list of values in common with all others.
    return this.#node.children || this.#node.keys.length === 0 ? [] : this.#node.values;
  }

  children(): readonly TreeNode<V>[] {
    return (this.#node.children ?? []).map((node) => new TableNode(node));
  }
}

function ascending(a: number, b: number): number {
  return a - b;
}
